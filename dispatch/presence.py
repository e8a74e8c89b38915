"""Who is connected: somebody is online while a page of theirs is, and for a time of grace after the last one. Core.

A page that is loaded again, or whose line broke for a moment, has not gone. What counts it up the tree is
`dispatch.directory.sums`; which sources are live is what `dispatch.sources` knows.
"""

from __future__ import annotations

from collections.abc import Callable

#: Longer than a page needs to load again, short enough to believe what one sees.
GRACE_US = 8_000_000


class Presence:
    """Counts connections. Times are microseconds UTC; `handle_timer` about once a second ends the grace of who is gone.

    A clock that is set back ends it too: nobody is online for as long as a clock was wrong.
    """

    def __init__(self, grace_us: int = GRACE_US) -> None:
        self._grace_us = grace_us
        #: Who is online -> connections; none while in grace.
        self._connections: dict[str, set[str]] = {}
        #: Who is in grace -> when the last connection was lost.
        self._lost_us: dict[str, int] = {}
        self._since_us: dict[str, int] = {}
        self._listeners: list[Callable[[str], None]] = []

    def listen(self, callback: Callable[[str], None]) -> Callable[[], None]:
        """Tell `callback` who came or went, after it happened, until what is returned is called."""
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    def is_online(self, person: str) -> bool:
        """Tell whether somebody is online."""
        return person in self._connections

    def since_us(self, person: str) -> int:
        """Return since when somebody is as it is now (offline: without a page); 0 for who was never here."""
        return self._since_us.get(person, 0)

    def was_online(self, person: str, within_us: int, now_us: int) -> bool:
        """Tell whether somebody is online, or had a page until less than `within_us` ago."""
        return person in self._connections or 0 <= now_us - self.since_us(person) < within_us

    def connect(self, person: str, connection: str, now_us: int) -> None:
        """Somebody has one connection more."""
        came = person not in self._connections
        self._connections.setdefault(person, set()).add(connection)
        self._lost_us.pop(person, None)
        if came:
            self._tell(person, now_us)

    def disconnect(self, person: str, connection: str, now_us: int, *, for_good: bool = False) -> None:
        """A connection is over, without grace when it is `for_good`; of no effect when it is not known."""
        held = self._connections.get(person, set())
        if connection not in held:
            return
        held.remove(connection)
        if held:
            return
        if for_good or not self._grace_us:
            self._leave(person, now_us)
        else:
            self._lost_us[person] = now_us

    def handle_timer(self, now_us: int) -> None:
        """Let go whose time of grace is over."""
        for person, lost_us in tuple(self._lost_us.items()):
            if not 0 <= now_us - lost_us < self._grace_us:
                self._leave(person, lost_us)

    def _leave(self, person: str, since_us: int) -> None:
        del self._connections[person]
        self._lost_us.pop(person, None)
        self._tell(person, since_us)

    def _tell(self, person: str, since_us: int) -> None:
        self._since_us[person] = since_us
        for callback in tuple(self._listeners):
            callback(person)
