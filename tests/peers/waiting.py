"""Waiting for something to become true, with a deadline that tells what it was."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any


async def until(
    what: str, probe: Callable[[], Awaitable[Any]], done: Callable[[Any], bool], seconds: float = 15.0
) -> Any:
    """Ask `probe` until `done` holds of its answer; return that. Fails with the last answer after `seconds`."""
    answer: Any = None
    try:
        async with asyncio.timeout(seconds):
            while not done(answer := await probe()):
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{what}: not within {seconds} s, last {answer!r}") from None
    return answer
