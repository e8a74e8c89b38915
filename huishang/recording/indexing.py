"""Keeps the index of recordings behind the sessions' chains: woken when the book has written, it reads on in them.

The chains are the truth. What is signed comes into the index; what was put back from a copy, or is gone, leaves it and
is read anew. A start looks at every chain, and so does every try after a failed one. Touches the chains, reading, and
the tables of `dispatch.store.segments`; chains are read in threads.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import structlog

from dispatch.store.database import Database
from dispatch.store.following import Follower
from dispatch.store.ports import JournalReader
from dispatch.store.projector import prepare
from dispatch.store.segments import forget, index, places
from huishang.recording.chainsteps import read_on, sessions_of
from recorder.book.layout import Layout
from recorder.proof import records

_log = structlog.get_logger(__name__)

#: Chains in one step: what is recorded at the same time shares a transaction.
MOST_CHAINS = 100


@dataclass(frozen=True, slots=True)
class Health:
    """How the index is. `code` "": well; otherwise why not, and `since_us` since when (microseconds UTC)."""

    is_complete: bool
    """Whether it has all that is known to be signed."""
    code: str = ""
    detail: str = ""
    since_us: int = 0
    unfit: int = 0
    """Lines that could not be used, since the start."""
    unreadable: int = 0
    """Chains that cannot be read."""


class Indexer(Follower):
    """Follows the chains of one root into the database that follows `journal`; another's is left alone."""

    follows = "recordings"

    def __init__(self, database: Database, journal: JournalReader, root: Path) -> None:
        super().__init__(database)
        self._journal = journal
        self._layout = Layout(root)
        #: Sessions to look at, and how far each chain is known to be signed.
        self._due: dict[str, int] = {}
        self._is_ready = False
        self._is_at_work = False
        self._unreadable: set[str] = set()
        self._unfit = 0

    @property
    def health(self) -> Health:
        """How it is now."""
        is_complete = self._is_ready and not self._is_at_work and not self._due
        told = ("", "", 0) if self._fault is None else (self._fault.code, str(self._fault), self._since_us)
        return Health(is_complete, *told, self._unfit, len(self._unreadable))

    def wake(self, session: str) -> None:
        """Hear, on the loop, that a chain has grown. Raises NotARecord for what names no session."""
        records.check_session(session)
        self._due.setdefault(session, 0)
        self._some.set()

    async def _follow(self) -> None:
        while not self._closing.is_set():
            if await self._is_another_file():
                self._is_ready = False
            if not self._is_ready:
                await prepare(self._database, self._journal)
                await self._look()
                self._is_ready = True
                self._well()
            if not self._due:
                return
            some = dict(islice(self._due.items(), MOST_CHAINS))
            for session in some:
                del self._due[session]
            self._is_at_work = True
            try:
                await self._step(some)
            except BaseException:
                for session in some:
                    self._due.setdefault(session, 0)
                raise
            finally:
                self._is_at_work = False

    def _doubt(self) -> None:
        self._is_ready = False

    async def _look(self) -> None:
        """Have every chain looked at, and every session whose chain is gone; not where the whole folder is."""
        there = await asyncio.to_thread(sessions_of, self._layout)
        if there is not None:
            async with self._database.snapshot() as connection:
                held = await places(connection)
            self._due |= dict.fromkeys([*there, *held], 0)

    async def _step(self, some: dict[str, int]) -> None:
        async with self._database.snapshot() as connection:
            held = await places(connection, some)
        # One that stands at its beginning was being forgotten when something ended that.
        begun = [session for session, place in held.items() if not place.position]
        found = await asyncio.to_thread(
            read_on, self._layout, {session: some[session] for session in some if session not in begun}, held
        )
        if found.steps:
            async with self._database.begin() as connection:
                await index(connection, found.steps)
        self._unfit += found.unfit
        self._note(some, found.unreadable)
        self._due |= found.more
        for session in [*begun, *(session for session in found.changed if session in held)]:
            _log.info("recording_indexed_anew", session=session)
            await forget(self._database, session)
            self._due.setdefault(session, 0)

    def _note(self, some: dict[str, int], unreadable: dict[str, str]) -> None:
        for session in unreadable.keys() - self._unreadable:
            _log.error("chain_unreadable", session=session, reason=unreadable[session])
        self._unreadable -= some.keys()
        self._unreadable |= unreadable.keys()
