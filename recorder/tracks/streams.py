"""The SSRCs of one route, and which of them is recorded: the best picture that is live, the newest sound. Core.

A route shows another SSRC when its source sends another layer, or has come back; where it shows all layers, they come
side by side. A smaller picture is taken when the larger one has been silent for half a second, from its last keyframe
on if that was a moment ago.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from media.rtp.frames import Frame
from media.rtp.stream import StreamFrames
from media.tap import TapClock, TapRecord
from recorder.tracks.codecs import RECORDED, Recorded
from recorder.tracks.times import Times

#: As many as a publication has, and as many again of its publisher before; the one that was silent longest goes.
MOST_STREAMS: Final = 8
QUIET_NS: Final = 500_000_000
#: Of the frames behind a keyframe of another stream, in case the recorded one has ended.
MOST_KEPT_NS: Final = 2_000_000_000
MOST_KEPT_BYTES: Final = 4 << 20
_CODEC: Final = 0x7F


class Stream:
    """One SSRC."""

    def __init__(self, record: TapRecord, recorded: Recorded, times: Times, number: int) -> None:
        self.ssrc = record.ssrc
        self.rid = record.rid
        self.recorded = recorded
        self.number = number
        """Greater than those of all that were there before."""
        self.frames = StreamFrames(recorded.name)
        self.times = times
        self.size: tuple[int, int] = (0, 0)
        self.heard_ns = record.monotonic_ns
        self.kept: list[Frame] = []
        self._kept_bytes = 0

    def keep(self, frame: Frame) -> None:
        """Remember a frame and what follows it, while another stream is recorded."""
        if frame.is_keyframe:
            self.kept, self._kept_bytes = [frame], len(frame.data)
        elif self.kept:
            self.kept.append(frame)
            self._kept_bytes += len(frame.data)
            waited_ns = frame.last_arrival_ns - self.kept[0].first_arrival_ns
            if waited_ns > MOST_KEPT_NS or self._kept_bytes > MOST_KEPT_BYTES:
                self.kept = []


class Streams:
    """Those that were heard, by SSRC."""

    def __init__(self, times: Callable[[int], Times]) -> None:
        """`times` makes the clock of a stream, of so many ticks a second."""
        self.current: Stream | None = None
        self._times = times
        self._all: dict[int, Stream] = {}
        self._number = 0
        self._told: dict[int, TapClock] = {}
        """By SSRC, the last word, for streams that begin later."""

    def tell(self, clock: TapClock) -> None:
        """Take the plane's word for when the timestamps of an SSRC were captured."""
        ssrc = clock.ssrc
        self._told.pop(ssrc, None)
        self._told[ssrc] = clock
        if len(self._told) > MOST_STREAMS:
            del self._told[next(iter(self._told))]
        stream = self._all.get(ssrc)
        if stream is not None:
            stream.times.tell(clock)

    def of(self, record: TapRecord) -> Stream | None:
        """Give the stream of an RTP record, None where its codec is none that is recorded."""
        recorded = RECORDED.get(record.packet[1] & _CODEC) if len(record.packet) > 1 else None
        if recorded is None:
            return None
        stream = self._all.get(record.ssrc)
        if stream is None or stream.recorded is not recorded:
            if stream is None and len(self._all) >= MOST_STREAMS:
                others = [each for each in self._all.values() if each is not self.current]
                del self._all[min(others, key=lambda each: each.heard_ns).ssrc]
            self._number += 1
            stream = Stream(record, recorded, self._times(recorded.clock_rate), self._number)
            self._all[record.ssrc] = stream
            if (told := self._told.get(record.ssrc)) is not None:
                stream.times.tell(told)
        stream.heard_ns = record.monotonic_ns
        return stream

    def begin_anew(self, stream: Stream) -> None:
        """The sender's timestamps say nothing of those before."""
        self._told.pop(stream.ssrc, None)
        stream.times = self._times(stream.recorded.clock_rate)

    def forget(self) -> None:
        """Begin with none of them."""
        self.current = None
        self._all.clear()

    def takes_over(self, stream: Stream, frame: Frame) -> list[Frame]:
        """Give the frames of another stream that are recorded from now on; none where the present one stays."""
        present = self.current
        is_picture = stream.recorded.codec.is_picture
        stream.keep(frame)
        if not stream.kept:
            return []
        quiet = present is None or frame.last_arrival_ns - present.heard_ns > QUIET_NS
        better = (
            present is not None
            and present.recorded.codec.is_picture == is_picture
            and (_area(frame.size) > _area(present.size) if is_picture else stream.number > present.number)
        )
        # A codec that took the place of another under the same SSRC leaves nobody to be silent.
        replaced = present is not None and self._all.get(present.ssrc) is not present
        if not (quiet or better or replaced):
            return []
        frames = [frame] if better else stream.kept
        stream.kept = []
        self.current = stream
        return frames

    def is_quiet(self, stream: Stream) -> bool:
        """Tell whether nothing but this stream is to be heard."""
        present = self.current
        return present is None or stream.heard_ns - present.heard_ns > QUIET_NS

    def get_timers(self, now_ns: int) -> list[Stream]:
        """Give the streams that miss something for too long."""
        return [each for each in self._all.values() if (due := each.frames.get_timer()) is not None and due <= now_ns]


def _area(size: tuple[int, int] | None) -> int:
    return size[0] * size[1] if size else 0
