"""Deletes by policy what is past its time, and what a low disk may take before. Shell, on one event loop.

Each step stands on its own, and a start goes on with what the timeline says was begun:

    1  the act `recording.delete`, which refuses what runs, is held or is kept longer: `deleted_us`
    2  the chain's deletions, signed and in the log
    3  the files that are no other recording's
    4  the act `recording.clear`: `cleared_us`

One recording is deleted at a time. What cannot be (a chain that is not closed yet, or damaged; a journal or book that
refuses) is left, and tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final, Literal

import structlog

from config.settings import Recording as RecordingSettings
from dispatch.acts.retention import Clear, Delete
from dispatch.desk.coordinator import Coordinator
from dispatch.entry import Origin
from dispatch.errors import Refused
from dispatch.keeping import Days, over, spare
from dispatch.permissions import SYSTEM
from dispatch.records import BRIEF, LASTING, ORDINARY, Recording
from dispatch.tables import CLEARING
from huishang.recording.clearing import Clearing
from huishang.recording.keeping import Keeping
from huishang.recording.reserve import Reserve
from recorder.book import BookError
from recorder.book.evidence import is_closed
from recorder.book.layout import Layout
from recorder.proof.errors import ProofError

_log = structlog.get_logger(__name__)

#: Between two looks at the disk, and between two at what is past its time.
DISK_S: Final = 10.0
ROUND_S: Final = 600.0
#: Room is made until there is so much more of it than low, in tenths.
_ENOUGH_TENTHS: Final = 11
_PAUSE_S: Final = 0.1

#: Is told whether something is wrong, by its code.
Tell = Callable[[str, bool], None]


class Retention:
    """Of one root. `start` once, `close` at the end, before the book's."""

    def __init__(
        self,
        root: Path,
        settings: RecordingSettings,
        coordinator: Coordinator,
        keeping: Keeping,
        telling: Callable[[], Collection[str]],
        tell: Tell,
    ) -> None:
        """`telling`: the tracks in which the worker of this process writes."""
        self._root = root
        self._days: Days = {
            BRIEF: settings.brief_days,
            ORDINARY: settings.ordinary_days,
            LASTING: settings.lasting_days,
        }
        self._low_bytes = settings.low_bytes
        self._coordinator = coordinator
        self._tables = coordinator.tables
        self._keeping = keeping
        self._clearing = Clearing(root, coordinator.tables, keeping.chains, telling)
        self._reserve = Reserve(Layout(root), settings.low_bytes)
        self._tell = tell
        self._round_s = 0.0
        self._refused: set[str] = set()
        """Of whom it was told that they cannot be deleted."""
        self._some = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look, each `DISK_S`."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop; what is begun is gone on with by the next start."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def soon(self) -> None:
        """The disk is said to be full: look at once."""
        self._some.set()

    async def _run(self) -> None:
        while True:
            # Not `wait_for`, which loses a cancellation that comes together with what it waits for (3.11).
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DISK_S):
                    await self._some.wait()
            self._some.clear()
            try:
                await self._look()
            except Exception as error:  # so broad, because the next look must come
                known = isinstance(error, OSError | Refused)
                _log.warning("retention_failed", reason=str(error), exc_info=None if known else error)

    async def _look(self) -> None:
        low = await self._is_low()
        if self._keeping.chains.writer is None:
            return
        for identifier in self._tables.recordings_deleted.ids(CLEARING):
            if identifier not in self._keeping.damaged:
                await self._clear(self._tables.recordings.get(identifier))
        is_round = low or time.monotonic() >= self._round_s
        if is_round:
            self._round_s = time.monotonic() + ROUND_S
            for recording in await self._asked(lambda rows: over(rows, self._days, time.time_ns() // 1000)):
                await self._delete(recording, "over")
        if await self._is_low():
            await self._make_room()
        elif is_round:
            await asyncio.to_thread(self._reserve.keep)

    async def _make_room(self) -> None:
        enough = self._low_bytes * _ENOUGH_TENTHS // 10
        for recording in await self._asked(spare):
            if await self._free() >= enough:
                return
            await self._delete(recording, "disk-low")
        self._tell("disk-low-kept", await self._is_low())

    async def _asked(self, which: Callable[[Collection[Recording]], list[Recording]]) -> list[Recording]:
        # In a thread: of 100,000 it takes some 20 ms.
        return await asyncio.to_thread(which, self._tables.recordings.rows())

    async def _delete(self, recording: Recording, why: Literal["over", "disk-low"]) -> None:
        identifier = recording.id
        if identifier in self._keeping.damaged or not await asyncio.to_thread(is_closed, self._root, identifier):
            self._note(identifier, "its chain is not closed, or damaged")
            return
        await self._find_room()
        days = self._days.get(recording.retention, 0)
        act = Delete(recording=identifier, why=why, retention=recording.retention, days=days)
        try:
            await self._coordinator.act(act, SYSTEM, Origin())
        except Refused as refusal:  # held meanwhile, or the journal refuses
            self._note(identifier, refusal.code)
            return
        _log.info("recording_deleted", recording=identifier, why=why, retention=recording.retention)
        await self._clear(self._tables.recordings.get(identifier))
        await self._is_low()
        await asyncio.sleep(_PAUSE_S)

    async def _find_room(self) -> None:
        """Give up the reserve where timeline and chain could not be written without it."""
        if await self._free() < self._reserve.bytes and await asyncio.to_thread(self._reserve.give_up):
            _log.warning("reserve_given_up", octets=self._reserve.bytes)

    async def _clear(self, recording: Recording) -> None:
        await self._find_room()
        try:
            removed = await self._clearing.clear(recording)
            await self._coordinator.act(Clear(recording=recording.id), SYSTEM, Origin())
        except (BookError, ProofError, OSError, Refused) as error:
            self._note(recording.id, str(error))
            return
        self._refused.discard(recording.id)
        _log.info("recording_cleared", recording=recording.id, files=removed)

    def _note(self, identifier: str, reason: str) -> None:
        if identifier not in self._refused:
            self._refused.add(identifier)
            _log.warning("recording_not_deleted", recording=identifier, reason=reason)

    async def _is_low(self) -> bool:
        """See how much room there is, and tell."""
        is_low = await self._free() < self._low_bytes
        self._tell("disk-low", is_low)
        if not is_low:
            self._tell("disk-low-kept", False)
        return is_low

    async def _free(self) -> int:
        """Return the room on the disk, in bytes; in a thread: a disk that stands still would hold up everything."""
        found = await asyncio.to_thread(os.statvfs, self._root)
        return found.f_bavail * found.f_frsize
