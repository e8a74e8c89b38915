"""How long tests wait for what must come, and how.

One patience for the whole suite: a busy machine may stand still for many seconds, and a wait that ends with its event
costs nothing by being long. A wait that proves that something does *not* come has a short time of its own, and may
only pass too easily on a slow machine, never fail. What hangs for good is ended by pytest's own limit.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

PATIENCE_S: Final = 60.0

_FIRST_PAUSE_S: Final = 0.0005
_LONGEST_PAUSE_S: Final = 0.05


def _pauses(what: str) -> Iterator[float]:
    """Give the seconds between one look and the next: short at first, for what comes at once; fail in the end.

    A look that was begun after the time is over still counts: the machine may have slept, and the event be there.
    """
    end = time.monotonic() + PATIENCE_S
    pause = _FIRST_PAUSE_S
    while time.monotonic() < end:
        yield pause
        pause = min(pause * 1.5, _LONGEST_PAUSE_S)
    yield 0.0
    raise AssertionError(f"in vain: {what}")


def wait_until(condition: Callable[[], Any], what: str) -> None:
    """Block until the condition holds; fail with `what`."""
    for pause in _pauses(what):
        if condition():
            return
        time.sleep(pause)


async def until(what: str, probe: Callable[[], Any], done: Callable[[Any], Any] = bool) -> Any:
    """Ask `probe`, a function or a coroutine function, until `done` holds of its answer; return that."""
    answer: Any = None
    try:
        for pause in _pauses(what):
            answer = probe()
            if inspect.isawaitable(answer):
                answer = await answer
            if done(answer):
                return answer
            await asyncio.sleep(pause)
    except AssertionError as error:
        error.add_note(f"last answer: {answer!r}")
        raise
