"""Opus packets as RTP payloads (RFC 7587): one packet is one payload; what is needed is its duration."""

from __future__ import annotations

from typing import Final

from media.rtp.header import PayloadError

CLOCK_RATE: Final = 48000
#: RFC 6716 section 3.1, table 2: samples at 48 kHz of a frame, by configuration (TOC byte >> 3).
_SILK: Final = (480, 960, 1920, 2880)
_HYBRID: Final = (480, 960)
_CELT: Final = (120, 240, 480, 960)
_FRAME_SAMPLES: Final = _SILK * 3 + _HYBRID * 2 + _CELT * 4
#: RFC 6716 section 3.2.5 (R5): a packet holds at most 120 ms.
_MAX_SAMPLES: Final = 5760


def duration_samples(packet: bytes) -> int:
    """Return how many 48 kHz samples a packet lasts: what its RTP timestamp advances by.

    Raises PayloadError when the packet is empty, its frame count is missing, zero or longer than 120 ms.
    """
    if not packet:
        raise PayloadError("empty Opus packet")
    code = packet[0] & 3
    if code < 3:
        frames = 1 if code == 0 else 2
    elif len(packet) < 2:
        raise PayloadError("Opus frame count missing")
    else:
        frames = packet[1] & 63
    samples = frames * _FRAME_SAMPLES[packet[0] >> 3]
    if not 0 < samples <= _MAX_SAMPLES:
        raise PayloadError("Opus packet duration")
    return samples
