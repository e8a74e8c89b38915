"""What follows something into a database: woken by what is new, it goes on where the database says it is.

It holds nothing of what it follows between steps, so a database that is gone costs no memory and nobody waits for it;
it is tried again until it is there. Each step is one transaction with its place in it: killed at any moment, it goes on
without loss or repeat. Runs on one loop.
"""

from __future__ import annotations

import abc
import asyncio
import contextlib
import time

import structlog

from dispatch.errors import Unavailable
from dispatch.store.database import Database

_log = structlog.get_logger(__name__)

#: Between two tries while the database is gone.
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 5.0
#: What the node's end waits for a database that does not answer.
CLOSE_S = 5.0


class Follower(abc.ABC):
    """The loop around the steps. `start` once, `close` at the end; the database stays its owner's."""

    #: What is followed, for the log.
    follows: str

    def __init__(self, database: Database) -> None:
        self._database = database
        #: Why the last try has failed, and since when they do (microseconds UTC).
        self._fault: Unavailable | None = None
        self._since_us = 0
        self._file = 0
        self._some = asyncio.Event()
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to follow."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """End after the step in hand, or give it up; what is left can be read later. May be called twice."""
        self._closing.set()
        self._some.set()
        if self._task is not None:
            task, self._task = self._task, None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(task, CLOSE_S)

    @abc.abstractmethod
    async def _follow(self) -> None:
        """Go on until the database has all that there is, or this is closing. May raise anything."""

    @abc.abstractmethod
    def _doubt(self) -> None:
        """Ask the database anew how far it is: whether it has the last step is not known."""

    async def _is_another_file(self) -> bool:
        """Tell whether the database's file has been let go of since this was last asked."""
        before, self._file = self._file, await self._database.renew()
        return self._file != before

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), max(0.0, seconds))

    def _well(self) -> None:
        """Note that the database answers."""
        if self._fault is not None:
            _log.info("database_back", follows=self.follows, gone_since_us=self._since_us)
        self._fault = None

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

    def _failed(self, fault: Unavailable, cause: Exception | None = None) -> None:
        self._doubt()
        if self._fault is None:
            self._since_us = time.time_ns() // 1000
        if self._fault is None or self._fault.code != fault.code:
            reason = str(fault)
            _log.error("database_unavailable", follows=self.follows, code=fault.code, reason=reason, exc_info=cause)
        self._fault = fault
