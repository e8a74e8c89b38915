"""Refused sign-ins, gathered so that an attack does not fill the journal: the first of a login soon, then sums.

Core: `now` is monotonic seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from dispatch.entry import Origin

#: A login's refusals are written so often at most.
EVERY_S = 60.0
#: Logins told apart at a time; what is more counts as nobody's. So many entries a minute are the most.
MAX_KEPT = 500
#: Who is not in the directory.
NOBODY = ""


@dataclass(slots=True)
class _Sum:
    count: int
    origin: Origin
    due_s: float


@dataclass(frozen=True, slots=True)
class Refused:
    """So many refusals of a person; `origin` is that of the last."""

    person: str
    count: int
    origin: Origin


class Refusals:
    """Counts by person."""

    def __init__(self) -> None:
        self._sums: dict[str, _Sum] = {}

    def note(self, person: str, origin: Origin, now: float) -> None:
        """Count a refusal."""
        if person not in self._sums and len(self._sums) >= MAX_KEPT:
            person = NOBODY
        kept = self._sums.setdefault(person, _Sum(0, origin, now))
        kept.count += 1
        kept.origin = origin

    def get_timer(self) -> float | None:
        """Return when `handle_timer` is due, None for never."""
        return min((item.due_s for item in self._sums.values()), default=None)

    def handle_timer(self, now: float) -> list[Refused]:
        """Return what to write. A login that was quiet since is forgotten, so that its next refusal is written soon."""
        due = [(person, item) for person, item in self._sums.items() if item.due_s <= now]
        written: list[Refused] = []
        for person, item in due:
            if item.count:
                written.append(Refused(person, item.count, item.origin))
                item.count, item.due_s = 0, now + EVERY_S
            else:
                del self._sums[person]
        return written

    def rest(self) -> list[Refused]:
        """Return all that was not written yet, at the end, and forget everything."""
        sums, self._sums = self._sums, {}
        return [Refused(person, item.count, item.origin) for person, item in sums.items() if item.count]
