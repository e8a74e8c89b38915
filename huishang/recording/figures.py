"""The figures of recording for `/metrics`, as the worker tells them. Core."""

from __future__ import annotations

from collections.abc import Callable

from recorder.worker.wire import Alarm, Statistics
from signaling.http.metrics import Figures as Told
from signaling.http.metrics import Reader


class Figures:
    """What the workers of this node have said; counters go on from one to the next."""

    def __init__(self) -> None:
        self.tracks = 0
        self.backlog = 0
        self.unsynced = 0
        self.bytes = 0
        self.lost = 0
        """Records that rings had no room for."""
        self.unmet = 0
        """What policies want recorded and there is no room for."""
        self._bytes_of_worker = 0

    def hear(self, answer: Alarm | Statistics) -> None:
        """Take the worker's word."""
        if isinstance(answer, Alarm):
            self.lost += answer.count if answer.code == "ring-lost" else 0
            return
        self.tracks, self.backlog, self.unsynced = answer.tracks, answer.backlog, answer.unsynced
        before = self._bytes_of_worker if answer.bytes >= self._bytes_of_worker else 0
        self.bytes += answer.bytes - before
        self._bytes_of_worker = answer.bytes


def readers(figures: Callable[[], Figures]) -> list[Reader]:
    """Return what `/metrics` asks."""

    def one(value: Callable[[Figures], int]) -> Callable[[], Told]:
        return lambda: {(): value(figures())}

    return [
        Reader("huishang_recorded_tracks", "Pictures and sounds that are recorded", (), one(lambda it: it.tracks)),
        Reader("huishang_recordings_unmet", "Wanted by policies, beyond the bound", (), one(lambda it: it.unmet)),
        Reader("huishang_recorder_backlog_bytes", "What waits for the recorder", (), one(lambda it: it.backlog)),
        Reader("huishang_recorder_unsynced_bytes", "Written, maybe not on disk", (), one(lambda it: it.unsynced)),
        Reader("huishang_recorded_bytes_total", "Written to files", (), one(lambda it: it.bytes), counts=True),
        Reader("huishang_recorder_lost_records_total", "Lost: too slow", (), one(lambda it: it.lost), counts=True),
    ]
