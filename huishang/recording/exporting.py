"""Exports in the life of a node: a queue, made one at a time by a process of its own each, kept for a day.

Shell; runs on one event loop. What is made lies in a folder of its own and outlives neither that day nor the server:
the original is the recording, and it can be exported again. Knows no rights (`signaling.http.exports` asks for them).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
import structlog

from dispatch.errors import Refused
from dispatch.ids import is_ulid, ulid
from dispatch.records import Recording
from huishang.recording.exportorders import Ordering, Plan
from recorder.export import ExportError, ExportFailed, ExportRefused, process
from recorder.export.orders import AnyOrder, Made
from recorder.export.selection import ClipSplit
from signaling.http.exported import ExportShown, State, Wish
from signaling.http.exports import Noted
from signaling.http.problem import Problem

_log = structlog.get_logger(__name__)

#: Waiting, of the node; waiting or being made, of a person; kept, of a person.
MOST_WAITING: Final = 8
MOST_OF_ONE: Final = 3
MOST_KEPT: Final = 50
LASTS_US: Final = 24 * 3_600_000_000
#: What recordings and everything else of the node need of the disk.
KEEP_FREE_BYTES: Final = 2 << 30
LOOK_S: Final = 5.0
SWEEP_S: Final = 60.0
#: Told of one export.
MOST_GAPS: Final = 100
_ENDED: Final = frozenset(("made", "failed", "cancelled"))


@dataclass(slots=True, kw_only=True)
class _Job:
    """One export. `bytes` is what it may take until it is made, and then what it has."""

    id: str
    person: str
    recording: Recording
    wish: Wish
    plan: Plan
    asked_us: int
    state: State = "waiting"
    made: Made = field(default_factory=lambda: Made(path=""))
    bytes: int = 0
    made_us: int = 0
    done: int = 0
    total: int = 0
    error: str = ""
    reason: str = ""
    parts: tuple[tuple[int, int], ...] = ()
    task: asyncio.Task[None] | None = None

    def tell(self, done: int, total: int) -> None:
        """Hear how far the process is."""
        self.done, self.total = done, total

    def fail(self, error: str, reason: str = "", parts: tuple[tuple[int, int], ...] = ()) -> None:
        """Say why there will be no file."""
        self.state, self.error, self.reason, self.parts = "failed", error, reason, parts

    def shown(self) -> ExportShown:
        """Return what is told of it."""
        plan, made = self.plan, self.made
        return ExportShown(
            id=self.id,
            recording=self.recording.id,
            person=self.person,
            kind=self.wish.kind,
            title=plan.title,
            from_us=plan.from_us,
            to_us=plan.to_us,
            source=plan.source,
            tracks=plan.tracks,
            withhold=self.wish.withhold,
            state=self.state,
            asked_us=self.asked_us,
            made_us=self.made_us,
            until_us=self.made_us + LASTS_US if self.made_us else 0,
            done=self.done,
            total=self.total,
            name=plan.name,
            bytes=self.bytes if self.state == "made" else 0,
            error=self.error,
            reason=self.reason,
            parts=self.parts,
            begin_us=made.begin,
            gaps=tuple(made.gaps),
            absent=plan.absent + made.absent,
            deleted=plan.deleted,
            failures=made.failures,
            copied=made.copied,
        )


class Exports:
    """All exports of the node. `folder` is its own: what a node before left there is deleted at the start."""

    def __init__(self, folder: Path, ordering: Ordering) -> None:
        self._folder = folder.absolute()
        self._ordering = ordering
        self._jobs: dict[str, _Job] = {}
        self._asking: list[str] = []
        """Whose wishes are being looked at."""
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._is_closed = False
        self._deleted: set[str] = set()
        """Recordings that were deleted; what was made of them goes with the next sweep, and is told no more at once."""

    async def start(self) -> None:
        """Delete what a node before left, and make what is ordered from now on."""
        await asyncio.to_thread(_empty, self._folder)
        self._tasks = [asyncio.create_task(self._work()), asyncio.create_task(self._sweep())]

    async def close(self) -> None:
        """End what is being made; its process is gone when this returns."""
        self._is_closed = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def order(self, person: str, recording: Recording, wish: Wish, noted: Noted) -> str:
        """Take an order; return its id once `noted` has returned. Raises Problem, Refused."""
        self._require_place(person)
        self._asking.append(person)
        try:
            _, plan = await self._ordering.plan(recording, wish)
            await self._require_room(plan.bytes + self._promised())
            # What stands in the timeline is what is made, though more is recorded meanwhile.
            wish = msgspec.structs.replace(wish, from_us=plan.from_us, to_us=plan.to_us, tracks=plan.tracks)
            job = _new(person, recording, wish, plan)
            await noted(job.id, job.shown())
        finally:
            self._asking.remove(person)
        if self._is_closed:
            raise Problem("node-stopping", "the node stops")
        self._jobs[job.id] = job
        self._wake.set()
        return job.id

    def of(self, recording: str) -> list[ExportShown]:
        """Return all of a recording, the newest first."""
        return [job.shown() for job in reversed(self._jobs.values()) if job.recording.id == recording]

    def find(self, export: str) -> ExportShown | None:
        """Return what is told of an export, None where there is none."""
        job = self._jobs.get(export)
        return job.shown() if job is not None else None

    def path(self, export: str) -> Path | None:
        """Return where the file lies, None where it is not made."""
        job = self._jobs.get(export)
        if job is None or job.state != "made" or job.recording.id in self._deleted:
            return None
        return self._folder / job.id / job.plan.name

    def deleted(self, recording: str) -> None:
        """A recording was deleted by policy: so is what was made of it."""
        self._deleted.add(recording)

    async def remove(self, export: str, *, own: bool) -> None:
        """End it, and leave nothing of it; where that is not its asker's wish, it is told as cancelled."""
        job = self._jobs[export]
        if own or job.state in _ENDED:
            del self._jobs[export]
        job.state = "cancelled"
        if job.task is not None:
            job.task.cancel()
            await asyncio.wait({job.task})
        await self._clear(job)

    def _require_place(self, person: str) -> None:
        jobs = self._jobs.values()
        waiting = sum(job.state == "waiting" for job in jobs) + len(self._asking)
        mine = [job for job in jobs if job.person == person]
        going = sum(job.state not in _ENDED for job in mine) + self._asking.count(person)
        if waiting >= MOST_WAITING or going >= MOST_OF_ONE:
            raise Problem("export-limit", f"{MOST_WAITING} of the node may wait, {MOST_OF_ONE} of a person")
        if len(mine) >= MOST_KEPT:
            empty = next((job for job in mine if job.state in ("failed", "cancelled")), None)
            if empty is None:
                raise Problem("export-limit", f"{MOST_KEPT} of a person are kept: delete some")
            del self._jobs[empty.id]

    def _promised(self) -> int:
        return sum(job.bytes for job in self._jobs.values() if job.state not in _ENDED)

    async def _require_room(self, more_bytes: int) -> None:
        free = await asyncio.to_thread(_free, self._folder)
        if free - more_bytes < KEEP_FREE_BYTES:
            raise Problem(
                "export-no-room", f"{free} bytes are free, {KEEP_FREE_BYTES} stay so, {more_bytes} are needed"
            )

    async def _work(self) -> None:
        while True:
            job = next((job for job in self._jobs.values() if job.state == "waiting"), None)
            if job is None:
                self._wake.clear()
                await self._wake.wait()
                continue
            job.state = "running"
            job.task = asyncio.create_task(self._make(job))
            try:
                await asyncio.wait({job.task})
            finally:
                job.task.cancel()
                await asyncio.wait({job.task})

    async def _make(self, job: _Job) -> None:
        try:
            # What was closed or deleted since it was asked for counts.
            order, plan = await self._ordering.plan(job.recording, job.wish)
            await self._require_room(plan.bytes)
            folder = self._folder / job.id
            await asyncio.to_thread(folder.mkdir, 0o700, parents=True)
            path = folder / plan.name
            order.path = str(path)
            made = await self._run(job, order)
            job.bytes = (await asyncio.to_thread(path.stat)).st_size
            made.gaps = made.gaps[:MOST_GAPS]
            job.plan, job.made, job.made_us, job.state = plan, made, time.time_ns() // 1000, "made"
        except asyncio.CancelledError:
            raise
        except Exception as error:  # so broad, because one export's end is not that of those behind it
            _fail(job, error)
        finally:
            if job.state != "made":
                await self._clear(job)

    async def _run(self, job: _Job, order: AnyOrder) -> Made:
        """Have the process make it, and end it where the disk becomes full meanwhile."""
        running = asyncio.create_task(process.run(order, job.tell))
        try:
            while not (await asyncio.wait({running}, timeout=LOOK_S))[0]:
                await self._require_room(0)
            return running.result()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def _sweep(self) -> None:
        """Take away what has lasted long enough."""
        while True:
            await asyncio.sleep(SWEEP_S)
            before_us = time.time_ns() // 1000 - LASTS_US
            for job in list(self._jobs.values()):
                if job.state in _ENDED and (job.made_us or job.asked_us) <= before_us:
                    self._jobs.pop(job.id, None)
                    await self._clear(job)
            made = [job for job in self._jobs.values() if job.state == "made"]
            for job in (job for job in made if job.recording.id in self._deleted):
                await self._give_up(job, "segment-deleted")
            with contextlib.suppress(OSError):
                await self._make_way()

    async def _make_way(self) -> None:
        """Give up what was made, the oldest first, while the disk is nearly full: recordings come before copies."""
        while (job := next((job for job in self._jobs.values() if job.state == "made"), None)) is not None:
            if await asyncio.to_thread(_free, self._folder) >= KEEP_FREE_BYTES:
                return
            await self._give_up(job, "export-no-room")

    async def _give_up(self, job: _Job, code: str) -> None:
        """Take away what was made, and say why."""
        job.fail(code)
        job.made_us = 0
        await self._clear(job)

    async def _clear(self, job: _Job) -> None:
        await asyncio.to_thread(shutil.rmtree, self._folder / job.id, ignore_errors=True)


def _new(person: str, recording: Recording, wish: Wish, plan: Plan) -> _Job:
    now_us = time.time_ns() // 1000
    identifier = ulid(now_us, os.urandom(10))
    return _Job(
        id=identifier, person=person, recording=recording, wish=wish, plan=plan, asked_us=now_us, bytes=plan.bytes
    )


def _fail(job: _Job, error: Exception) -> None:
    match error:
        case ClipSplit():
            job.fail("export-split", error.reason, error.parts[:MOST_GAPS])
        case ExportRefused():
            job.fail(error.code, error.reason)
        case ExportError() | Problem() | Refused():
            job.fail(error.code)
        case OSError():
            job.fail(ExportFailed.code)
        case _:
            job.fail("internal")
    _log.warning("export_failed", export=job.id, kind=job.wish.kind, code=job.error, reason=str(error)[:500])


def _free(folder: Path) -> int:
    """Return how much room there is where the folder is, or will be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _empty(folder: Path) -> None:
    """Delete the exports in a folder, and what is none of ours not: settings may have put recordings there."""
    with contextlib.suppress(FileNotFoundError):
        for path in folder.iterdir():
            if is_ulid(path.name) and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
