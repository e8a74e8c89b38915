"""The thread that waits for the disk: it syncs and closes segment files. Shell."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from recorder.files import Facts, SegmentError, SegmentFull, SegmentWriter, recover
from recorder.tracks.told import Ended


@dataclass(slots=True)
class OpenFile:
    """One segment that is being written. The loop sets `written`, the thread `synced`, both in bytes."""

    writer: SegmentWriter
    track: str
    begun_s: float
    written: int = 0
    synced: int = 0
    is_asked: bool = False
    """The thread has been asked to sync it."""
    was_synced: bool = False
    """Once, without an error."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of a file that was closed. `facts`: None where nothing was kept, or it waits to be recovered."""

    file: OpenFile
    ended: Ended
    facts: Facts | None
    error: SegmentError | OSError | ValueError | None


class Disk:
    """Whoever begins it ends it by `close`."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._done: deque[Finished] = deque()
        self._thread = threading.Thread(target=self._run, name="recorder-disk", daemon=True)
        self._thread.start()

    def sync(self, file: OpenFile) -> None:
        """Have what is written so far synced."""
        file.is_asked = True
        written = file.written
        self._jobs.put(lambda: self._sync(file, written))

    def finish(self, file: OpenFile, until_us: int | None, ended: Ended) -> None:
        """Have a file closed, which nobody writes any more."""
        self._jobs.put(lambda: self._finish(file, until_us, ended))

    def take(self) -> Finished | None:
        """Give the next that was finished."""
        return self._done.popleft() if self._done else None

    def close(self) -> None:
        """Return when everything is done."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _sync(self, file: OpenFile, written: int) -> None:
        with contextlib.suppress(SegmentError):  # the next write is refused for it
            file.writer.sync()
            file.was_synced = True
        file.synced = written
        file.is_asked = False

    def _finish(self, file: OpenFile, until_us: int | None, ended: Ended) -> None:
        error: SegmentError | OSError | ValueError | None = None
        facts: Facts | None = None
        try:
            facts = file.writer.close(until_us)
        except SegmentError as refusal:
            error = refusal
            try:
                facts = _saved(file.writer, refusal)
            except (SegmentError, OSError, ValueError) as worse:
                error = worse  # the next start tries again
        self._done.append(Finished(file, ended, facts, error))


def _saved(writer: SegmentWriter, refusal: SegmentError) -> Facts | None:
    """Keep what was written of a file that could not be closed."""
    if isinstance(refusal, SegmentFull):
        return writer.close()
    with contextlib.suppress(SegmentError):
        writer.close()  # lets go of the file
    return recover(writer.path) if writer.path.exists() else None
