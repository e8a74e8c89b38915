"""Reads fragmented MP4 as `mp4` writes it, one fragment at a time.

Core. What comes in is hostile: ValueError for whatever is not as it was written.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import accumulate
from typing import Final
from zlib import crc32

from recorder.files import mp4
from recorder.files.facts import Fragment, Label, decode_label
from recorder.files.samples import us

BOX_HEAD: Final = struct.Struct(">I4s")
#: The order of boxes in a head and in a fragment, with the most bytes that each may have.
HEAD: Final = ((b"ftyp", 256), (b"uuid", 20_000), (b"moov", 1 << 16))
FRAGMENT: Final = ((b"uuid", 1 << 20), (b"prft", 64), (b"moof", 1 << 20), (b"mdat", 32 << 20))

#: ISO/IEC 14496-12, VisualSampleEntry, without its box's header.
_PICTURE_ENTRY_BYTES: Final = 78
_NTP_TURN_US: Final = (1 << 32) * 1_000_000


@dataclass(frozen=True, slots=True)
class Run:
    """What `tfdt` and `trun` say; columns are empty where the table has none."""

    since_start: int
    data_offset: int
    durations: list[int]
    sizes: list[int]
    flags: list[int]
    offsets: list[int]


def label_of(boxes: list[bytes]) -> Label:
    """Give the label in a head's boxes, which are whole. Raises ValueError."""
    body = boxes[1][8:]
    if body[:16] != mp4.LABEL_ID:
        raise ValueError("no label")
    label = decode_label(body[16:])
    if label.track.codec.suffix != ".mp4":
        raise ValueError("a label of another container")
    return label


def sample_entry(head: bytes) -> bytes:
    """Give the sample entry in a head, box header and all: codec, size, configuration. Raises ValueError."""
    path = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
    for name in path:
        at = 0
        while at + BOX_HEAD.size <= len(head):
            size, found = BOX_HEAD.unpack_from(head, at)
            if found == name or size < BOX_HEAD.size:
                break
            at += size
        else:
            raise ValueError(f"no box {name.decode()}")
        if found != name or at + size > len(head):
            raise ValueError(f"no box {name.decode()}")
        head = head[at + BOX_HEAD.size : at + size]
    if head[:8] != b"\0\0\0\0\0\0\0\1" or int.from_bytes(head[8:12], "big") != len(head) - 8:
        raise ValueError("not one sample entry")
    return head[8:]


def configuration(entry: bytes) -> bytes:
    """Give what a picture's sample entry says to a decoder: the content of its first box. Raises ValueError."""
    at = BOX_HEAD.size + _PICTURE_ENTRY_BYTES
    if len(entry) < at + BOX_HEAD.size:
        raise ValueError("no configuration")
    size, _ = BOX_HEAD.unpack_from(entry, at)
    if not BOX_HEAD.size < size <= len(entry) - at:
        raise ValueError("no configuration")
    return entry[at + BOX_HEAD.size : at + size]


def fragment_of(label: Label, offset: int, boxes: list[bytes]) -> Fragment:
    """Give what a fragment holds, from its boxes, which are whole. Raises ValueError."""
    told, prft, moof, mdat = boxes
    runs = _told(told[8:], boxes[1:])
    if len(prft) != 32:
        raise ValueError("no reference time")
    at_us, media_time = _utc(int.from_bytes(prft[16:24], "big"), label.t0), int.from_bytes(prft[24:32], "big")
    run = run_of(moof)
    if run.since_start != media_time or run.data_offset != len(moof) + 8 or sum(run.sizes) != len(mdat) - 8:
        raise ValueError("a fragment that does not fit together")
    size, count = sum(map(len, boxes)), len(run.sizes)
    if not label.track.codec.is_picture:
        if runs and runs[-1][0] + runs[-1][1] > count:
            raise ValueError("fills beyond the fragment")
        fills = mp4.fills_of(at_us, run.durations, runs)
        return Fragment(offset, size, at_us, at_us + us(sum(run.durations)), count, (), fills)
    if at_us != label.t0 + media_time:
        raise ValueError("a reference time that is not the fragment's")
    decoded = list(accumulate(run.durations, initial=at_us))
    shown = [time + offset for time, offset in zip(decoded, run.offsets or [0] * count, strict=False)]
    keyframes = tuple(time for time, flags in zip(shown, run.flags, strict=False) if flags == mp4.SYNC)
    return Fragment(offset, size, min(shown), decoded[-1], count, keyframes, ())


def _told(body: bytes, rest: list[bytes]) -> list[tuple[int, int]]:
    """Check the sum and give the runs of fills."""
    if body[:16] != mp4.FRAGMENT_ID or len(body) < 16 + mp4.FRAGMENT_HEAD.size:
        raise ValueError("not a fragment of ours")
    checksum, count = mp4.FRAGMENT_HEAD.unpack_from(body, 16)
    told = body[16 + mp4.FRAGMENT_HEAD.size :]
    if len(told) != 8 * count:
        raise ValueError("fills that are not as many as they should be")
    actual = 0
    for data in rest:
        actual = crc32(data, actual)
    if actual != checksum:
        raise ValueError("the checksum is another")
    runs = [(first, number) for first, number in struct.iter_unpack(">II", told)]
    end = 0
    for first, number in runs:
        if first < end or not number:
            raise ValueError("fills out of order")
        end = first + number
    return runs


def run_of(moof: bytes) -> Run:
    """Read `moof` with its boxes at the places where we put them."""
    if len(moof) < 100:
        raise ValueError("a fragment without samples")
    names = [moof[at : at + 4] for at in (12, 28, 36, 56, 76)]
    if names != [b"mfhd", b"traf", b"tfhd", b"tfdt", b"trun"]:
        raise ValueError("other boxes than ours")
    since_start = int.from_bytes(moof[64:72], "big")
    what, count, data_offset = struct.unpack_from(">III", moof, 80)
    what &= 0xFF_FFFF
    columns = 2 + bool(what & mp4.TRUN_FLAGS) + bool(what & mp4.TRUN_OFFSETS)
    if what & ~(mp4.TRUN_FLAGS | mp4.TRUN_OFFSETS) != mp4.TRUN or not count or 92 + 4 * columns * count != len(moof):
        raise ValueError("another table of samples than ours")
    table = struct.unpack_from(f">{columns * count}I", moof, 92)
    flags = list(table[2::columns]) if what & mp4.TRUN_FLAGS else []
    offsets = list(table[columns - 1 :: columns]) if what & mp4.TRUN_OFFSETS else []
    return Run(since_start, data_offset, list(table[::columns]), list(table[1::columns]), flags, offsets)


def _utc(ntp: int, near_us: int) -> int:
    """Give the time of an NTP timestamp, in the turn of its 136 years that is nearest to another time."""
    seconds, fraction = ntp >> 32, ntp & 0xFFFF_FFFF
    time = (seconds - mp4.NTP_EPOCH) * 1_000_000 + (fraction * 1_000_000 + (1 << 31) >> 32)
    return time + round((near_us - time) / _NTP_TURN_US) * _NTP_TURN_US
