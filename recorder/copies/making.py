"""Makes a copy: decodes, encodes, and puts the packets into a file. Touches the files whose descriptors it is given.

An encoder is behind what it is given by its look ahead, and a decoder needs what was before to be right. So encoding
begins 100 ms before the file, with the sound that was there, whose packets are thrown away, and goes on into the file
behind: who plays one copy after another hears no seam.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import av

from recorder.copies import CopyUnfit
from recorder.copies.plan import PACKET_US, Plan, file_of
from recorder.copies.sound import Samples, sound_of

_PRIMING: Final = 10
"""Packets before the first that is kept."""


def copy_of(plan: Plan, original: int, before: int | None = None, after: int | None = None) -> bytes:
    """Make a copy of an open file; of those before and behind it some 100 ms are read. Raises CopyUnfit."""
    size = plan.rate * PACKET_US // 1_000_000
    ahead = plan.rate // 400
    first = ahead - _PRIMING * size
    count = (_PRIMING + plan.packets) * size
    samples = sound_of(original, before, after, plan.codec, plan.t0, first, count)
    packets = _encoded(samples, plan.rate, size, plan.packet_bytes)[_PRIMING:]
    if len(packets) != plan.packets or {len(data) for data in packets} != {plan.packet_bytes}:
        raise CopyUnfit(f"{len(packets)} packets of {plan.packets}")
    return file_of(plan, packets)


def _encoded(samples: Samples, rate: int, size: int, packet_bytes: int) -> list[bytes]:
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = rate, "mono", "s16"
    encoder.bit_rate = packet_bytes * 8 * 1_000_000 // PACKET_US
    encoder.options = {"application": "lowdelay", "vbr": "off", "frame_duration": "10"}
    packets: list[bytes] = []
    for at in range(0, len(samples), size):
        frame = av.AudioFrame.from_ndarray(samples[None, at : at + size], "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return packets
