"""Matroska (RFC 9559): VP8 and VP9 as WebM, G.711 and G.722 as they came.

Core. MP4 has no place for VP8 that a browser would play, nor for G.722 or a hole in G.711; a block of Matroska has a
time of its own, and everything reads it. A file is the EBML head, a segment of unknown size with `Info` (DateUTC is the
UTC of the first frame), `Tracks` and `Tags` (the label); then clusters of known size, each with its CRC-32. Times are
counted in tenths of a millisecond. Every frame is a `BlockGroup` with its duration: of blocks without one Chromium
guesses it, and after a pause drops everything up to the next keyframe.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import pairwise
from typing import Final
from zlib import crc32

from recorder.files.ebml import element, size, text, unending, unsigned
from recorder.files.facts import Codec, Fragment, Label, encode_label
from recorder.files.samples import Sample

STEP_US: Final = 100
_CODECS: Final = {
    Codec.VP8: "V_VP8",
    Codec.VP9: "V_VP9",
    Codec.PCMU: "A_MS/ACM",
    Codec.PCMA: "A_MS/ACM",
    Codec.G722: "A_MS/ACM",
}
#: WAVEFORMATEX: format, samples a second, bits of a sample.
_WAVES: Final = {Codec.PCMU: (7, 8000, 8), Codec.PCMA: (6, 8000, 8), Codec.G722: (0x028F, 16000, 4)}
#: 2001-01-01, which DateUTC counts from, in seconds of Unix.
DATE_EPOCH: Final = 978_307_200
LABEL_TAG: Final = "HUISHANG_SEGMENT"
TRACK_NUMBER: Final = 1

EBML, SEGMENT, INFO, TRACKS, TAGS, CLUSTER = 0x1A45DFA3, 0x18538067, 0x1549A966, 0x1654AE6B, 0x1254C367, 0x1F43B675
TAG, SIMPLE_TAG, TAG_NAME, TAG_TEXT = 0x7373, 0x67C8, 0x45A3, 0x4487
CRC32, TIMESTAMP, BLOCK_GROUP, BLOCK, DURATION, REFERENCE = 0xBF, 0xE7, 0xA0, 0xA1, 0x9B, 0xFB


def head(label: Label) -> bytes:
    """Everything before the first cluster."""
    webm = label.track.codec.is_picture
    date = struct.pack(">q", label.t0 * 1000 - DATE_EPOCH * 1_000_000_000)
    return b"".join(
        [
            element(
                EBML,
                unsigned(0x4286, 1),
                unsigned(0x42F7, 1),
                unsigned(0x42F2, 4),
                unsigned(0x42F3, 8),
                text(0x4282, "webm" if webm else "matroska"),
                unsigned(0x4287, 4),
                unsigned(0x4285, 2),
            ),
            unending(SEGMENT),
            element(
                INFO,
                unsigned(0x2AD7B1, STEP_US * 1000),
                element(0x4461, date),
                text(0x4D80, "Huishang"),
                text(0x5741, "Huishang"),
            ),
            element(TRACKS, _track(label)),
            element(
                TAGS,
                element(
                    TAG,
                    element(0x63C0),
                    element(SIMPLE_TAG, text(TAG_NAME, LABEL_TAG), element(TAG_TEXT, encode_label(label))),
                ),
            ),
        ]
    )


def _track(label: Label) -> bytes:
    track = label.track
    if track.codec.is_picture:
        kind, private = 1, b""
        form = element(0xE0, unsigned(0xB0, track.width), unsigned(0xBA, track.height))
    else:
        tag, rate, bits = _WAVES[track.codec]
        kind = 2
        private = element(0x63A2, struct.pack("<HHIIHHH", tag, 1, rate, 8000, 1, bits, 0))
        form = element(0xE1, element(0xB5, struct.pack(">d", rate)), unsigned(0x9F, 1), unsigned(0x6264, bits))
    return element(
        0xAE,
        unsigned(0xD7, TRACK_NUMBER),
        unsigned(0x73C5, TRACK_NUMBER),
        unsigned(0x83, kind),
        unsigned(0x9C, 0),
        text(0x22B59C, "und"),
        text(0x86, _CODECS[track.codec]),
        private,
        form,
    )


def cluster(label: Label, offset: int, samples: Sequence[Sample], end_us: int) -> tuple[bytes, Fragment]:
    """One cluster; `end_us` is where its last picture ends. Times are whole steps, of at most 3.2 s between them."""
    begin = samples[0].pts_us
    times = [sample.pts_us for sample in samples]
    if label.track.codec.is_picture:
        durations = [later - earlier for earlier, later in pairwise([*times, end_us])]
    else:
        durations = [sample.duration_us for sample in samples]
    body = unsigned(TIMESTAMP, (begin - label.t0) // STEP_US) + b"".join(
        [
            _group((time - begin) // STEP_US, duration // STEP_US, sample.data, sample.is_keyframe)
            for time, duration, sample in zip(times, durations, samples, strict=True)
        ]
    )
    data = element(CLUSTER, element(CRC32, struct.pack("<I", crc32(body))), body)
    keyframes = tuple(sample.pts_us for sample in samples if sample.is_keyframe and label.track.codec.is_picture)
    end = times[-1] + durations[-1] // STEP_US * STEP_US
    return data, Fragment(offset, len(data), begin, end, len(samples), keyframes, ())


#: A picture that refers to others says so by naming one; which, nobody looks at.
REFERS: Final = element(REFERENCE, b"\xff")
_BLOCK_HEAD: Final = struct.Struct(">BhB")


def _group(time: int, duration: int, data: bytes, is_keyframe: bool) -> bytes:
    rest = unsigned(DURATION, duration) + (b"" if is_keyframe else REFERS)
    block = size(len(data) + 4) + _BLOCK_HEAD.pack(0x80 | TRACK_NUMBER, time, 0)
    return b"".join((b"\xa0", size(1 + len(block) + len(data) + len(rest)), b"\xa1", block, data, rest))
