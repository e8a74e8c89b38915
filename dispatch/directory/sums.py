"""Numbers that belong to units, summed up the tree: each change costs as many steps as the unit is deep. Core."""

from __future__ import annotations

from collections.abc import Iterable

from dispatch.records import Unit
from dispatch.tables import Change


class Sums:
    """`width` numbers a unit. Keeps its own picture of the tree, to follow changes after they happened."""

    def __init__(self, width: int, units: Iterable[Unit]) -> None:
        self._zero = (0,) * width
        self._above = {unit.id: unit.parent for unit in units}
        self._below: dict[str, list[int]] = {}

    def of(self, unit: str) -> tuple[int, ...]:
        """Return the numbers of a unit and everything below it."""
        found = self._below.get(unit)
        return tuple(found) if found is not None else self._zero

    def add(self, unit: str, numbers: Iterable[int]) -> None:
        """Add numbers to a unit and all above it; of no effect where the unit is not known."""
        step = tuple(numbers)
        seen = 0
        while unit in self._above and seen < len(self._above):  # a damaged tree must not hang the node
            held = self._below.setdefault(unit, list(self._zero))
            for place, number in enumerate(step):
                held[place] += number
            if not any(held):
                del self._below[unit]
            unit = self._above[unit]
            seen += 1

    def follow(self, change: Change) -> None:
        """Follow a unit's coming, moving or going, with all that is below it; other changes are passed over."""
        old, new = change.old, change.new
        if isinstance(new, Unit) and old is None:
            self._above.setdefault(new.id, new.parent)
        elif isinstance(old, Unit) and (not isinstance(new, Unit) or new.parent != old.parent):
            carried = self.of(old.id)
            self.add(old.id, [-number for number in carried])
            del self._above[old.id]
            if isinstance(new, Unit):
                self._above[new.id] = new.parent
                self.add(new.id, carried)
