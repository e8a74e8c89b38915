"""Forgets samples of quality that nobody asks for any more: they grow by millions a day on a busy node."""

from __future__ import annotations

import time
from typing import Final

import structlog

from dispatch.desk.rounds import Rounds
from dispatch.errors import Unavailable
from dispatch.store.quality import Samples

_log = structlog.get_logger(__name__)

#: Long enough for the report of a quarterly drill.
KEPT_DAYS: Final = 100
_DAY_US: Final = 86_400_000_000


class Retention(Rounds):
    """Deletes what is older than `KEPT_DAYS`."""

    interval_seconds = 3600.0

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    async def look(self) -> None:
        """Delete what is too old now."""
        try:
            gone = await self._samples.forget(time.time_ns() // 1000 - KEPT_DAYS * _DAY_US)
        except Unavailable as refusal:
            # Told by the projector already; the next round finds them.
            _log.debug("samples_not_forgotten", code=refusal.code)
        else:
            _log.debug("samples_forgotten", samples=gone)
