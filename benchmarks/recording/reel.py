"""Pictures that say which moment of which track they are, encoded once for a loop of some seconds.

Sixteen bars at the top, black or white: the track's number and that of the frame in its loop. Loops of different tracks
differ in length, so that all tracks together tell one moment of weeks; the colour is the track's, for people. Below
moves what costs as many bits as a camera's picture. Reused packets of a loop are written with other times.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, cast

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.video.codeccontext import VideoCodecContext

WIDTH, HEIGHT = 640, 360
#: Keyframes as the console's camera and the demonstration send them: a file is one group of pictures.
GROUP_S: Final = 4
#: Groups in the loop of the first track; each further one's has one more.
FIRST_GROUPS: Final = 5
BARS: Final = 16
FRAME_BITS: Final = 12
BARS_PX: Final = 48
PACKET_US: Final = 20_000
SOUND_S: Final = 5
SOUND_BPS: Final = 32_000
RATE: Final = 48_000


@dataclass(frozen=True, slots=True)
class Reel:
    """The loop of one track."""

    track: int
    fps: int
    groups: tuple[tuple[bytes, ...], ...]
    """Access units with start codes; the first of each group is a keyframe."""

    def group(self, number: int) -> tuple[bytes, ...]:
        """Return the frames of the group of so many `GROUP_S` since the beginning."""
        return self.groups[number % len(self.groups)]


def frames_in_loop(track: int, fps: int) -> int:
    """Return how many frames a track's loop has."""
    return (FIRST_GROUPS + track) * GROUP_S * fps


def code_of(track: int, frame: int, fps: int) -> int:
    """Return what the bars of a track's frame say, counted from the beginning of the recording."""
    return track << FRAME_BITS | frame % frames_in_loop(track, fps)


def frame_of(code: int, near: int, fps: int) -> int:
    """Return the frame that bars mean, the one nearest to where they should be."""
    loop = frames_in_loop(code >> FRAME_BITS, fps)
    off = ((code & (1 << FRAME_BITS) - 1) - near) % loop
    return near + (off if off <= loop // 2 else off - loop)


def encode(track: int, fps: int, bps: int) -> Reel:
    """Encode the loop of a track as H.264."""
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height, context.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    context.time_base, context.framerate = Fraction(1, fps), Fraction(fps, 1)
    context.bit_rate, context.thread_count = bps, 1
    keyframes = f"keyint={GROUP_S * fps}:min-keyint={GROUP_S * fps}:scenecut=0:repeat-headers=1"
    rate = f"vbv-maxrate={bps * 3 // 2000}:vbv-bufsize={bps * 2 // 1000}"
    context.options = {
        "preset": "veryfast",
        "tune": "zerolatency",
        "profile": "baseline",
        "x264-params": f"{keyframes}:{rate}",
    }
    made: list[Any] = []
    for number, picture in enumerate(_pictures(track, fps)):
        frame = av.VideoFrame.from_ndarray(picture, "yuv420p")
        frame.pts, frame.time_base = number, context.time_base
        made += context.encode(frame)
    made += context.encode(None)
    data = [bytes(packet) for packet in made]
    step = GROUP_S * fps
    return Reel(track, fps, tuple(tuple(data[at : at + step]) for at in range(0, len(data), step)))


def _pictures(track: int, fps: int) -> Iterator[np.ndarray[Any, Any]]:
    """Give the loop's pictures, planes of yuv420p below one another."""
    chance = np.random.default_rng(track)
    rough = chance.normal(0, 1, (HEIGHT, WIDTH * 2))
    for axis in (0, 1):
        rough = np.mean([np.roll(rough, shift, axis) for shift in range(-3, 4)], axis=0)
    ground = np.clip(rough * 160 + 118, 20, 235).astype(np.uint8)
    picture = np.empty((HEIGHT * 3 // 2, WIDTH), np.uint8)
    chroma = picture[HEIGHT:].reshape(2, -1)
    for plane, turn in ((0, math.cos), (1, math.sin)):
        chroma[plane] = 128 + int(50 * turn(track * math.tau / 9))
    for frame in range(frames_in_loop(track, fps)):
        at = frame * 90 // fps % WIDTH
        picture[:HEIGHT] = ground[:, at : at + WIDTH]
        code = code_of(track, frame, fps)
        for bar in range(BARS):
            left, right = bar * WIDTH // BARS, (bar + 1) * WIDTH // BARS
            picture[:BARS_PX, left:right] = 220 if code >> (BARS - 1 - bar) & 1 else 30
        yield picture


def sounds() -> tuple[bytes, ...]:
    """Encode `SOUND_S` seconds of Opus in packets of 20 ms: a murmur, as much as speech."""
    context = av.CodecContext.create("libopus", "w")
    assert isinstance(context, AudioCodecContext)
    context.sample_rate, context.format, context.layout = RATE, "s16", "mono"
    context.bit_rate = SOUND_BPS
    context.open()
    size = RATE * PACKET_US // 1_000_000
    chance = np.random.default_rng(1)
    samples = (np.cumsum(chance.normal(0, 60, SOUND_S * RATE)) % 4000 - 2000).astype(np.int16)
    made: list[bytes] = []
    for number in range(len(samples) // size):
        part = samples[number * size : (number + 1) * size]
        frame = av.AudioFrame.from_ndarray(cast(Any, part[None, :]), "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, number * size, Fraction(1, RATE)
        made += [bytes(packet) for packet in context.encode(frame)]
    return tuple(made)
