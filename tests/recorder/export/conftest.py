from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Page, async_playwright

from tests.console.browser import CHROMIUM
from tests.patience import PATIENCE_S
from tests.peers.browser import ALL_FLAGS


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def page() -> AsyncIterator[Page]:
    """One page of Chromium."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ALL_FLAGS)
        page = await browser.new_page()
        page.set_default_timeout(PATIENCE_S * 1000)
        yield page
        await browser.close()
