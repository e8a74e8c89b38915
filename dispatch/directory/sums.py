"""What is below every unit: counts that follow each change up the tree, so that a page opens it level by level. Core.

Keeps the tree as it was told step by step: several changes that came together are seen in their order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Literal

from dispatch.records import Endpoint, Person, Unit
from dispatch.tables import Change, Tables

_MAX_DEPTH = 64  # as in `Permissions.line`: a damaged tree must not hang the node

What = Literal["units", "people", "endpoints", "present", "live"]


@dataclass(slots=True)
class Sum:
    """Of a unit and all below it; `units` without itself. `present` people connected, `live` sources."""

    units: int = 0
    people: int = 0
    endpoints: int = 0
    present: int = 0
    live: int = 0


_WHATS: tuple[What, ...] = tuple(item.name for item in fields(Sum))  # type: ignore[misc]


class Sums:
    """The counts of all units."""

    def __init__(self, tables: Tables) -> None:
        self._parents: dict[str, str] = {unit.id: unit.parent for unit in tables.units}
        self._sums: dict[str, Sum] = {unit.id: Sum() for unit in tables.units}
        self._touched: set[str] = set()
        for unit in tables.units:
            people, endpoints = tables.people_of_unit.count(unit.id), tables.endpoints_of_unit.count(unit.id)
            for held in self._line(unit.id):
                held.units += 1
                held.people += people
                held.endpoints += endpoints
            self._sums[unit.id].units -= 1
        self._touched.clear()

    def of(self, unit: str) -> Sum:
        """Return a unit's counts."""
        return self._sums.get(unit) or Sum()

    def take_touched(self) -> set[str]:
        """Return the units whose counts have changed since the last call."""
        touched, self._touched = self._touched, set()
        return touched

    def add(self, unit: str, what: What, count: int) -> None:
        """Count so many more in a unit and in all above it; of no effect where the unit is not known."""
        if not count:
            return
        for held in self._line(unit):
            setattr(held, what, getattr(held, what) + count)

    def follow(self, change: Change) -> None:
        """Follow a change of the directory; others are passed over."""
        old, new = change.old, change.new
        if change.kind == "unit":
            self._unit(change.id, old, new)  # type: ignore[arg-type]
        elif change.kind in ("person", "endpoint"):
            what: What = "people" if change.kind == "person" else "endpoints"
            before = old.unit if isinstance(old, Person | Endpoint) else ""
            after = new.unit if isinstance(new, Person | Endpoint) else ""
            if before != after:
                self.add(before, what, -1)
                self.add(after, what, 1)

    def _line(self, unit: str) -> Iterator[Sum]:
        """Give the sums of a unit and of all above it, to be changed."""
        for _ in range(_MAX_DEPTH):
            held = self._sums.get(unit)
            if held is None:
                return
            self._touched.add(unit)
            yield held
            unit = self._parents[unit]

    def _unit(self, identifier: str, old: Unit | None, new: Unit | None) -> None:
        before, after = old.parent if old else None, new.parent if new else None
        if before == after:
            return
        moved = self._sums.get(identifier) or Sum()
        if before is not None:
            self._carry(before, moved, -1)
        if after is None:
            del self._sums[identifier], self._parents[identifier]
            return
        self._sums[identifier], self._parents[identifier] = moved, after
        self._carry(after, moved, 1)

    def _carry(self, unit: str, moved: Sum, sign: int) -> None:
        for what in _WHATS:
            self.add(unit, what, sign * (getattr(moved, what) + (what == "units")))
