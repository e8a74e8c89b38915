"""When a sender is asked for a keyframe: seldom, because thin uplinks pay for it. Core."""

from __future__ import annotations

from typing import Final

#: Behind a loss a keyframe may come by itself, or because somebody who watches asked.
AFTER_LOSS_NS: Final = 500_000_000
#: Between two requests that nothing came of.
APART_NS: Final = 10_000_000_000
#: Between two requests while nothing can be recorded at all.
URGENT_APART_NS: Final = 2_000_000_000


class Asking:
    """Call `take` now and then; True: ask now."""

    def __init__(self) -> None:
        self._due_ns: int | None = None
        self._asked_ns: int | None = None

    def need(self, now_ns: int, after_ns: int, apart_ns: int = APART_NS) -> None:
        """Ask after so long unless a keyframe comes, and so long after the last request."""
        due = now_ns + after_ns
        if self._asked_ns is not None:
            due = max(due, self._asked_ns + apart_ns)
        self._due_ns = due if self._due_ns is None else min(self._due_ns, due)

    def came(self) -> None:
        """A keyframe is there."""
        self._due_ns = None

    def take(self, now_ns: int) -> bool:
        if self._due_ns is None or now_ns < self._due_ns:
            return False
        self._due_ns, self._asked_ns = None, now_ns
        return True
