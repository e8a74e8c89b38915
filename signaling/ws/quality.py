"""What pages see, hear and send, in figures: a sample of every line each ten seconds, for drills and disputes. Shell.

Loss is what was not there in the end, not what was repaired on the way. Counts are read from the relay; what only the
page knows (jitter of what it plays) comes from its reports.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from dispatch.desk.rounds import Rounds
from dispatch.errors import Unavailable
from dispatch.flow import CONSULTATION
from dispatch.store.quality import Sample
from dispatch.tables import Tables
from signaling.webrtc.connections import Connections
from signaling.webrtc.errors import SessionUnknown
from signaling.webrtc.statistics import ConnectionStatistics
from signaling.ws.media import PageMedia

_log = structlog.get_logger(__name__)

#: Connections read in one turn of the loop: some 5 ms.
CONNECTIONS_A_TURN = 50


@dataclass(frozen=True, slots=True)
class _Count:
    at: float
    octets: int
    expected: int
    lost: int


class QualityLog(Rounds):
    """Takes samples and hands them to `keep`."""

    interval_seconds = 10.0

    def __init__(
        self,
        tables: Tables,
        media: PageMedia,
        connections: Connections,
        keep: Callable[[Sequence[Sample]], Awaitable[None]],
    ) -> None:
        self._tables = tables
        self._media = media
        self._connections = connections
        self._keep = keep
        self._before: dict[tuple[str, str], _Count] = {}

    async def look(self) -> None:
        """Take samples and hand them over."""
        samples = await self.take()
        try:
            if samples:
                await self._keep(samples)
        except Unavailable as refusal:
            # Told by the projector already; these samples are lost, the next will not be.
            _log.debug("quality_not_kept", code=refusal.code)

    async def take(self) -> list[Sample]:
        """Return a sample of every line that carried anything since the last time."""
        samples: list[Sample] = []
        seen: dict[tuple[str, str], _Count] = {}
        for number, (connection, person) in enumerate(self._media.connections()):
            if number % CONNECTIONS_A_TURN == CONNECTIONS_A_TURN - 1:
                await asyncio.sleep(0)
            try:
                statistics = self._connections.statistics(connection)
            except SessionUnknown:
                continue
            samples += self._of(connection, person, statistics, seen)
        self._before = seen
        return samples

    def _of(
        self, connection: str, person: str, statistics: ConnectionStatistics, seen: dict[tuple[str, str], _Count]
    ) -> list[Sample]:
        now, at_us = time.monotonic(), time.time_ns() // 1000
        rtt_us = round(statistics.rtt_ms * 1000) if statistics.rtt_ms is not None else None
        made: list[Sample] = []
        for line in statistics.receiving:
            rate, _ = self._since((connection, line.mid), _Count(now, line.octets, 0, 0), seen)
            session = line.context.removeprefix(CONSULTATION)
            made.append(
                Sample(
                    at_us=at_us,
                    session=session,
                    participant=self._participant(session, person),
                    source=line.source,
                    kind=line.kind,
                    direction="receive",
                    rtt_us=rtt_us,
                    jitter_us=self._media.jitter_us(connection, line.mid),
                    lost_ppm=round(line.fraction_lost * 1e6),
                    rate_bps=rate,
                )
            )
        for sent in statistics.sending:
            rate, lost = self._since((connection, sent.mid), _Count(now, sent.octets, sent.expected, sent.lost), seen)
            made.append(
                Sample(
                    at_us=at_us,
                    session="",
                    participant=person,
                    source=sent.source,
                    kind=sent.kind,
                    direction="send",
                    rtt_us=rtt_us,
                    jitter_us=round(sent.jitter_ms * 1000),
                    lost_ppm=lost,
                    rate_bps=rate,
                )
            )
        return made

    def _since(
        self, key: tuple[str, str], count: _Count, seen: dict[tuple[str, str], _Count]
    ) -> tuple[int | None, int | None]:
        """Return bits a second and lost parts in a million since the last sample, None where there is none."""
        seen[key] = count
        before = self._before.get(key)
        if before is None or count.at <= before.at or count.octets < before.octets:
            return None, None
        rate = round((count.octets - before.octets) * 8 / (count.at - before.at))
        due = count.expected - before.expected
        return rate, min(1_000_000, max(0, round((count.lost - before.lost) * 1e6 / due))) if due > 0 else None

    def _participant(self, consultation: str, person: str) -> str:
        return self._tables.participant_of_person.first(f"{consultation}/{person}") or person
