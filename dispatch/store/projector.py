"""Keeps the database behind the journal: woken by what happens, it reads on from the stored position."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import insert, select

from dispatch.entry import Entry
from dispatch.errors import Unavailable
from dispatch.store.database import Database
from dispatch.store.following import Follower
from dispatch.store.migrating import alone, upgrade
from dispatch.store.ports import JournalReader
from dispatch.store.schema import projection
from dispatch.store.writing import project
from dispatch.tables import Change

#: Journal records in one step, and their bytes, but one record at least: a few hundred entries.
MOST_RECORDS = 200
MOST_BYTES = 256 << 10
#: From the beginning of a step that was not nearly full to the next: acts that come one by one share a transaction,
#: which costs as much as ten of them.
GATHER_S = 0.05


@dataclass(frozen=True, slots=True)
class Health:
    """How the projection is. `code` "": well; otherwise why not, and `since_us` since when (microseconds UTC)."""

    position: int
    #: Journal records that are not in the database yet.
    behind: int
    code: str = ""
    detail: str = ""
    since_us: int = 0
    #: Journal records and entries that could not be used, since the start.
    unfit: int = 0


class Projector(Follower):
    """Follows one journal into one database."""

    follows = "journal"

    def __init__(self, database: Database, journal: JournalReader) -> None:
        super().__init__(database)
        self._journal = journal
        self._position: int | None = None
        self._unfit = 0

    def __call__(self, entries: Sequence[Entry], changes: Sequence[Change]) -> None:
        """Hear from the coordinator that something has happened."""
        self._some.set()

    @property
    def health(self) -> Health:
        """How it is now."""
        position = self._position or 0
        behind = max(0, self._journal.position - position)
        if self._fault is None:
            return Health(position, behind, unfit=self._unfit)
        return Health(position, behind, self._fault.code, str(self._fault), self._since_us, self._unfit)

    async def _follow(self) -> None:
        clock = asyncio.get_running_loop().time
        while not self._closing.is_set():
            began = clock()
            if await self._is_another_file():
                self._position = None
            if self._position is None:
                self._position = await prepare(self._database, self._journal)
                self._well()
            position = self._position
            records = await asyncio.to_thread(next_step, self._journal, position)
            if not records:
                return
            async with self._database.begin() as connection:
                after, unfit = await project(connection, self._journal.identity, position, records)
            self._position = after
            self._unfit += unfit
            if 2 * len(records) < MOST_RECORDS and 2 * sum(len(record) for _, record in records) < MOST_BYTES:
                await self._rest(began + GATHER_S - clock())

    def _doubt(self) -> None:
        self._position = None


async def prepare(database: Database, journal: JournalReader) -> int:
    """Bring the database to this version and begin the projection where there is none; return its position.

    Raises Unavailable, also for a database of another journal and one that is ahead of ours.
    """
    await upgrade(database)
    async with database.begin() as connection:
        await connection.run_sync(alone)
        found = (await connection.execute(select(projection.c.journal, projection.c.position))).all()
        if not found:
            await connection.execute(insert(projection).values(journal=journal.identity, position=0))
            return 0
    return check_place(found[0].journal, found[0].position, journal)


def check_place(identity: str, position: int, journal: JournalReader) -> int:
    """Return a database's position in the journal. Raises Unavailable where it cannot be one."""
    if identity != journal.identity:
        raise Unavailable("database-foreign", f"it holds the journal {identity}, ours is {journal.identity}")
    if position > journal.position:
        raise Unavailable("database-ahead", f"it has {position} records, the journal {journal.position}: rebuild it")
    return position


def next_step(journal: JournalReader, position: int) -> list[tuple[int, bytes]]:
    """Return the journal records of one step from a position on."""
    taken: list[tuple[int, bytes]] = []
    size = 0
    for batch in journal.read(position, MOST_RECORDS):
        for item in batch:
            if taken and size + len(item[1]) > MOST_BYTES:
                return taken
            taken.append(item)
            size += len(item[1])
    return taken
