"""Where each frame of a segment file stands, so that frames can be copied elsewhere without being decoded.

Touches one file, which it only reads; of MP4 the heads of fragments alone. What comes in is hostile: bounded, every
size checked. Nothing is said of the bytes of the frames: checksums are not compared.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

from recorder.files import matroska, matroskareading, mp4, mp4reading
from recorder.files.ebml import Scanner
from recorder.files.errors import SegmentDamaged
from recorder.files.facts import VERSION, Label
from recorder.files.matroska import STEP_US
from recorder.files.mp4reading import BOX_HEAD
from recorder.files.samples import us

_MAX_HEAD_BYTES: Final = 1 << 17
_MAX_CLUSTER_BYTES: Final = 32 << 20
_ELEMENT_HEAD_BYTES: Final = 12


class Listed(NamedTuple):
    """A frame: where it stands in its file, when it is shown and decoded, and how long it lasts (of pictures, at least
    until the next one that is decoded). Times are microseconds UTC; `ticks` are samples of Opus at 48 kHz.
    """

    offset: int
    length: int
    pts_us: int
    dts_us: int
    duration_us: int
    ticks: int
    is_keyframe: bool


class Listing(NamedTuple):
    """A file's label, the sample entry of its MP4 (else nothing), and its frames in the order of decoding."""

    label: Label
    entry: bytes
    frames: tuple[Listed, ...]


class _EndError(Exception):
    """The file ends here, or something is not all there: it is being written, or was cut off."""


def listing_of(path: Path) -> Listing:
    """List a file as far as its last whole fragment, so it may be one that is being written.

    Raises SegmentDamaged for what is none of ours, OSError where it cannot be read.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        return listing_of_open(fd)
    finally:
        os.close(fd)


def listing_of_open(fd: int) -> Listing:
    """List an open file, which stays open. Raises SegmentDamaged, OSError."""
    at = 0
    try:
        size = os.fstat(fd).st_size
        is_mp4 = os.pread(fd, 1, 0) != b"\x1a"
        label, entry, at = (_mp4_head if is_mp4 else _matroska_head)(fd, size)
        if label.v != VERSION:
            raise ValueError(f"a file of version {label.v}")
        frames: list[Listed] = []
        while at < size:
            found, at = (_fragment if is_mp4 else _cluster)(fd, at, size, label)
            frames += found
    except _EndError:
        if not at:
            raise SegmentDamaged(0, "no head is there") from None
    except ValueError as error:
        raise SegmentDamaged(at, str(error)) from error
    return Listing(label, entry, tuple(frames))


def _read(fd: int, at: int, count: int, size: int) -> bytes:
    data = os.pread(fd, count, at) if at + count <= size else b""
    if len(data) < count:
        raise _EndError
    return data


def _box(fd: int, at: int, size: int, expected: bytes, most: int) -> int:
    """Give the length of the box that is expected there."""
    length, name = BOX_HEAD.unpack(_read(fd, at, BOX_HEAD.size, size))
    if name != expected or not BOX_HEAD.size <= length <= most:
        raise ValueError(f"no box {expected.decode()}")
    if at + length > size:
        raise _EndError
    return int(length)


def _mp4_head(fd: int, size: int) -> tuple[Label, bytes, int]:
    at, boxes = 0, []
    for name, most in mp4reading.HEAD:
        length = _box(fd, at, size, name, most)
        boxes.append(_read(fd, at, length, size))
        at += length
    return mp4reading.label_of(boxes), mp4reading.sample_entry(boxes[2]), at


def _fragment(fd: int, at: int, size: int, label: Label) -> tuple[list[Listed], int]:
    places = []
    for name, most in mp4reading.FRAGMENT:
        places.append((at, _box(fd, at, size, name, most)))
        at += places[-1][1]
    (moof_at, moof_bytes), (data_at, data_bytes) = places[2:]
    run = mp4reading.run_of(_read(fd, moof_at, moof_bytes, size))
    if run.data_offset != moof_bytes + BOX_HEAD.size or sum(run.sizes) != data_bytes - BOX_HEAD.size:
        raise ValueError("a fragment that does not fit together")
    frames, offset, decoded = [], data_at + BOX_HEAD.size, run.since_start
    is_picture = label.track.codec.is_picture
    for number, (length, duration) in enumerate(zip(run.sizes, run.durations, strict=True)):
        dts = label.t0 + (decoded if is_picture else us(decoded))
        pts = dts + (run.offsets[number] if run.offsets else 0)
        lasts, ticks = (duration, 0) if is_picture else (us(duration), duration)
        is_keyframe = not is_picture or (bool(run.flags) and run.flags[number] == mp4.SYNC)
        frames.append(Listed(offset, length, pts, dts, lasts, ticks, is_keyframe))
        offset, decoded = offset + length, decoded + duration
    return frames, at


def _matroska_head(fd: int, size: int) -> tuple[Label, bytes, int]:
    data = os.pread(fd, min(size, _MAX_HEAD_BYTES), 0)
    scanner = Scanner(data)
    content = b""
    for expected in (matroska.EBML, matroska.SEGMENT, matroska.INFO, matroska.TRACKS, matroska.TAGS):
        identifier, length = scanner.header()
        if identifier != expected or (length is None) is not (expected == matroska.SEGMENT):
            raise ValueError("another element than ours")
        begin = scanner.at
        scanner.at += length or 0
        if scanner.at > len(data):
            raise _EndError
        content = data[begin : scanner.at]
    return matroskareading.label_of(content), b"", scanner.at


def _cluster(fd: int, at: int, size: int, label: Label) -> tuple[list[Listed], int]:
    ahead = Scanner(os.pread(fd, _ELEMENT_HEAD_BYTES, at))
    if at + _ELEMENT_HEAD_BYTES > size:
        raise _EndError
    identifier, length = ahead.header()
    if identifier != matroska.CLUSTER or length is None or length > _MAX_CLUSTER_BYTES:
        raise ValueError("a cluster without a size, or too large")
    begin = at + ahead.at
    body = Scanner(_read(fd, begin, length, size))
    body.next()  # the checksum
    _, since = body.next()
    if len(since) > 8:
        raise ValueError("a cluster without a time")
    cluster_us = label.t0 + int.from_bytes(since, "big") * STEP_US
    frames = []
    while not body.is_done:
        identifier, group = body.next()
        if identifier != matroska.BLOCK_GROUP:
            raise ValueError("other elements than ours")
        frames.append(_block(group, begin + body.at - len(group), cluster_us, label))
    return frames, begin + length


def _block(group: bytes, at: int, cluster_us: int, label: Label) -> Listed:
    scanner, found = Scanner(group), {}
    while not scanner.is_done:
        identifier, content = scanner.next()
        found[identifier] = (scanner.at - len(content), content)
    block_at, block = found.get(matroska.BLOCK, (0, b""))
    duration = found.get(matroska.DURATION, (0, b""))[1]
    if len(block) < 5 or block[0] != 0x80 | matroska.TRACK_NUMBER or len(duration) > 4:
        raise ValueError("a block without a frame")
    time = cluster_us + int.from_bytes(block[1:3], "big", signed=True) * STEP_US
    lasts = int.from_bytes(duration, "big") * STEP_US
    is_keyframe = not label.track.codec.is_picture or matroska.REFERENCE not in found
    return Listed(at + block_at + 4, len(block) - 4, time, time, lasts, 0, is_keyframe)
