"""How far a command is, for a person at a terminal: a bar of bytes that comes once it takes a while."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

_QUIET_S = 2.0
"""So long nothing is said of progress."""
_REDRAW_S = 0.1


@contextmanager
def progress(what: str) -> Iterator[tuple[Callable[[int], None], Callable[[int], None]]]:
    """Give what is told the number of bytes, and what is told of each piece; shown on the error output."""
    columns = TextColumn(what), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    shown = Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False)
    task, done, next_at, is_shown = shown.add_task("", total=None), 0, time.monotonic() + _QUIET_S, False

    def begin(total: int) -> None:
        shown.update(task, total=total)

    def tell(count: int) -> None:
        nonlocal done, next_at, is_shown
        done += count
        if time.monotonic() >= next_at:
            next_at = time.monotonic() + _REDRAW_S
            if not is_shown:
                shown.start()
                is_shown = True
            shown.update(task, completed=done, refresh=True)

    try:
        yield begin, tell
    finally:
        if is_shown:  # stopping alone would print an empty line
            shown.stop()
