"""A recording to be replayed: real segment files by the real writer, whose pictures and tones say when they were made.

A picture holds the number of 50 ms since the beginning as sixteen black or white bars; the sound of each second has a
tone of its own. So a test reads from the screen and the loudspeaker which UTC is on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.video.codeccontext import VideoCodecContext

from recorder.files import Codec, Facts, SegmentWriter, Track, facts_of
from recorder.worker.ulid import ulid
from tests.priority import own_priority

#: An odd microsecond: what is rounded shows. In UTC+8 it is 2025-11-23 20:13:20.
T0: Final = 1_763_900_000_123_457
FRAME_US: Final = 50_000
PACKET_US: Final = 20_000
SECOND_US: Final = 1_000_000
BARS: Final = 16
SIZE: Final = (384, 216)
SMALL: Final = (192, 108)
#: Of the second n: FIRST_HZ + n % TONES * STEP_HZ.
FIRST_HZ, STEP_HZ, TONES = 500, 250, 8
_ENCODERS: Final = {
    Codec.H264: ("libx264", {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "repeat-headers=1"}),
    Codec.VP8: ("libvpx", {"deadline": "realtime", "cpu-used": "16", "lag-in-frames": "0"}),
    Codec.VP9: ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}),
    Codec.AV1: ("libsvtav1", {"preset": "12", "svtav1-params": "lookahead=0:pred-struct=1"}),
}


class Gap(NamedTuple):
    """As a segment tells it."""

    why: str
    t0: int
    t1: int


class Recorded:
    """Tracks in a folder as the worker leaves them; the gaps are what its segments told beside their files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.gaps: dict[str, list[Gap]] = {}
        self.deleted: dict[str, int] = {}
        self._numbers: dict[str, int] = {}

    def folder(self, track: str) -> Path:
        path = self.root / "tracks" / track
        path.mkdir(parents=True, exist_ok=True)
        return path

    def pictures(
        self,
        track: str,
        about: dict[str, str],
        first: int,
        last: int,
        *,
        codec: Codec = Codec.H264,
        size: tuple[int, int] = SIZE,
        seconds: float = 2.0,
        gap: str = "",
        since: int = 0,
    ) -> None:
        """Write pictures `first` to `last` (numbers of 50 ms), a segment every so many seconds.

        `gap`: why nothing was there before them, from the picture `since` on.
        """
        step = round(seconds * SECOND_US / FRAME_US)
        for begin in range(first, last, step):
            end = min(begin + step, last)
            writer = self._begin(Track(track, codec, *size, 1, about), T0 + begin * FRAME_US)
            for number, (data, is_keyframe) in zip(range(begin, end), pictures(codec, size, begin, end), strict=True):
                writer.write(data, T0 + number * FRAME_US, is_keyframe)
            self._end(
                writer, T0 + end * FRAME_US, [Gap(gap, T0 + since * FRAME_US, T0 + begin * FRAME_US)] if gap else []
            )
            gap = ""

    def sound(self, track: str, about: dict[str, str], first: int, last: int, *, codec: Codec = Codec.OPUS) -> None:
        """Write tones of the seconds `first` to `last`, five to a segment."""
        per_second = SECOND_US // PACKET_US
        packets = tones(codec, first, last)
        step = 5 * per_second
        for begin in range(0, len(packets), step):
            at = T0 + first * SECOND_US + begin * PACKET_US
            writer = self._begin(Track(track, codec, 0, 0, 1, about), at)
            for number, data in enumerate(packets[begin : begin + step]):
                writer.write(data, at + number * PACKET_US)
            self._end(writer, None, [])

    def files(self) -> Iterator[tuple[Path, Facts]]:
        """All that is there, read from the files themselves."""
        for path in sorted(self.root.glob("tracks/*/*")):
            if not path.name.endswith(".open"):
                yield path, facts_of(path)

    def _begin(self, track: Track, at_us: int) -> SegmentWriter:
        number = self._numbers[track.track] = self._numbers.get(track.track, -1) + 1
        return SegmentWriter(self.folder(track.track), ulid(at_us), number, track)

    def _end(self, writer: SegmentWriter, until_us: int | None, gaps: list[Gap]) -> None:
        facts = writer.close(until_us)
        assert facts
        self.gaps[facts.label.segment] = gaps


@cache
@own_priority()
def pictures(codec: Codec, size: tuple[int, int], first: int, last: int) -> tuple[tuple[bytes, bool], ...]:
    """Encode pictures with their numbers as bars; the first is a keyframe."""
    name, options = _ENCODERS[codec]
    context = av.CodecContext.create(name, "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height = size
    context.pix_fmt, context.gop_size, context.thread_count = "yuv420p", last - first, 1
    context.time_base, context.framerate = Fraction(FRAME_US, SECOND_US), Fraction(SECOND_US, FRAME_US)
    context.options = options
    made: list[Any] = []
    for number in range(first, last):
        frame = av.VideoFrame.from_ndarray(barred(number, size), "yuv420p")
        frame.pts, frame.time_base = number - first, context.time_base
        made += context.encode(frame)
    made += context.encode(None)
    return tuple((bytes(packet), packet.is_keyframe) for packet in made)


def barred(number: int, size: tuple[int, int]) -> np.ndarray[Any, Any]:
    """Give a picture (planes of yuv420p below one another) of a number."""
    width, height = size
    picture = np.full((height * 3 // 2, width), 128, np.uint8)
    for bar in range(BARS):
        left, right = bar * width // BARS, (bar + 1) * width // BARS
        picture[:height, left:right] = 220 if number >> (BARS - 1 - bar) & 1 else 30
    return picture


@cache
def tones(codec: Codec, first: int, last: int) -> tuple[bytes, ...]:
    """Encode the tones of some seconds in packets of 20 ms."""
    name, rate = ("libopus", 48_000) if codec is Codec.OPUS else ("pcm_alaw", 8000)
    context = av.CodecContext.create(name, "w")
    assert isinstance(context, AudioCodecContext)
    context.sample_rate, context.format, context.layout = rate, "s16", "mono"
    context.open()
    size = rate * PACKET_US // SECOND_US
    times = np.arange(first * rate, last * rate)
    frequency = FIRST_HZ + (times // rate) % TONES * STEP_HZ
    samples = (8000 * np.sin(2 * math.pi * frequency * (times % rate) / rate)).astype(np.int16)
    made: list[bytes] = []
    for number in range(len(samples) // size):
        part = samples[number * size : (number + 1) * size]
        frame = av.AudioFrame.from_ndarray(part[None, :], "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, number * size, Fraction(1, rate)
        made += [bytes(packet) for packet in context.encode(frame)]
    return tuple(made)
