"""Segments by the real writer, whose pictures show their number and whose sound is a tone that rises each second."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, Final, cast

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from recorder.files import Codec, SegmentWriter, Track
from recorder.worker.ulid import ulid
from tests.recorder.files.frames import ENCODERS, T0, TRACK, Frame

SECOND: Final = 1_000_000
PER_SECOND: Final = 20
STEP_US: Final = SECOND // PER_SECOND
SIZE: Final = (192, 112)
SHADES: Final = 16


def shade(number: int) -> int:
    return 24 + number % SHADES * 13


def picture(number: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """Give YUV 4:2:0 that says a number below 256: the sixteens on the left, the rest on the right."""
    width, height = size
    made = np.full((height * 3 // 2, width), 128, np.uint8)
    made[:height, : width // 2] = shade(number // SHADES)
    made[:height, width // 2 :] = shade(number)
    return made


def number_in(luma: NDArray[Any]) -> int:
    """Read it back, wherever the picture came through."""
    height, width = luma.shape
    left = float(np.median(luma[height // 4 : -height // 4, width // 8 : width * 3 // 8]))
    right = float(np.median(luma[height // 4 : -height // 4, width * 5 // 8 : width * 7 // 8]))
    return round((left - 24) / 13) * SHADES + round((right - 24) / 13)


@cache
def pictures(codec: Codec, seconds: int = 12, size: tuple[int, int] = SIZE, options: str = "") -> tuple[Frame, ...]:
    """Give numbered pictures, a keyframe each two seconds."""
    count = seconds * PER_SECOND
    if codec is Codec.AV1:
        return _av1(count)
    name, usual = ENCODERS[codec]
    context = cast(VideoCodecContext, av.CodecContext.create(name, "w"))
    context.width, context.height = size
    context.pix_fmt, context.gop_size, context.thread_count = "yuv420p", 2 * PER_SECOND, 1
    context.time_base, context.framerate = Fraction(1, PER_SECOND), Fraction(PER_SECOND)
    context.bit_rate = 1_500_000
    context.options = {**usual, **dict(pair.split("=", 1) for pair in options.split(";") if pair)}
    made: list[Any] = []
    for number in range(count):
        frame = av.VideoFrame.from_ndarray(picture(number, size), "yuv420p")
        frame.pts, frame.time_base = number, context.time_base
        made += context.encode(frame)
    made += context.encode(None)
    return tuple(Frame(bytes(packet), T0 + packet.pts * STEP_US, packet.is_keyframe) for packet in made)


def _av1(count: int) -> tuple[Frame, ...]:
    """By libaom in a process of its own: SVT-AV1 changes its caller's priority."""
    command = ["ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{SIZE[0]}x{SIZE[1]}"]
    command += ["-r", str(PER_SECOND), "-i", "-", "-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime"]
    command += ["-lag-in-frames", "0", "-g", str(2 * PER_SECOND), "-b:v", "500k", "-threads", "1", "-f", "ivf", "-"]
    given = b"".join(picture(number).tobytes() for number in range(count))
    done = subprocess.run(command, input=given, capture_output=True, check=True)
    with av.open(BytesIO(done.stdout), "r", format="ivf") as container:
        packets = [packet for packet in container.demux() if packet.size]
    return tuple(Frame(bytes(p), T0 + n * STEP_US, p.is_keyframe) for n, p in enumerate(packets))


def tone(second: int) -> int:
    """Give the frequency of a second's sound."""
    return 400 + 150 * second


@cache
def sounds(codec: Codec = Codec.OPUS, seconds: int = 12) -> tuple[Frame, ...]:
    name, rate = {Codec.OPUS: ("libopus", 48_000), Codec.PCMA: ("pcm_alaw", 8000)}[codec]
    context = cast(AudioCodecContext, av.CodecContext.create(name, "w"))
    context.sample_rate, context.format = rate, "s16"
    context.layout = "mono"
    context.open()
    size, phase, made = rate // 50, 0.0, []
    for number in range(seconds * 50):
        step = 2 * math.pi * tone(number // 50) / rate
        samples = (9000 * np.sin(phase + step * np.arange(size))).astype(np.int16)
        phase += step * size
        frame = av.AudioFrame.from_ndarray(samples[None, :], "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, number * size, Fraction(1, rate)
        made += [bytes(packet) for packet in context.encode(frame)]
    return tuple(Frame(data, T0 + number * 20_000, True) for number, data in enumerate(made))


def segments(
    folder: Path,
    codec: Codec,
    frames: Sequence[Frame],
    seconds: float = 4,
    size: tuple[int, int] = SIZE,
    track: str = TRACK,
    number: int = 1,
) -> list[Path]:
    """Write frames as segments, each beginning with a keyframe after so many seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    width, height = size if codec.is_picture else (0, 0)
    about = Track(track, codec, width, height, 1, {})
    paths: list[Path] = []
    writer: SegmentWriter | None = None
    begin = 0
    for frame in frames:
        if frame.is_keyframe and (writer is None or frame.pts_us - begin >= seconds * SECOND):
            paths += _closed(folder, writer, frame.pts_us)
            begin = frame.pts_us
            writer = SegmentWriter(folder, ulid(begin), number + len(paths), about)
        assert writer
        writer.write(*frame)
    return [*paths, *_closed(folder, writer, None)]


def _closed(folder: Path, writer: SegmentWriter | None, until_us: int | None) -> list[Path]:
    if writer is None:
        return []
    facts = writer.close(until_us)
    assert facts
    return [folder / facts.name]


def moved(frames: Sequence[Frame], by_us: int) -> list[Frame]:
    return [frame._replace(pts_us=frame.pts_us + by_us) for frame in frames]
