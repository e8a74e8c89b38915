"""Who is connected and which sources are live, with sums up the tree. Core: `now_us` is an argument.

A person is present while one of its connections is, and `GRACE_US` longer: a page that is loaded again or a line that
broke for a moment is no going. Call a verb, then take `next_event` until it gives None; call `handle_timer` at
`get_timer`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from dispatch.directory.sums import Sums
from dispatch.records import Endpoint, Person
from dispatch.tables import Change, Tables

#: Longer than a page needs to load again, short enough to believe what one sees.
GRACE_US = 10_000_000


@dataclass(frozen=True, slots=True)
class PersonCame:
    """Somebody is present since `since_us`."""

    person: str
    since_us: int


@dataclass(frozen=True, slots=True)
class PersonWent:
    """Somebody is present no more; `since_us`: when the last connection was lost."""

    person: str
    since_us: int


@dataclass(frozen=True, slots=True)
class SourceBegan:
    """A source is live since `since_us`."""

    source: str
    since_us: int


@dataclass(frozen=True, slots=True)
class SourceEnded:
    """A source is live no more, since `since_us`."""

    source: str
    since_us: int


Event = PersonCame | PersonWent | SourceBegan | SourceEnded


@dataclass(frozen=True, slots=True)
class Here:
    """Present people and live sources of a unit and everything below it."""

    people: int
    sources: int


@dataclass(slots=True)
class _Present:
    since_us: int
    unit: str
    connections: set[str] = field(default_factory=set)
    lost_us: int = 0


class Presence:
    """Follows connections, sources and the directory. Reads `tables`, changes nothing in them."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._sums = Sums(2, tables.units)
        self._people: dict[str, _Present] = {}
        #: Those without a connection, in the order in which they lost it.
        self._leaving: dict[str, None] = {}
        self._sources: dict[str, tuple[int, str]] = {}
        self._events: deque[Event] = deque()

    def connect(self, person: str, connection: str, now_us: int) -> None:
        """Somebody has one connection more; of no effect for who is not in the directory."""
        record = self._tables.people.find(person)
        if record is None or record.disabled:
            return
        present = self._people.get(person)
        if present is None:
            present = self._people[person] = _Present(now_us, record.unit)
            self._sums.add(record.unit, (1, 0))
            self._events.append(PersonCame(person, now_us))
        present.connections.add(connection)
        self._leaving.pop(person, None)

    def disconnect(self, person: str, connection: str, now_us: int) -> None:
        """A connection was lost; of no effect when it was not known."""
        present = self._people.get(person)
        if present is None or connection not in present.connections:
            return
        present.connections.remove(connection)
        if not present.connections:
            present.lost_us = now_us
            self._leaving[person] = None

    def leave(self, person: str, now_us: int) -> None:
        """Somebody signed out or may come in no more: gone at once, with all connections."""
        present = self._people.pop(person, None)
        if present is None:
            return
        self._leaving.pop(person, None)
        self._sums.add(present.unit, (-1, 0))
        self._events.append(PersonWent(person, now_us if present.connections else present.lost_us))

    def begin(self, source: str, now_us: int) -> None:
        """A source is live: an endpoint's (its id) or a person's (`PERSON.anything`); of no effect when known."""
        if source not in self._sources:
            unit = self._unit_of_source(source)
            self._sources[source] = (now_us, unit)
            self._sums.add(unit, (0, 1))
            self._events.append(SourceBegan(source, now_us))

    def end(self, source: str, now_us: int) -> None:
        """A source is live no more; of no effect when it was not."""
        held = self._sources.pop(source, None)
        if held is not None:
            self._sums.add(held[1], (0, -1))
            self._events.append(SourceEnded(source, now_us))

    def follow(self, changes: Iterable[Change], now_us: int) -> None:
        """Follow the directory: moved units, people and endpoints, people who were removed or disabled."""
        for change in changes:
            self._sums.follow(change)
            match change.old or change.new:
                case Person():
                    self._follow_person(change, now_us)
                case Endpoint() if change.id in self._sources:
                    self._place(change.id)

    def get_timer(self) -> int | None:
        """Return when `handle_timer` has something to do, None for never."""
        first = next(iter(self._leaving), None)
        return None if first is None else self._people[first].lost_us + GRACE_US

    def handle_timer(self, now_us: int) -> None:
        """Let go who lost the last connection long enough ago."""
        while (due := self.get_timer()) is not None and due <= now_us:
            self.leave(next(iter(self._leaving)), now_us)

    def next_event(self) -> Event | None:
        """Return what has happened next, None when all was told."""
        return self._events.popleft() if self._events else None

    def is_online(self, person: str) -> bool:
        """Tell whether somebody is present."""
        return person in self._people

    def since_us(self, person: str) -> int:
        """Return since when somebody is present, 0 when not."""
        present = self._people.get(person)
        return present.since_us if present else 0

    def connections(self, person: str) -> frozenset[str]:
        """Return the connections somebody has now; none while in grace."""
        present = self._people.get(person)
        return frozenset(present.connections) if present else frozenset()

    def is_live(self, source: str) -> bool:
        """Tell whether a source is live."""
        return source in self._sources

    def here(self, unit: str) -> Here:
        """Return how many people are present and sources live in a unit and below it."""
        return Here(*self._sums.of(unit))

    def _unit_of_source(self, source: str) -> str:
        endpoint = self._tables.endpoints.find(source)
        if endpoint is not None:
            return endpoint.unit
        person = self._tables.people.find(source.partition(".")[0])
        return person.unit if person else ""

    def _follow_person(self, change: Change, now_us: int) -> None:
        old, new = change.old, change.new
        if not isinstance(new, Person) or new.disabled:
            self.leave(change.id, now_us)
        elif change.id in self._people:
            self._move_person(self._people[change.id], new.unit)
        if not (isinstance(old, Person) and isinstance(new, Person) and old.unit == new.unit):
            for source in self._sources:
                if source.startswith(f"{change.id}."):
                    self._place(source)

    def _move_person(self, present: _Present, unit: str) -> None:
        if present.unit != unit:
            self._sums.add(present.unit, (-1, 0))
            self._sums.add(unit, (1, 0))
            present.unit = unit

    def _place(self, source: str) -> None:
        since_us, before = self._sources[source]
        unit = self._unit_of_source(source)
        if unit != before:
            self._sums.add(before, (0, -1))
            self._sums.add(unit, (0, 1))
            self._sources[source] = (since_us, unit)
