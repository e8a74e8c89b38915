"""The tree as it is shown: one level at a time, each unit with how much is below it. Core."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dispatch.directory.sums import Sums
from dispatch.names import fold
from dispatch.records import Endpoint, Person, Unit
from dispatch.tables import Change, Tables

#: Units, people or endpoints given at once; a page asks for more.
MAX_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Counts:
    """What is in a unit and below it; `units` does not count itself."""

    units: int
    people: int
    endpoints: int


class Tree:
    """Shows `tables`; `follow` their changes."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._sums = Sums(3, tables.units)
        for unit in tables.units:
            people, endpoints = tables.people_of_unit.count(unit.id), tables.endpoints_of_unit.count(unit.id)
            self._sums.add(unit.id, (1, people, endpoints))

    def follow(self, changes: Iterable[Change]) -> None:
        """Follow what has happened to units, people and endpoints."""
        for change in changes:
            old, new = change.old, change.new
            match old or new:
                case Unit():
                    if old is not None and new is None:
                        self._sums.add(change.id, (-1, 0, 0))
                    self._sums.follow(change)
                    if old is None:
                        self._sums.add(change.id, (1, 0, 0))
                case Person():
                    self._step(old, new, (0, 1, 0))
                case Endpoint():
                    self._step(old, new, (0, 0, 1))

    def counts(self, unit: str) -> Counts:
        """Return what is in a unit and below it."""
        units, people, endpoints = self._sums.of(unit)
        return Counts(max(units - 1, 0), people, endpoints)

    def children(self, unit: str, start: int = 0, limit: int = MAX_ROWS) -> list[Unit]:
        """Return units below a unit, or the roots (""), by their order, then name. Raises Unknown."""
        if unit:
            self._tables.units.get(unit)
        found = [self._tables.units.get(item) for item in self._tables.children.ids(unit or "root")]
        found.sort(key=lambda item: (item.order, fold(item.name_zh), item.id))
        return found[start : start + min(limit, MAX_ROWS)]

    def people(self, unit: str, start: int = 0, limit: int = MAX_ROWS) -> list[Person]:
        """Return the people of a unit by name. Raises Unknown."""
        self._tables.units.get(unit)
        found = [self._tables.people.get(item) for item in self._tables.people_of_unit.ids(unit)]
        found.sort(key=lambda item: (fold(item.name), item.login))
        return found[start : start + min(limit, MAX_ROWS)]

    def endpoints(self, unit: str, start: int = 0, limit: int = MAX_ROWS) -> list[Endpoint]:
        """Return the endpoints of a unit by name. Raises Unknown."""
        self._tables.units.get(unit)
        found = [self._tables.endpoints.get(item) for item in self._tables.endpoints_of_unit.ids(unit)]
        found.sort(key=lambda item: (fold(item.name_zh), item.id))
        return found[start : start + min(limit, MAX_ROWS)]

    def _step(self, old: object, new: object, one: tuple[int, ...]) -> None:
        before = old.unit if isinstance(old, Person | Endpoint) else ""
        after = new.unit if isinstance(new, Person | Endpoint) else ""
        if before != after:
            self._sums.add(before, [-number for number in one])
            self._sums.add(after, one)
