"""A clip as WebM (RFC 9559): VP8 and VP9, with Opus beside them; whole from the beginning, with cues to seek by.

Core. WebM has no edit list, so the clip begins with the keyframe from which the first picture wanted can be decoded:
up to a segment's length earlier than asked for, and whoever asked is told. Every frame is a group with its duration, as
in our segments (`recorder.files.matroska`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

from recorder.export.mp4clip import Piece
from recorder.export.selection import MADE, Frame, Line
from recorder.files import ebml
from recorder.files.ebml import element, text, unsigned
from recorder.files.facts import Codec
from recorder.files.matroska import (
    BLOCK,
    BLOCK_GROUP,
    CLUSTER,
    DATE_EPOCH,
    DURATION,
    EBML,
    INFO,
    REFERS,
    SEGMENT,
    STEP_US,
    TIMESTAMP,
    TRACKS,
)

_CLUSTER_US: Final = 1_000_000
_CODECS: Final = {Codec.VP8: "V_VP8", Codec.VP9: "V_VP9", Codec.OPUS: "A_OPUS"}
_SETTLED_NS: Final = 80_000_000
"""So much before it is heard a decoder of Opus is to begin after a seek (RFC 7845 section 4.6)."""
_CUES: Final = 0x1C53BB6B


class _Block(NamedTuple):
    """A frame of a track, its time and length in steps since the clip's beginning."""

    time: int
    track: int
    frame: Frame
    duration: int
    is_picture: bool


class _Cluster(NamedTuple):
    time: int
    has_keyframe: bool
    length: int
    pieces: list[Piece]


def webm(lines: Sequence[Line], begin_us: int) -> list[Piece]:
    """Give the file that begins at `begin_us`, before which no frame is."""
    blocks = sorted(block for number, line in enumerate(lines, 1) for block in _blocks(number, line, begin_us))
    clusters = [_cluster(group) for group in _grouped(blocks)]
    end = max(block.time + block.duration for block in blocks)
    about = [
        element(
            INFO,
            unsigned(0x2AD7B1, STEP_US * 1000),
            element(0x4461, struct.pack(">q", begin_us * 1000 - DATE_EPOCH * 1_000_000_000)),
            element(0x4489, struct.pack(">d", end)),
            text(0x4D80, "Huishang"),
            text(0x5741, "Huishang"),
        ),
        element(TRACKS, *(_track(number, line) for number, line in enumerate(lines, 1))),
    ]
    before = sum(map(len, about)) + len(_cues(clusters, 0))
    about.append(_cues(clusters, before))
    length = before + sum(cluster.length for cluster in clusters)
    head = element(
        EBML,
        *(unsigned(name, value) for name, value in ((0x4286, 1), (0x42F7, 1), (0x42F2, 4), (0x42F3, 8))),
        text(0x4282, "webm"),
        unsigned(0x4287, 4),
        unsigned(0x4285, 2),
    )
    return [b"".join([head, _head(SEGMENT, length), *about]), *(piece for each in clusters for piece in each.pieces)]


def _blocks(number: int, line: Line, begin_us: int) -> Iterator[_Block]:
    is_picture = line.first.label.track.codec.is_picture
    times = [(frame.pts_us - begin_us) // STEP_US for frame in line.frames]
    end = max((line.end_us - begin_us) // STEP_US, times[-1] + 1)
    for frame, (time, later) in zip(line.frames, pairwise([*times, end]), strict=True):
        yield _Block(time, number, frame, max(1, later - time), is_picture)


def _grouped(blocks: Sequence[_Block]) -> Iterator[list[_Block]]:
    """Cut clusters before each keyframe, and after a second."""
    group: list[_Block] = []
    for block in blocks:
        is_key = block.is_picture and block.frame.is_keyframe
        if group and (is_key or (block.time - group[0].time) * STEP_US >= _CLUSTER_US):
            yield group
            group = []
        group.append(block)
    if group:
        yield group


def _cluster(blocks: Sequence[_Block]) -> _Cluster:
    begin = blocks[0].time
    pieces: list[Piece] = [unsigned(TIMESTAMP, begin)]
    for block in blocks:
        pieces += _group(block, block.time - begin)
    length = sum(len(piece) if isinstance(piece, bytes) else piece[2] for piece in pieces)
    head = _head(CLUSTER, length)
    has_keyframe = any(block.is_picture and block.frame.is_keyframe for block in blocks)
    return _Cluster(begin, has_keyframe, len(head) + length, _joined([head, *pieces]))


def _group(block: _Block, time: int) -> list[Piece]:
    frame = block.frame
    rest = unsigned(DURATION, block.duration) + (b"" if frame.is_keyframe else REFERS)
    said = struct.pack(">BhB", 0x80 | block.track, time, 0)
    inner = _head(BLOCK, len(said) + frame.length) + said
    outer = _head(BLOCK_GROUP, len(inner) + frame.length + len(rest))
    data: Piece = frame.data if frame.file == MADE else (frame.file, frame.offset, frame.length)
    return [outer + inner, data, rest]


def _joined(pieces: Sequence[Piece]) -> list[Piece]:
    """Put bytes that follow one another together."""
    joined: list[Piece] = []
    for piece in pieces:
        if joined and isinstance(piece, bytes) and isinstance(before := joined[-1], bytes):
            joined[-1] = before + piece
        else:
            joined.append(piece)
    return joined


def _head(identifier: int, length: int) -> bytes:
    return identifier.to_bytes(-(-identifier.bit_length() // 8), "big") + ebml.size(length)


def _track(number: int, line: Line) -> bytes:
    track = line.first.label.track
    common = [unsigned(0xD7, number), unsigned(0x73C5, number), unsigned(0x9C, 0), text(0x22B59C, "und")]
    common.append(text(0x86, _CODECS[track.codec]))
    if track.codec.is_picture:
        return element(
            0xAE, *common, unsigned(0x83, 1), element(0xE0, unsigned(0xB0, track.width), unsigned(0xBA, track.height))
        )
    opus = b"OpusHead" + struct.pack("<BBHIhB", 1, track.channels, 0, 48_000, 0, 0)
    form = element(0xE1, element(0xB5, struct.pack(">d", 48_000)), unsigned(0x9F, track.channels))
    waits = unsigned(0x56AA, 0) + unsigned(0x56BB, _SETTLED_NS)
    return element(0xAE, *common, unsigned(0x83, 2), element(0x63A2, opus), waits, form)


def _cues(clusters: Sequence[_Cluster], before: int) -> bytes:
    """Say where the clusters are that begin with a keyframe; as long whatever `before` is."""
    places = accumulate((cluster.length for cluster in clusters), initial=before)
    points = [
        element(
            0xBB,
            unsigned(0xB3, cluster.time),
            element(0xB7, unsigned(0xF7, 1), element(0xF1, place.to_bytes(8, "big"))),
        )
        for cluster, place in zip(clusters, places, strict=False)
        if cluster.has_keyframe
    ]
    return element(_CUES, *points)
