"""Who is connected, from the pages' connections alone: a person is online while it has at least one. Core."""

from __future__ import annotations

from collections.abc import Callable


class PagePresence:
    """Counts connections; a person who has lost the last one is offline at once."""

    def __init__(self) -> None:
        self._connections: dict[str, dict[str, str]] = {}
        self._since: dict[str, int] = {}
        self._listeners: list[Callable[[str], None]] = []

    def is_online(self, person: str) -> bool:
        """Tell whether somebody has a page open."""
        return person in self._connections

    def since_us(self, person: str) -> int:
        """Return since when somebody is as it is now; 0 when it was not here in this life of the server."""
        return self._since.get(person, 0)

    def devices(self, person: str) -> tuple[str, ...]:
        """Return the devices somebody is connected by."""
        return tuple(dict.fromkeys(self._connections.get(person, {}).values()))

    def connect(self, person: str, connection: str, device: str, now_us: int) -> None:
        """Somebody's page has come."""
        held = self._connections.setdefault(person, {})
        held[connection] = device
        if len(held) == 1:
            self._enter(person, now_us)

    def disconnect(self, person: str, connection: str, now_us: int) -> None:
        """Somebody's page is gone; of no effect when it was not there."""
        held = self._connections.get(person, {})
        if held.pop(connection, None) is not None and not held:
            del self._connections[person]
            self._enter(person, now_us)

    def handle_timer(self, now_us: int) -> None:
        """There is no time of grace."""

    def listen(self, callback: Callable[[str], None]) -> Callable[[], None]:
        """Tell `callback` who came or went, until what is returned is called."""
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    def _enter(self, person: str, now_us: int) -> None:
        self._since[person] = now_us
        for callback in tuple(self._listeners):
            callback(person)
