"""Measured quality of what people see and hear: written in bulk every few seconds, kept for a time.

Samples are not acts and not in the journal. While the database is gone they are lost, and the caller is told.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import delete, select

from dispatch.store.database import Database
from dispatch.store.schema import quality
from dispatch.store.writing import add_rows


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One participant's source in one direction: "send" is to the server, "receive" from it. None: not measured."""

    at_us: int
    session: str
    participant: str
    source: str
    kind: str
    direction: str
    layer: str = ""
    rtt_us: int | None = None
    jitter_us: int | None = None
    lost_ppm: int | None = None
    rate_bps: int | None = None


class Samples:
    """The samples of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, samples: Sequence[Sample]) -> None:
        """Keep samples, all or none. Raises Unavailable."""
        async with self._database.begin() as connection:
            await add_rows(connection, quality, [msgspec.structs.astuple(sample) for sample in samples])

    async def forget(self, before_us: int, most: int) -> int:
        """Delete the oldest of the samples older than a time; return how many. Fewer than `most`: there are no more.

        What was measured at one moment goes at once, and may so be more. Raises Unavailable.
        """
        old = quality.c.at_us < before_us
        async with self._database.begin() as connection:
            # A sample has no key of its own: of those in their order the last of the portion tells until when.
            in_order = select(quality.c.at_us).where(old).order_by(quality.c.at_us)
            last = await connection.scalar(in_order.offset(most - 1).limit(1))
            portion = old if last is None else quality.c.at_us <= last
            return (await connection.execute(delete(quality).where(portion))).rowcount
