"""Real frames of every codec, made once: pictures that change, tones, silence; and files written from them."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.video.codeccontext import VideoCodecContext

from recorder.files import Codec, Facts, SegmentWriter, Track
from tests.priority import own_priority

T0: Final = 1_763_900_000_123_457
"""An odd microsecond: what is rounded shows."""
SEGMENT: Final = "01KARR5QKBS5V2JTE5XWPFZWZ0"
TRACK: Final = "01KARR5QKB7N9GQ4Y1P2X3Z4A5"
SIZE: Final = (160, 96)
FRAMES_PER_SECOND: Final = 20
ENCODERS: Final = {
    Codec.H264: ("libx264", {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "repeat-headers=1"}),
    Codec.H265: (
        "libx265",
        {"preset": "ultrafast", "tune": "zerolatency", "x265-params": "log-level=none:repeat-headers=1"},
    ),
    Codec.VP8: ("libvpx", {"deadline": "realtime", "cpu-used": "16", "lag-in-frames": "0"}),
    Codec.VP9: ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}),
    Codec.AV1: ("libsvtav1", {"preset": "12", "svtav1-params": "lookahead=0:pred-struct=1"}),
}
_SOUNDS: Final = {
    Codec.OPUS: ("libopus", 48_000),
    Codec.PCMU: ("pcm_mulaw", 8000),
    Codec.PCMA: ("pcm_alaw", 8000),
    Codec.G722: ("g722", 16_000),
}


class Frame(NamedTuple):
    """As a writer takes it."""

    data: bytes
    pts_us: int
    is_keyframe: bool


@cache
def frames(codec: Codec, seconds: float = 3.0, channels: int = 1) -> tuple[Frame, ...]:
    """Give pictures with a keyframe each second, or a tone in packets of 20 ms."""
    if codec.is_picture:
        return tuple(_pictures(codec, int(seconds * FRAMES_PER_SECOND)))
    return tuple(_sounds(codec, int(seconds * 50), channels))


def track(codec: Codec, channels: int = 1) -> Track:
    """The track of such frames."""
    width, height = SIZE if codec.is_picture else (0, 0)
    return Track(TRACK, codec, width, height, channels, {"source": "01K", "unit": "县应急局"})


def writer(folder: Path, codec: Codec, channels: int = 1) -> SegmentWriter:
    """Begin a file."""
    return SegmentWriter(folder, SEGMENT, 7, track(codec, channels))


def written(folder: Path, codec: Codec, seconds: float = 3.0, channels: int = 1) -> Facts:
    """Write a file of such frames."""
    file = writer(folder, codec, channels)
    for frame in frames(codec, seconds, channels):
        file.write(*frame)
    facts = file.close()
    assert facts
    return facts


def decoded(path: Path) -> int:
    """Read a file to its end; give the number of frames, of sound the number of samples. Any error is raised."""
    with av.open(path) as container:
        stream = container.streams[0]
        stream.codec_context.options = {"err_detect": "explode"}
        return sum(getattr(frame, "samples", 1) for frame in container.decode(stream))


def packets(path: Path) -> list[tuple[float, int, bool]]:
    """Give seconds since the beginning, bytes and whether it is a keyframe, of all packets as PyAV reads them."""
    with av.open(path) as container:
        return [
            (float((packet.pts or 0) * packet.time_base), packet.size, packet.is_keyframe)
            for packet in container.demux(container.streams[0])
            if packet.size
        ]


@own_priority()
def _pictures(codec: Codec, count: int, **options: str) -> list[Frame]:
    name, usual = ENCODERS[codec]
    context = av.CodecContext.create(name, "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height = SIZE
    context.pix_fmt, context.gop_size, context.thread_count = "yuv420p", FRAMES_PER_SECOND, 1
    context.time_base, context.framerate = Fraction(1, FRAMES_PER_SECOND), Fraction(FRAMES_PER_SECOND)
    context.options = {**usual, **options}
    made: list[Any] = []
    for number in range(count):
        picture = np.full((SIZE[1] * 3 // 2, SIZE[0]), 128, np.uint8)
        picture[: SIZE[1], number * 3 % SIZE[0] :] = 40 + number % 100
        frame = av.VideoFrame.from_ndarray(picture, "yuv420p")
        frame.pts, frame.time_base = number, context.time_base
        made += context.encode(frame)
    made += context.encode(None)
    step = 1_000_000 // FRAMES_PER_SECOND
    return [Frame(bytes(packet), T0 + packet.pts * step, packet.is_keyframe) for packet in made]


def reordered(count: int = 60) -> list[Frame]:
    """Give H.264 with pictures that are shown before others that were decoded earlier, as cameras send it."""
    return _pictures(Codec.H264, count, **{"tune": "film", "bf": "3", "x264-params": "repeat-headers=1:rc-lookahead=5"})


def _sounds(codec: Codec, count: int, channels: int) -> list[Frame]:
    name, rate = _SOUNDS[codec]
    context = av.CodecContext.create(name, "w")
    assert isinstance(context, AudioCodecContext)
    context.sample_rate, context.format = rate, "s16"
    context.layout = "mono" if channels == 1 else "stereo"
    context.open()
    size = rate // 50
    made: list[bytes] = []
    for number in range(count):
        times = np.arange(number * size, (number + 1) * size) / rate
        tone = (8000 * np.sin(2 * math.pi * 440 * times)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(tone, channels)[None, :], "s16", str(context.layout.name))
        frame.sample_rate, frame.pts, frame.time_base = rate, number * size, Fraction(1, rate)
        made += [bytes(packet) for packet in context.encode(frame)]
    return [Frame(data, T0 + number * 20_000, True) for number, data in enumerate(made)]
