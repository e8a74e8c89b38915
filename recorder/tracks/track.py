"""The rules by which a track's frames become segments; the package's docstring tells them. Core.

Frames that cannot be kept become part of the gap that the next segment tells.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from media.rtp import frames
from media.rtp.frames import Frame, GapKind
from media.tap import TapClock, TapRecord
from recorder.files import Codec, SegmentError, SegmentInvalid, SegmentWriter, Track
from recorder.tracks.asking import AFTER_LOSS_NS, URGENT_APART_NS, Asking
from recorder.tracks.segment import Segment
from recorder.tracks.streams import Stream, Streams
from recorder.tracks.times import CaptureTimes, Moment, Times
from recorder.tracks.told import Ended, Gap, Why

PICTURES_US: Final = 4_000_000
SOUND_US: Final = 5_000_000
#: Without a keyframe for so long one is asked for.
LONG_US: Final = 10_000_000
IDLE_NS: Final = 10_000_000_000
#: Later than this after the one before, Chromium waits for a keyframe (`recorder/files/writer`).
PICTURE_HOLE_US: Final = 2_000_000
#: Shorter silences are told by the file, which is filled there.
SOUND_HOLE_US: Final = 100_000
#: The writer itself writes every half second where frames come often.
FLUSH_NS: Final = 600_000_000
#: Their decoder in Chromium gives up where something that is referred to is missing, and with it all that follows.
UNFORGIVING: Final = frozenset((Codec.AV1,))
#: Whatever a sender does, it does not fill the disk with files: so many in so long, no more.
MOST_BEGUN: Final = 10
BEGUN_NS: Final = 10_000_000_000
#: Packets that the ring dropped are missed so much later at most.
_RING_NS: Final = 3_000_000_000
#: The later of two that meet is told.
_RANKS: Final = {why: rank for rank, why in enumerate(Why)}
_WHYS: Final = {
    GapKind.PAUSED: Why.SILENT,
    GapKind.REFUSED: Why.REFUSED,
    GapKind.LOST: Why.LOST,
    GapKind.RESTARTED: Why.RESTARTED,
}


class Files(Protocol):
    """Where segments go; files are closed there, which takes the time of a disk."""

    @property
    def has_room(self) -> bool:
        """False while more waits for the disk than may."""

    def begin(self, track: Track, number: int, frame: Frame, pts_us: int) -> SegmentWriter:
        """Begin a file with its first frame. Raises SegmentError."""

    def failed(self, error: SegmentError) -> None:
        """Take note that the disk did not take a write."""

    def end(self, writer: SegmentWriter, until_us: int | None, ended: Ended) -> None:
        """Close a file; `until_us` is when the next one begins, if that is known."""


class TrackRecorder:
    """One track. Call `tick` ten times a second, `finish` at the end. Times are the monotonic clock's nanoseconds."""

    def __init__(
        self,
        track: str,
        number: int,
        about: dict[str, str],
        files: Files,
        offset_ns: int,
        end_us: int | None = None,
        times: Callable[[int], Times] = CaptureTimes,
    ) -> None:
        """`number` is that of the next segment, `offset_ns` UTC less monotonic time.

        `end_us` is where the files end that an earlier worker wrote, if this one takes its place.
        `about` stands in the files; `times` makes the clock of a stream, of so many ticks a second.
        """
        self.track = track
        self.number = number
        self.offset_ns = offset_ns
        """Counts from the next segment on."""
        self.held = False
        self._about = about
        self.is_described = True
        """Nothing is being written under words of before the last `describe`."""
        self._files = files
        self._streams = Streams(times)
        self._asking = Asking()
        self._segment: Segment | None = None
        self._cut = False
        """The next frame that may begins another segment."""
        self._why = None if end_us is None else Why.WORKER
        self._end_us = end_us
        """Where what was kept ends."""
        self._ring_ns: int | None = None
        self._begun: deque[int] = deque(maxlen=MOST_BEGUN)
        """When the last segments began, by the arrival of their first frames."""

    def receive(self, record: TapRecord) -> None:
        """Take an RTP record of this track's route."""
        stream = None if self.held else self._streams.of(record)
        if stream is not None:
            for item in stream.frames.receive(record.packet, record.monotonic_ns):
                self._take(stream, item)

    def tell(self, clock: TapClock) -> None:
        """Take the plane's word for when the timestamps of an SSRC were captured."""
        self._streams.tell(clock)

    def describe(self, about: dict[str, str], now_ns: int) -> None:
        """Have other words stand in the files that begin from now on; a picture is asked for a keyframe."""
        if about == self._about:
            return
        self._about = about
        self.is_described = self._segment is None
        self._cut = True
        stream = self._streams.current
        if stream is not None and stream.recorded.codec.is_picture:
            self._asking.need(now_ns, 0, URGENT_APART_NS)

    def ring_lost(self, now_ns: int) -> None:
        """Records of the ring were lost, maybe of this route: what will be missed is missing here."""
        self._ring_ns = now_ns

    def tick(self, now_ns: int) -> bool:
        """Do what time brings; True: ask the sender for a keyframe.

        While records wait to be read, the time is that of the last one that was.
        """
        for stream in self._streams.get_timers(now_ns):
            for item in stream.frames.handle_timer(now_ns):
                self._take(stream, item)
        segment = self._segment
        if segment is not None:
            if now_ns - segment.heard_ns > IDLE_NS:
                self._close(None)
            elif segment.is_to_flush(now_ns, FLUSH_NS):
                try:
                    segment.writer.flush()
                except SegmentError as error:
                    self._fail(error)
        return not self.held and self._asking.take(now_ns)

    def hold(self) -> None:
        """Record nothing until `go_on`."""
        if not self.held:
            self._stop()
            self._note(Why.HELD)
            self._streams.forget()
            self.held = True

    def go_on(self) -> None:
        """Record again."""
        self.held = False

    def finish(self, now_ns: int) -> tuple[Gap, ...]:
        """End the track; give the gap that no segment tells."""
        self._stop()
        if self._why is None or self._end_us is None:
            return ()
        return (Gap(self._why, self._end_us, max(self._end_us, (now_ns + self.offset_ns) // 1000)),)

    def _stop(self) -> None:
        stream = self._streams.current
        if stream is not None:
            for item in stream.frames.finish():
                self._take(stream, item)
        self._close(None)

    def _take(self, stream: Stream, item: Frame | frames.Gap) -> None:
        if isinstance(item, frames.Gap):
            stream.kept = []
            if item.kind is GapKind.RESTARTED:
                self._streams.begin_anew(stream)
            if stream is self._streams.current:
                self._miss(item.kind, stream.heard_ns)
            return
        stream.times.note(item.timestamp, item.first_arrival_ns)
        if stream is self._streams.current:
            self._keep(stream, item)
            return
        taken = self._streams.takes_over(stream, item)
        if taken:
            self._cut = True
        elif self._streams.is_quiet(stream):
            self._wait(stream, item)
        for frame in taken:
            self._keep(stream, frame)

    def _miss(self, kind: GapKind, now_ns: int) -> None:
        why = _WHYS[kind]
        if kind is GapKind.LOST and self._ring_ns is not None and now_ns - self._ring_ns < _RING_NS:
            why = Why.RING
        if kind is not GapKind.PAUSED:
            self._note(why)
        stream = self._streams.current
        assert stream is not None
        if stream.recorded.codec.is_picture:
            self._cut = True
            self._asking.need(now_ns, AFTER_LOSS_NS)
        elif kind is GapKind.RESTARTED:
            self._cut = True

    def _keep(self, stream: Stream, frame: Frame) -> None:
        now_ns = frame.last_arrival_ns
        if not self._files.has_room:
            self._close(None)
            self._note(Why.DISK)
            return
        moment, pts_us = self._when(stream, frame)
        is_picture = stream.recorded.codec.is_picture
        if is_picture and frame.is_keyframe:
            self._asking.came()
        elif is_picture and not self._can_follow(stream, frame):
            self._wait(stream, frame)
            return
        if self._begins_another(stream, frame, pts_us):
            if stream.times.astray:
                stream.times.anchor()
                self._note(Why.CLOCK)
                moment, pts_us = self._when(stream, frame)
            self._close(pts_us)
        if self._segment is None:
            self._begin(stream, frame, moment)
            return
        hole_us = pts_us - (self._end_us or pts_us)
        try:
            self._segment.writer.write(frame.data, pts_us, frame.is_keyframe)
        except SegmentInvalid:
            self._refuse(stream, frame, moment)
        except SegmentError as error:
            self._fail(error)
        else:
            self._kept(stream, frame, moment, pts_us)
            if is_picture and hole_us > PICTURE_HOLE_US and not frame.is_keyframe:
                self._cut = True
                self._asking.need(now_ns, 0)

    def _can_follow(self, stream: Stream, frame: Frame) -> bool:
        """Tell whether a picture that is no keyframe is of use in the file that there is, if any."""
        return self._segment is not None and (frame.decodable or stream.recorded.codec not in UNFORGIVING)

    def _when(self, stream: Stream, frame: Frame) -> tuple[Moment, int]:
        moment = stream.times.at(frame.timestamp)
        offset = self._segment.offset_ns if self._segment else self.offset_ns
        return moment, (moment.capture_ns + offset) // 1000

    def _begins_another(self, stream: Stream, frame: Frame, pts_us: int) -> bool:
        segment = self._segment
        if segment is None or not frame.is_keyframe:
            return False
        is_picture = stream.recorded.codec.is_picture
        return (
            self._cut
            or stream.times.astray
            or pts_us - segment.t0_us >= (PICTURES_US if is_picture else SOUND_US)
            or (frame.size is not None and frame.size != segment.size)
            or (is_picture and self._end_us is not None and pts_us - self._end_us > PICTURE_HOLE_US)
        )

    def _begin(self, stream: Stream, frame: Frame, moment: Moment) -> None:
        recorded, now_ns = stream.recorded, frame.last_arrival_ns
        if len(self._begun) == MOST_BEGUN and now_ns - self._begun[0] < BEGUN_NS:
            self._note(Why.REFUSED)
            return
        stream.size = frame.size or stream.size
        width, height = stream.size
        channels = 2 if recorded.name == "opus" and frame.data[0] & 4 else 1
        pts_us = (moment.capture_ns + self.offset_ns) // 1000
        try:
            track = Track(self.track, recorded.codec, width, height, channels, self._about)
            writer = self._files.begin(track, self.number, frame, pts_us)
        except SegmentInvalid:
            self._note(Why.REFUSED)
            if recorded.codec.is_picture:
                self._asking.need(now_ns, 0, URGENT_APART_NS)
            return
        except SegmentError:
            self._note(Why.DISK)
            return
        self._begun.append(now_ns)
        self.number += 1
        self._cut = False
        self._segment = Segment(writer, pts_us, self.offset_ns, stream)
        self._kept(stream, frame, moment, pts_us)

    def _kept(self, stream: Stream, frame: Frame, moment: Moment, pts_us: int) -> None:
        """A frame is in the file: tell what is missing before it."""
        segment = self._segment
        assert segment is not None
        is_picture = stream.recorded.codec.is_picture
        end_us = pts_us if self._end_us is None else self._end_us
        least_us = PICTURE_HOLE_US if is_picture else SOUND_HOLE_US
        if self._why is not None or pts_us - end_us > least_us:
            segment.miss(Gap(self._why or Why.SILENT, end_us, pts_us))
            self._why = None
        if is_picture:
            segment.doubt(frame, pts_us)
            if pts_us - segment.keyframe_us > LONG_US:
                self._asking.need(frame.last_arrival_ns, 0)
            elif not frame.decodable:
                self._asking.need(frame.last_arrival_ns, AFTER_LOSS_NS)
        segment.note(frame, moment, pts_us)
        lasts_us = frame.ticks * 1_000_000 // stream.recorded.clock_rate
        self._end_us = max(end_us, pts_us + lasts_us) if is_picture else pts_us + lasts_us

    def _refuse(self, stream: Stream, frame: Frame, moment: Moment) -> None:
        """The file cannot hold a frame: another may begin with it."""
        if frame.is_keyframe:
            self._close(None)
            self._begin(stream, frame, moment)
            return
        self._note(Why.REFUSED)
        self._cut = True
        self._asking.need(frame.last_arrival_ns, AFTER_LOSS_NS)

    def _wait(self, stream: Stream, frame: Frame) -> None:
        """A picture is of no use, because there is nothing in a file that it could follow."""
        if self._end_us is None:
            self._end_us = self._when(stream, frame)[1]
        self._note(Why.NO_KEYFRAME)
        if self._segment is None:
            self._asking.need(frame.last_arrival_ns, 0, URGENT_APART_NS)
        else:
            self._asking.need(frame.last_arrival_ns, AFTER_LOSS_NS)

    def _note(self, why: Why) -> None:
        if self._why is None or _RANKS[why] > _RANKS[self._why]:
            self._why = why

    def _fail(self, error: SegmentError) -> None:
        """The disk did not take what waited."""
        self._files.failed(error)
        segment = self._segment
        assert segment is not None
        written = segment.writer.fragments
        self._close(None)
        self._end_us = written[-1].t1 if written else segment.t0_us
        self._note(Why.DISK)

    def _close(self, until_us: int | None) -> None:
        segment, self._segment = self._segment, None
        self.is_described = True
        if segment is not None:
            self._files.end(segment.writer, until_us, segment.ended(until_us or self._end_us or segment.t0_us))
