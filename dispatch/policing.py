"""Carries out the policies of recording: which acts the node owes so that what is wanted is what is recorded. Core.

Asked once a second, so it remembers what it saw: while no table that it looks at has changed, the same sources are live
and no time that matters has come, it says nothing at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Final

from dispatch.acts.base import Act
from dispatch.acts.ordered import Expire, Order, Release, Roll
from dispatch.acts.recordings import MAX_RUNNING
from dispatch.policies import Holding, Want, is_over, lacks, rank
from dispatch.records import Recording, Stage
from dispatch.tables import RUNNING, Tables

#: A recording waits so long for its source to come back.
GONE_US: Final = 60_000_000
_NEVER_US: Final = 1 << 62


class Policing:
    """The node's memory of it. `unmet`: how much is wanted that there is no room for."""

    def __init__(self, tables: Tables) -> None:
        self.unmet = 0
        self._tables = tables
        self._seen: tuple[int, ...] = ()
        self._live: Set[str] = frozenset()
        self._next_us = self._looked_us = 0
        self._gone: dict[str, int] = {}
        """Recordings whose sources are not live, and since when."""

    def due(self, live: Set[str], now_us: int) -> list[Act]:
        """Return what is to be done now; `live`: the sources that send."""
        seen = self._versions()
        if seen == self._seen and self._looked_us <= now_us < self._next_us and live == self._live:
            return []
        self._next_us, self._looked_us = _NEVER_US, now_us
        acts = list(self._look(live, now_us))
        # What is refused (a disk that is full) is owed as before.
        self._seen, self._live = () if acts else seen, live
        return acts

    def _versions(self) -> tuple[int, ...]:
        tables = self._tables
        seen = (tables.policies, tables.units, tables.endpoints, tables.people, tables.consultations, tables.recordings)
        return tuple(table.version for table in seen)

    def _look(self, live: Set[str], now_us: int) -> Iterator[Act]:
        holding = Holding(self._tables, now_us)
        yield from self._over(now_us)
        wanted = self._wanted(holding, live)
        gone, self._gone = self._gone, {}
        running = tuple(self._tables.recordings_running.ids(RUNNING))
        for recording in map(self._tables.recordings.get, running):
            want = wanted.pop(recording.of, None) or holding.want(recording.of)
            is_gone = recording.of.startswith("source:") and recording.of.removeprefix("source:") not in live
            if is_gone:
                # The clock may have been set back meanwhile.
                self._gone[recording.id] = min(now_us, gone.get(recording.id, now_us))
            act = self._owed(recording, want, now_us)
            if act is not None:
                yield act
        room = max(0, MAX_RUNNING - len(running))
        lacking = sorted(wanted, key=lambda of: _order(wanted[of]))
        self.unmet = max(0, len(lacking) - room)
        yield from (Order(of=of) for of in lacking[:room])

    def _over(self, now_us: int) -> Iterator[Act]:
        for policy in self._tables.policies:
            if is_over(policy, now_us):
                yield Expire(policy=policy.id)
            else:
                self._look_at(policy.until_us or _NEVER_US)
                if policy.from_us > now_us:
                    self._look_at(policy.from_us)

    def _wanted(self, holding: Holding, live: Set[str]) -> dict[str, Want]:
        """Return what of all that could be recorded now is wanted."""
        if not len(self._tables.policies):
            return {}
        running = (item.id for item in self._tables.consultations if item.stage is Stage.RUNNING)
        could = [*(f"consultation:{item}" for item in running), *(f"source:{item}" for item in live)]
        found = ((of, holding.want(of)) for of in could)
        return {of: want for of, want in found if want is not None}

    def _owed(self, recording: Recording, want: Want | None, now_us: int) -> Act | None:
        """Return what is to be done about a recording that runs."""
        if want is None:
            return Release(recording=recording.id) if recording.policy else None
        if recording.policy and recording.id in self._gone:
            ends_us = self._gone[recording.id] + GONE_US
            if ends_us <= now_us:
                return Release(recording=recording.id, gone=True)
            self._look_at(ends_us)
        if lacks(recording, want):
            return Order(of=recording.of)
        if recording.policy and not recording.paused_us:
            ends_us = recording.begun_us + want.period_us
            if ends_us <= now_us:
                return Roll(recording=recording.id)
            self._look_at(ends_us)
        return None

    def _look_at(self, time_us: int) -> None:
        """Look again at this time, whatever has changed until then."""
        self._next_us = min(self._next_us, time_us)


def _order(want: Want) -> tuple[bool, int]:
    """What there is not room for all of: emergencies first, then what is kept longest."""
    return not want.is_emergency, -rank(want.retention)
