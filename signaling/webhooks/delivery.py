"""One webhook: follows the journal from where its receiver is, and tells it what comes, in order, at least once.

The shell around `pauses` and `envelope`: reads the journal, in a thread, and posts. What was not taken is read again
when its time comes, not kept. Redirects are not followed: who moves says so in the settings. Private addresses are
allowed, because closed networks have no others and nobody but who writes the settings names a receiver.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from typing import Final, Protocol

import aiohttp
import structlog

from config import Webhook
from dispatch.journal import JournalError
from signaling.webhooks.envelope import SIGNATURE_HEADER, Lot, lot, signature
from signaling.webhooks.pauses import Pauses
from signaling.webhooks.position import PositionDamagedError, PositionFile

_log = structlog.get_logger(__name__)

#: Of one request: records, and what they take in the journal. A record that is larger goes alone.
MAX_RECORDS: Final = 500
MAX_BYTES: Final = 1 << 19
#: Records that a receiver does not want are noted as passed so often, to spare the disk.
SKIPPED_NOTED: Final = 10_000
TIMEOUT: Final = aiohttp.ClientTimeout(total=30, sock_connect=10)


class JournalReader(Protocol):
    """What is read of the journal: `position` is how many records it has."""

    @property
    def position(self) -> int: ...

    def read(self, from_position: int, limit: int | None) -> Iterator[list[tuple[int, bytes]]]:
        """Give positions and records in batches. Blocks on the disk. Raises JournalError, OSError."""
        ...


class _NotTaken(Exception):
    """The receiver answered, but not with 2xx."""


class Delivery:
    """The way to one receiver. `run` ends only by being cancelled."""

    def __init__(self, hook: Webhook, journal: JournalReader, file: PositionFile, http: aiohttp.ClientSession) -> None:
        self._hook = hook
        self._journal = journal
        self._file = file
        self._http = http
        self._pauses = Pauses()
        self._more = asyncio.Event()
        self._position = journal.position
        self._noted = -1
        #: How often it was not known where the receiver is, and it may have been left out of something.
        self.lost = 0

    @property
    def behind(self) -> int:
        """How many records of the journal the receiver has not been told."""
        return max(0, self._journal.position - self._position)

    def is_gone(self) -> bool:
        """Tell whether the receiver has taken nothing for long."""
        return self._pauses.is_gone(asyncio.get_running_loop().time())

    def wake(self) -> None:
        """Note that the journal has grown."""
        self._more.set()

    async def run(self) -> None:
        """Begin where the last run ended, at the journal's end when that is not known; go on until cancelled."""
        began = False
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(max(0.0, self._pauses.get_timer() - loop.time()))
            try:
                if not began:
                    await self._begin()
                    began = True
                await self._turn()
            except (aiohttp.ClientError, JournalError, OSError, TimeoutError, ValueError, _NotTaken) as error:
                self._failed(f"{type(error).__name__}: {error}")
            except Exception:  # so broad, because the receiver must be told for as long as the node runs
                _log.exception("webhook_failed", webhook=self._hook.host)
                self._failed("fault")

    async def _begin(self) -> None:
        noted: int | None = None
        damaged = ""
        try:
            noted = await asyncio.to_thread(self._file.read)
        except PositionDamagedError as error:
            damaged = str(error)
        end = self._journal.position
        if damaged:
            # Not from the beginning: a receiver that acts on what it is told would do so for years gone by.
            _log.error("webhook_position_damaged", webhook=self._hook.host, reason=damaged, position=end)
            self.lost += 1
        elif noted is not None and noted > end:
            _log.error("webhook_ahead_of_journal", webhook=self._hook.host, noted=noted, position=end)
            self.lost += 1
        self._position = self._noted = min(end, noted) if noted is not None else end
        if self._noted != noted:
            # From now on: were it noted only with the first success, a restart before that would leave entries out.
            await asyncio.to_thread(self._file.write, self._position)

    async def _turn(self) -> None:
        """Tell the next lot, or wait until there is one."""
        self._more.clear()
        found = await asyncio.to_thread(self._read)
        if found is None:
            await self._more.wait()
            return
        for position in found.unreadable:
            _log.error("webhook_skipped_record", webhook=self._hook.host, position=position)
        if found.entries:
            await self._post(found.body)
            if self._pauses.succeeded():
                _log.warning("webhook_receiver_back", webhook=self._hook.host, behind=self.behind)
        self._position = found.following
        if found.entries or self._position - self._noted >= SKIPPED_NOTED:
            await asyncio.to_thread(self._file.write, self._position)
            self._noted = self._position

    def _read(self) -> Lot | None:
        records: list[tuple[int, bytes]] = []
        size = 0
        for batch in self._journal.read(self._position, MAX_RECORDS):
            records += batch
            size += sum(len(record) for _, record in batch)
            if size > MAX_BYTES:
                break
        return lot(records, self._hook.verbs, MAX_BYTES) if records else None

    async def _post(self, body: bytes) -> None:
        """Send one request. Raises aiohttp.ClientError, OSError, TimeoutError, ValueError, _NotTaken."""
        headers = {
            "Content-Type": "application/json",
            SIGNATURE_HEADER: signature(self._hook.secret, int(time.time()), body),
        }
        async with self._http.post(
            self._hook.url, data=body, headers=headers, allow_redirects=False, timeout=TIMEOUT
        ) as response:
            if not 200 <= response.status < 300:
                raise _NotTaken(str(response.status))

    def _failed(self, reason: str) -> None:
        now = asyncio.get_running_loop().time()
        first = self._pauses.failing_since is None
        if self._pauses.failed(now, random.random()):
            _log.error("webhook_receiver_gone", webhook=self._hook.host, reason=reason, behind=self.behind)
        elif first:
            _log.warning("webhook_not_taken", webhook=self._hook.host, reason=reason)
