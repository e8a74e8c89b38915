"""A track that is recorded into a folder, in the time of its records."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from media.rtp.frames import Frame
from media.tap import TapRecord
from recorder.files import Facts, SegmentError, SegmentWriter, Track, facts_of
from recorder.tracks import Ended, Gap, TrackRecorder
from recorder.worker.ulid import ulid
from tests.recorder.files.frames import TRACK

#: UTC less monotonic time.
OFFSET_NS: Final = 1_763_900_000_123_456_000
OFFSET_US: Final = OFFSET_NS // 1000
TICK_NS: Final = 100_000_000


class Folder:
    """Files in a folder, closed at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.has_room = True
        self.closed: list[tuple[Facts, Ended]] = []
        self.failures: list[SegmentError] = []

    def begin(self, track: Track, number: int, frame: Frame, pts_us: int) -> SegmentWriter:
        writer = SegmentWriter(self.path, ulid(pts_us), number, track)
        writer.write(frame.data, pts_us, frame.is_keyframe)
        return writer

    def failed(self, error: SegmentError) -> None:
        self.failures.append(error)

    def end(self, writer: SegmentWriter, until_us: int | None, ended: Ended) -> None:
        facts = writer.close(until_us)
        assert facts and facts_of(self.path / facts.name) == facts
        self.closed.append((facts, ended))


class Recording:
    """One track; `requests` are the times, in microseconds, when a keyframe was asked for."""

    def __init__(self, path: Path) -> None:
        self.files = Folder(path)
        self.track = TrackRecorder(TRACK, 1, {"unit": "县应急局"}, self.files, OFFSET_NS)
        self.requests: list[int] = []
        self._tick_ns = 0

    def take(self, records: Iterable[TapRecord]) -> None:
        """Record packets, with ticks in between."""
        for record in records:
            self.wait(record.monotonic_ns)
            self.track.receive(record)

    def wait(self, until_ns: int) -> None:
        """Let time pass."""
        while self._tick_ns + TICK_NS <= until_ns:
            self._tick_ns += TICK_NS
            if self.track.tick(self._tick_ns):
                self.requests.append(self._tick_ns // 1000)

    def finish(self, now_ns: int) -> tuple[Gap, ...]:
        """End the track."""
        self.wait(now_ns)
        return self.track.finish(now_ns)

    @property
    def segments(self) -> list[tuple[int, int]]:
        """Beginning and end of each, in microseconds of the clock."""
        return [(facts.t0 - OFFSET_US, facts.t1 - OFFSET_US) for facts, _ in self.files.closed]

    @property
    def gaps(self) -> list[tuple[str, int, int]]:
        """All that were told, in microseconds of the clock."""
        return [
            (gap.why.value, gap.t0 - OFFSET_US, gap.t1 - OFFSET_US)
            for _, ended in self.files.closed
            for gap in ended.gaps
        ]
