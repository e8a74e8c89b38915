"""The segment files of all tracks, as the loop sees them. Shell.

Writing goes to the page cache; what takes the time of a disk is done by a thread (`disk`). What is written and not
known to be on disk is bounded: beyond that nothing is taken until half of it is there.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from media.rtp.frames import Frame
from recorder.files import SegmentBroken, SegmentFull, SegmentWriter, Track
from recorder.files.sink import sync_folder
from recorder.proof.digests import SHA256_ONLY, Algorithm
from recorder.tracks.told import Ended
from recorder.worker.disk import Disk, Finished, OpenFile
from recorder.worker.hand import Hand
from recorder.worker.ulid import ulid
from recorder.worker.wire import Alarm, Closed

#: Of what is written and not synced: ten seconds of 50 Mb/s.
MOST_UNSYNCED: Final = 64 << 20
SYNC_EVERY_S: Final = 1.0
#: After a disk was full or failed, it is tried again so much later.
RETRY_S: Final = 2.0


class Store:
    """Gives `TrackRecorder` its files. Whoever made it ends it by `close`, when all segments have been ended."""

    def __init__(
        self,
        root: Path,
        hand: Hand,
        most_unsynced: int = MOST_UNSYNCED,
        algorithms: Sequence[Algorithm] = SHA256_ONLY,
    ) -> None:
        self.bytes = 0
        """Written since the start."""
        self.unsynced = 0
        """Of what was written, not known to be on disk."""
        self.has_room = True
        self.news: list[Closed | Alarm] = []
        """What has happened; whoever reads it empties it."""
        self._root = root
        self._hand = hand
        self._algorithms = algorithms
        self._most = most_unsynced
        self._open: dict[int, OpenFile] = {}
        self._ending: list[OpenFile] = []
        self._disk = Disk()
        self._trouble = ""
        self._trouble_s = 0.0
        self._sync_s = 0.0
        self._named_us = 0

    def begin(self, track: Track, number: int, frame: Frame, pts_us: int) -> SegmentWriter:
        now = time.monotonic()
        if self._trouble and now < self._trouble_s + RETRY_S:
            raise SegmentFull("the disk is tried again in a moment")
        folder = track_folder(self._root, track.track)
        try:
            if not folder.is_dir():
                folder.mkdir(parents=True)
                sync_folder(folder.parent)
        except OSError as error:
            refused = SegmentBroken(str(error))
            self.failed(refused)
            raise refused from error
        # Names are in the order of their beginnings, also where several begin at once.
        self._named_us = max(time.time_ns() // 1000, self._named_us + 1000)
        writer = SegmentWriter(folder, ulid(self._named_us), number, track, algorithms=self._algorithms)
        self._hand.take(track.track)
        try:
            writer.write(frame.data, pts_us, frame.is_keyframe)
        finally:
            self._hand.put()
        self._open[id(writer)] = OpenFile(writer, track.track, now)
        return writer

    def end(self, writer: SegmentWriter, until_us: int | None, ended: Ended) -> None:
        file = self._open.pop(id(writer))
        self._look(file)
        self._ending.append(file)
        self._disk.finish(file, until_us, ended)

    def failed(self, error: Exception) -> None:
        """Say what is wrong with the disk, once until it is well."""
        code = "disk-full" if isinstance(error, SegmentFull) else "disk-failing"
        self._trouble_s = time.monotonic()
        if code != self._trouble:
            self._trouble = code
            self.news.append(Alarm(code, 0, str(error)[:256]))

    def tick(self) -> None:
        """Look what was written, have it synced, take what was closed."""
        while (finished := self._disk.take()) is not None:
            self._finished(finished)
        now = time.monotonic()
        due = now >= self._sync_s + SYNC_EVERY_S
        if due:
            self._sync_s = now
        for file in self._open.values():
            self._look(file)
            if self._trouble and file.was_synced and file.begun_s > self._trouble_s:
                self._trouble = ""
                self.news.append(Alarm("disk-well"))
            if due and file.written > file.synced and not file.is_asked:
                self._disk.sync(file)
        self.unsynced = sum(file.written - file.synced for file in (*self._open.values(), *self._ending))
        if self.has_room and self.unsynced > self._most:
            self.has_room = False
            self.news.append(Alarm("disk-slow", self.unsynced))
        elif not self.has_room and self.unsynced < self._most // 2:
            self.has_room = True
            self.news.append(Alarm("disk-well"))

    def is_done(self, track: str) -> bool:
        """Tell whether all that was ended of a track is closed."""
        return all(file.track != track for file in self._ending)

    def close(self) -> None:
        """Return when everything that was ended is closed."""
        self._disk.close()
        self.tick()

    def _look(self, file: OpenFile) -> None:
        """Count what a writer wrote since the last look."""
        fragments = file.writer.fragments
        written = fragments[-1].offset + fragments[-1].bytes if fragments else 0
        self.bytes += written - file.written
        file.written = written

    def _finished(self, finished: Finished) -> None:
        file = finished.file
        self._ending.remove(file)
        self._look(file)
        if finished.error is not None:
            self.failed(finished.error)
        if finished.facts is not None:
            self.news.append(Closed(finished.facts, finished.ended))


def track_folder(root: Path, track: str) -> Path:
    """Where the files of a track are."""
    return root / "tracks" / track
