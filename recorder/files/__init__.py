"""Segment files: one file for each source, track and some seconds, with what came and nothing transcoded.

A folder of a track holds `ULID.mp4`, `.webm` or `.mka`; with `.open` behind it while it is written, with `.recovered`
before the suffix if it never was closed. Nothing stands beside a file: its label (which track, the how manieth segment,
when, what the caller said of it) is in its head, the times of its frames, fills and checksums are in its fragments, so
the index can be rebuilt from files. No name says whose source or which session it is: sessions refer to segments.

Cores: `facts`, `samples`, `mp4`, `mp4reading`, `ebml`, `matroska`, `matroskareading`. Shells: `sink`, `writer`,
`reading`, `listing`, `recovery`. FFmpeg is asked by `configuration` only, for a few bytes of the head; fragments are
ours, because FFmpeg writes one only when the next begins, whenever that is, and takes ten times as long for it.

SegmentError
├── SegmentInvalid   segment-invalid   a frame that this file cannot hold; nothing has changed
├── SegmentFull      segment-full      no space; what was written before is whole, and `close` tells it
├── SegmentBroken    segment-broken    the disk failed; what is there is to be recovered
├── SegmentClosed    segment-closed    `close` was called
└── SegmentDamaged   segment-damaged   a file is not what was written; names the byte
"""

from recorder.files.errors import (
    SegmentBroken,
    SegmentClosed,
    SegmentDamaged,
    SegmentError,
    SegmentFull,
    SegmentInvalid,
)
from recorder.files.facts import Codec, Facts, Fill, Fragment, Label, Track
from recorder.files.reading import facts_of, label_of
from recorder.files.recovery import recover
from recorder.files.writer import SegmentWriter

__all__ = [
    "Codec",
    "Facts",
    "Fill",
    "Fragment",
    "Label",
    "SegmentBroken",
    "SegmentClosed",
    "SegmentDamaged",
    "SegmentError",
    "SegmentFull",
    "SegmentInvalid",
    "SegmentWriter",
    "Track",
    "facts_of",
    "label_of",
    "recover",
]
