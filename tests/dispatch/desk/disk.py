"""A journal in memory whose fsync the test ends, or breaks."""

from __future__ import annotations

import asyncio

from dispatch.entry import Entry, decode


class Disk:
    """Keeps records in order until the process ends. `gate` closed: it does not answer; `failing`: what it raises."""

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.failing: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.writes = 0

    async def append(self, records: list[bytes]) -> list[int]:
        self.writes += 1
        await self.gate.wait()
        if self.failing is not None:
            raise self.failing
        self.records += records
        return list(range(len(self.records) - len(records), len(self.records)))

    def entries(self, verb: str = "") -> list[Entry]:
        """Return all entries, or those of a verb."""
        return [entry for record in self.records for entry in decode(record) if verb in ("", entry.verb)]
