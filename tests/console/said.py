"""What a page says for a moment only, heard by who listened before: a slow machine looks when it is gone again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from playwright.async_api import Locator

from tests.patience import PATIENCE_S

_LISTEN: Final = """(note, state) => ({
  heard: new Promise((resolve) => {
    const watch = new MutationObserver(() => {
      if (note.dataset.said !== state) return;
      watch.disconnect();
      resolve(note.textContent);
    });
    watch.observe(note, { attributes: true, attributeFilter: ["data-said"] });
  }),
})"""


@asynccontextmanager
async def says_done(note: Locator, words: str = "") -> AsyncIterator[None]:
    """What is done inside is said at this note to be done, in these words where they matter."""
    listening = await note.evaluate_handle(_LISTEN, "done")
    yield
    async with asyncio.timeout(PATIENCE_S):
        assert words in await listening.evaluate("({ heard }) => heard")
