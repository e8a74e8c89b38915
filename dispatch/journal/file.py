"""The journal: what is appended is answered when it is on disk for good, and read back from there.

One thread of its own writes: all that waits goes to disk in one write and one fdatasync, and meanwhile the next lot
gathers. Nothing waits for company. Touches one folder, which it locks.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import os
import threading
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dispatch.journal import format, opening, reading
from dispatch.journal.disk import Disk
from dispatch.journal.errors import JournalBroken, JournalBusy, JournalClosed, JournalError, JournalInvalid
from dispatch.journal.reading import Batch, Durable
from dispatch.journal.tail import JournalFile, Tail

#: How long what waits may take when the journal is closed.
CLOSE_S = 3.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a journal may hold."""

    file_bytes: int = 64 << 20
    """Of one file; an append that is larger has a file of its own."""
    ahead_bytes: int = 1 << 20
    """What is preallocated at a time, and so what a full disk still takes."""
    waiting_entries: int = 20_000
    """Appended and not yet on disk."""
    waiting_bytes: int = 16 << 20


@dataclass(frozen=True, slots=True)
class _Append:
    payloads: tuple[bytes, ...]
    bytes: int
    answer: asyncio.Future[range]
    loop: asyncio.AbstractEventLoop


class Journal:
    """One node's journal, open. Whoever opened it closes it."""

    def __init__(
        self, folder: Path, held: int, files: list[JournalFile], tail: Tail, limits: Limits, cut_bytes: int
    ) -> None:
        """Use `open`."""
        self._folder = folder
        self._files = files
        self._tail = tail
        self._limits = limits
        self.cut_bytes = cut_bytes
        """What opening cut off: of writes that were never answered."""
        self._durable = self._reached()
        self._changed = threading.Condition()
        # What follows belongs to the condition.
        self._held: int | None = held
        self._waiting: deque[_Append] = deque()
        self._unanswered_entries = 0
        self._unanswered_bytes = 0
        self._refuses: JournalClosed | JournalBroken | None = None
        """Why nothing is taken any more."""
        self._writer = threading.Thread(target=self._run, name="journal", daemon=True)
        self._writer.start()

    @classmethod
    def open(cls, folder: Path, node: str, limits: Limits | None = None, disk: Disk | None = None) -> Journal:
        """Open a node's journal, or begin it; blocks while the last file is read.

        Raises JournalLocked, JournalDamaged, JournalForeign, JournalBroken, where it is begun also JournalFull and
        JournalBusy, and OSError where the folder cannot be used.
        """
        limits = limits or Limits()
        disk = disk or Disk()
        with contextlib.ExitStack() as undo:
            held = opening.lock(folder)
            undo.callback(os.close, held)
            files, fd, end = opening.open_files(disk, folder, node)
            undo.callback(disk.close, fd)
            tail = Tail(disk, folder, files, fd, end, limits.ahead_bytes)
            journal = cls(folder, held, files, tail, limits, end.cut_bytes)
            undo.pop_all()
        return journal

    @property
    def identity(self) -> str:
        """Drawn when the journal was begun: tells it from every other."""
        return self._files[0].header.journal

    @property
    def position(self) -> int:
        """How many entries are on disk; the position of the next."""
        return self._durable.position

    def append(self, payloads: Sequence[bytes]) -> asyncio.Future[range]:
        """Take entries, of which after a crash all are there or none; give what will hold their positions.

        Call it on a running loop. Answers come in the order of the calls. Nobody needs to await: what was taken is
        written. Raises JournalInvalid, JournalBusy, JournalBroken, JournalClosed; the awaitable JournalFull too. What
        ends with JournalBroken may be on disk or not; all else that is refused is not.
        """
        taken = tuple(payloads)
        size = format.line_bytes(taken)
        if not taken or len(taken) > self._limits.waiting_entries or size > self._limits.waiting_bytes:
            raise JournalInvalid(f"an append of {len(taken)} entries and {size} bytes")
        for payload in taken:
            format.check(payload)
        loop = asyncio.get_running_loop()
        append = _Append(taken, size, loop.create_future(), loop)
        with self._changed:
            if self._refuses:
                raise copy.copy(self._refuses)
            if (
                self._unanswered_entries + len(taken) > self._limits.waiting_entries
                or self._unanswered_bytes + size > self._limits.waiting_bytes
            ):
                raise JournalBusy(f"{self._unanswered_entries} entries wait for the disk")
            self._unanswered_entries += len(taken)
            self._unanswered_bytes += size
            self._waiting.append(append)
            self._changed.notify()
        return append.answer

    def read(self, from_position: int = 0, limit: int | None = None) -> Generator[Batch, None, None]:
        """Give positions and payloads, in batches, of what is on disk when the first batch is asked for.

        Any thread; blocks on the disk. Raises JournalDamaged, and OSError where the disk cannot be read.
        """
        if from_position < 0 or (limit is not None and limit < 0):
            raise ValueError("a position or a limit below 0")
        return reading.batches(self._folder, self._files, self._durable, from_position, limit)

    def close(self) -> None:
        """Write what waits and give everything back. Blocks until then: on a loop, call it in a thread.

        A disk that does not answer in time is left to the end of the process, and the folder stays locked until then.
        """
        with self._changed:
            self._refuses = self._refuses or JournalClosed("the journal is closed")
            self._changed.notify()
        self._writer.join(CLOSE_S)
        if self._writer.is_alive():
            return
        with self._changed:
            held, self._held = self._held, None
        if held is not None:
            os.close(held)

    def _run(self) -> None:
        """Be the writing thread."""
        while self._wait():
            group: list[_Append] = []
            try:
                self._roll_where_full()
                group = self._take(self._limits.file_bytes - self._tail.end)
                first = self._tail.position
                self._tail.write([append.payloads for append in group])
            except Exception as error:
                self._refuse(group or self._take(None), error)
            else:
                self._durable = self._reached()
                self._answer(group, first)
        if isinstance(self._refuses, JournalBroken):
            self._tail.abandon()
        else:
            self._tail.finish()

    def _wait(self) -> bool:
        """Return when something waits; False when nothing more will."""
        with self._changed:
            while not self._waiting and not self._refuses:
                self._changed.wait()
            return bool(self._waiting)

    def _roll_where_full(self) -> None:
        with self._changed:
            fits = self._tail.end + self._waiting[0].bytes <= self._limits.file_bytes
        if not fits and not self._tail.is_empty:
            self._tail.roll()

    def _take(self, most_bytes: int | None) -> list[_Append]:
        """Take what waits, as far as it fits, but one append at least; None: all."""
        group: list[_Append] = []
        with self._changed:
            while self._waiting:
                if most_bytes is not None:
                    most_bytes -= self._waiting[0].bytes
                    if group and most_bytes < 0:
                        break
                group.append(self._waiting.popleft())
        return group

    def _reached(self) -> Durable:
        return Durable(self._tail.position, len(self._files) - 1, self._tail.end)

    def _refuse(self, group: list[_Append], error: Exception) -> None:
        if not isinstance(error, JournalError):
            # A fault of ours: what is on disk now is not known, so it is as if the disk had failed.
            error = JournalBroken(f"unexpected: {error!r}")
        if isinstance(error, JournalBroken):
            with self._changed:
                self._refuses = error
            group = group + self._take(None)
        self._settle(group, [copy.copy(error) for _ in group])

    def _answer(self, group: list[_Append], first: int) -> None:
        answers = []
        for append in group:
            answers.append(range(first, first + len(append.payloads)))
            first += len(append.payloads)
        self._settle(group, answers)

    def _settle(self, group: list[_Append], answers: Sequence[range | JournalError]) -> None:
        with self._changed:
            self._unanswered_entries -= sum(len(append.payloads) for append in group)
            self._unanswered_bytes -= sum(append.bytes for append in group)
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[range], range | JournalError]]] = {}
        for append, answer in zip(group, answers, strict=True):
            by_loop.setdefault(append.loop, []).append((append.answer, answer))
        for loop, settled in by_loop.items():
            # A loop that has been closed has nobody left who waits.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_tell, settled)


def _tell(settled: list[tuple[asyncio.Future[range], range | JournalError]]) -> None:
    for future, answer in settled:
        if future.done():
            continue
        if isinstance(answer, JournalError):
            future.set_exception(answer)
        else:
            future.set_result(answer)
