"""Encoded pictures and sound for packetiser tests, made once per test process with PyAV."""

from __future__ import annotations

import functools
from fractions import Fraction

import av
import numpy as np


@functools.cache
def encoded(codec: str, frames: int = 12, width: int = 320, height: int = 240) -> tuple[bytes, ...]:
    """Noise and ramps, so that keyframes need many packets; H.264 as Annex B with parameter sets in band."""
    context = av.CodecContext.create(codec, "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, 30), Fraction(30)
    context.bit_rate, context.gop_size = 2_000_000, 6
    context.thread_count = 1  # libvpx's threads wait for each other by spinning: minutes, on a busy machine
    if codec == "libx264":
        context.options = {"preset": "ultrafast", "tune": "zerolatency"}
    noise = np.random.default_rng(7)
    packets: list[bytes] = []
    for index in range(frames):
        pixels = noise.integers(0, 256, (height * 3 // 2, width), dtype=np.uint8)
        pixels[: height // 2] = (np.arange(width) + 5 * index) % 256
        frame = av.VideoFrame.from_ndarray(pixels, format="yuv420p")
        frame.pts = index
        packets += [bytes(packet) for packet in context.encode(frame)]
    packets += [bytes(packet) for packet in context.encode(None)]
    return tuple(packets)


def decoded_count(codec: str, units: list[bytes]) -> int:
    """How many pictures PyAV decodes from the units; raises on an error in the bitstream."""
    context = av.CodecContext.create(codec, "r")
    assert isinstance(context, av.VideoCodecContext)
    count = 0
    for unit in units:
        count += len(context.decode(av.Packet(unit)))
    return count + len(context.decode(None))
