"""What is known of a segment while it is being written, beside what its writer knows. Core."""

from __future__ import annotations

from typing import Final

from media.rtp.frames import Frame
from recorder.files import SegmentWriter
from recorder.tracks.streams import Stream
from recorder.tracks.times import Moment
from recorder.tracks.told import MOST_EVIDENCE, MOST_GAPS, Ended, Evidence, Gap, Report, Why

EVIDENCE_APART_US: Final = 500_000


class Segment:
    """`t0_us` is when its first frame was captured, `offset_ns` UTC less monotonic time for all of it."""

    def __init__(self, writer: SegmentWriter, t0_us: int, offset_ns: int, stream: Stream) -> None:
        self.writer = writer
        self.t0_us = t0_us
        self.offset_ns = offset_ns
        self.size = stream.size
        self.keyframe_us = t0_us
        """The last one's time."""
        self.heard_ns = 0
        """When its last frame arrived."""
        self._stream = stream
        self._gaps: list[Gap] = []
        self._doubt_us: int | None = None
        self._evidence: list[Evidence] = []
        self._evidence_us = 0
        self._reports: list[Report] = []
        self._error_ns = 0
        self._waits: int | None = None
        self._waits_ns = 0

    def note(self, frame: Frame, moment: Moment, pts_us: int) -> None:
        """A frame was written."""
        self.heard_ns = frame.last_arrival_ns
        self._error_ns = max(self._error_ns, moment.error_ns)
        if frame.is_keyframe:
            self.keyframe_us = pts_us
        if pts_us - self._evidence_us >= EVIDENCE_APART_US and len(self._evidence) < MOST_EVIDENCE:
            self._evidence_us = pts_us
            timestamp = frame.timestamp & 0xFFFFFFFF
            self._evidence.append(Evidence(timestamp, frame.first_arrival_ns, moment.capture_ns, moment.error_ns))
            self._note_report()

    def _note_report(self) -> None:
        told = self._stream.times.told
        if told is None or not told.report_ntp:
            return
        if not self._reports or self._reports[-1].arrival_ns != told.report_arrival_ns:
            way = told.round_trip_ns, int(told.round_trip_source)
            self._reports.append(Report(told.report_ntp, told.report_timestamp, told.report_arrival_ns, *way))

    def miss(self, gap: Gap) -> None:
        """Something is not there."""
        if len(self._gaps) < MOST_GAPS:
            self._gaps.append(gap)
        else:
            last = self._gaps[-1]
            self._gaps[-1] = Gap(gap.why, last.t0, max(last.t1, gap.t1))

    def doubt(self, frame: Frame, pts_us: int) -> None:
        """Remember from when to when pictures refer to lost ones."""
        if not frame.decodable:
            self._doubt_us = pts_us if self._doubt_us is None else self._doubt_us
        elif self._doubt_us is not None:
            self.miss(Gap(Why.UNDECODABLE, self._doubt_us, pts_us))
            self._doubt_us = None

    def is_to_flush(self, now_ns: int, after_ns: int) -> bool:
        """Tell whether the same frame has waited for so long."""
        waits = self.writer.waiting_since_us
        if waits != self._waits:
            self._waits, self._waits_ns = waits, now_ns
        return waits is not None and now_ns - self._waits_ns >= after_ns

    def ended(self, end_us: int) -> Ended:
        """Tell what the file does not say."""
        if self._doubt_us is not None:
            self.miss(Gap(Why.UNDECODABLE, self._doubt_us, end_us))
        stream = self._stream
        return Ended(
            stream.ssrc,
            stream.rid,
            self.offset_ns,
            -(-self._error_ns // 1000),
            stream.recorded.clock_rate,
            tuple(self._gaps),
            tuple(self._evidence),
            tuple(self._reports),
        )
