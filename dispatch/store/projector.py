"""Keeps the database behind the journal: woken by what happens, it reads on from the stored position.

It holds no entries between steps, so a database that is gone costs no memory, and acts never wait for it. Each step is
one transaction with its position in it: killed at any moment, it goes on without loss or repeat. Runs on one loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import insert, select

from dispatch.entry import Entry
from dispatch.errors import Unavailable
from dispatch.store.database import Database
from dispatch.store.migrating import upgrade
from dispatch.store.ports import JournalReader
from dispatch.store.schema import projection
from dispatch.store.writing import project
from dispatch.tables import Change

_log = structlog.get_logger(__name__)

#: Journal records in one step, and their bytes, but one record at least: a few hundred entries.
MOST_RECORDS = 200
MOST_BYTES = 256 << 10
#: From the beginning of a step that was not nearly full to the next: acts that come one by one share a transaction,
#: which costs as much as ten of them.
GATHER_S = 0.05
#: Between two tries while the database is gone.
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 5.0
#: What the node's end waits for a database that does not answer.
CLOSE_S = 5.0


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


class Projector:
    """Follows one journal into one database. `start` once, `close` at the end; the database stays its owner's."""

    def __init__(self, database: Database, journal: JournalReader) -> None:
        self._database = database
        self._journal = journal
        self._position: int | None = None
        self._unfit = 0
        self._fault: Unavailable | None = None
        self._since_us = 0
        self._some = asyncio.Event()
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

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

    def start(self) -> None:
        """Begin to follow."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """End after the step in hand, or give it up; what is left waits in the journal. May be called twice."""
        self._closing.set()
        self._some.set()
        if self._task is not None:
            task, self._task = self._task, None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(task, CLOSE_S)

    async def _run(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._closing.is_set():
            self._some.clear()
            try:
                await self._follow()
            except Unavailable as fault:
                self._failed(fault)
            except Exception as error:  # so broad, because whatever it was, the next try may find it mended
                self._failed(Unavailable("database-fault", f"{type(error).__name__}: {error}"), error)
            else:
                pause = FIRST_PAUSE_S
                await self._some.wait()
                continue
            await self._rest(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    async def _follow(self) -> None:
        """Go on until the database is where the journal is."""
        clock = asyncio.get_running_loop().time
        while not self._closing.is_set():
            began = clock()
            if await self._database.renew():
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

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), max(0.0, seconds))

    def _well(self) -> None:
        if self._fault is not None:
            _log.info("database_back", position=self._position, gone_since_us=self._since_us)
        self._fault = None

    def _failed(self, fault: Unavailable, cause: Exception | None = None) -> None:
        # Whether the last step is in the database is not known: the position is asked anew.
        self._position = None
        if self._fault is None:
            self._since_us = time.time_ns() // 1000
        if self._fault is None or self._fault.code != fault.code:
            _log.error("database_unavailable", code=fault.code, reason=str(fault), exc_info=cause)
        self._fault = fault


async def prepare(database: Database, journal: JournalReader) -> int:
    """Bring the database to this version and begin the projection where there is none; return its position.

    Raises Unavailable, also for a database of another journal and one that is ahead of ours.
    """
    await upgrade(database)
    async with database.begin() as connection:
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
