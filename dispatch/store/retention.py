"""Forgets samples of quality that nobody asks for any more: they grow by millions a day on a busy node."""

from __future__ import annotations

import asyncio
import time
from typing import Final

import structlog

from dispatch.desk.rounds import Rounds
from dispatch.errors import Unavailable
from dispatch.store.quality import Samples

_log = structlog.get_logger(__name__)

#: Long enough for the report of a quarterly drill.
KEPT_DAYS: Final = 100
#: Deleted at once, 10 to 50 ms: whoever else writes waits for that long, and gives up after `database.LOCK_S`.
PORTION: Final = 5_000
#: Between two portions. Who waits for SQLite's lock looks for it every 100 ms, and would not get it in between.
PAUSE_S: Final = 0.25
_DAY_US: Final = 86_400_000_000


class Retention(Rounds):
    """Deletes what is older than `KEPT_DAYS`."""

    interval_seconds = 3600.0

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    async def look(self) -> None:
        """Delete what is too old now, portion by portion."""
        before_us, gone = time.time_ns() // 1000 - KEPT_DAYS * _DAY_US, 0
        try:
            while (some := await self._samples.forget(before_us, PORTION)) >= PORTION:
                gone += some
                await asyncio.sleep(PAUSE_S)
        except Unavailable as refusal:
            # Told by the projector already; the next round finds them.
            _log.debug("samples_not_forgotten", code=refusal.code)
        else:
            _log.debug("samples_forgotten", samples=gone + some)
