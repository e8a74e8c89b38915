"""Reads Matroska as `matroska` writes it, one cluster at a time.

Core. What comes in is hostile: ValueError for whatever is not as it was written.
"""

from __future__ import annotations

from typing import Final
from zlib import crc32

from recorder.files import matroska
from recorder.files.ebml import Scanner
from recorder.files.facts import Fragment, Label, decode_label
from recorder.files.matroska import STEP_US

_MAX_TIME_BYTES: Final = 4


def label_of(tags: bytes) -> Label:
    """Give the label in the content of `Tags`. Raises ValueError."""
    tag = _inside(tags, matroska.TAG)
    texts = dict(_all(_inside(tag, matroska.SIMPLE_TAG)))
    if texts.get(matroska.TAG_NAME) != matroska.LABEL_TAG.encode():
        raise ValueError("no label")
    label = decode_label(texts.get(matroska.TAG_TEXT, b""))
    if label.track.codec.suffix == ".mp4":
        raise ValueError("a label of another container")
    return label


def fragment_of(label: Label, offset: int, header_bytes: int, body: bytes) -> Fragment:
    """Give what a cluster holds, from its content, which is whole. Raises ValueError."""
    checked = Scanner(body)
    identifier, checksum = checked.next()
    if identifier != matroska.CRC32 or int.from_bytes(checksum, "little") != crc32(body[checked.at :]):
        raise ValueError("the checksum is another")
    identifier, begin = checked.next()
    if identifier != matroska.TIMESTAMP or len(begin) > _MAX_TIME_BYTES:
        raise ValueError("a cluster without a time")
    begin_us = label.t0 + int.from_bytes(begin, "big") * STEP_US
    times: list[int] = []
    keyframes: list[int] = []
    end_us = begin_us
    while not checked.is_done:
        identifier, content = checked.next()
        if identifier != matroska.BLOCK_GROUP:
            raise ValueError("other elements than ours")
        group = dict(_all(content))
        block = group.get(matroska.BLOCK, b"")
        if len(block) < 5 or block[0] != 0x80 | matroska.TRACK_NUMBER:
            raise ValueError("a block without a frame")
        times.append(begin_us + int.from_bytes(block[1:3], "big", signed=True) * STEP_US)
        duration = group.get(matroska.DURATION, b"")
        if len(duration) > _MAX_TIME_BYTES:
            raise ValueError("a block without an end")
        end_us = times[-1] + int.from_bytes(duration, "big") * STEP_US
        if matroska.REFERENCE not in group and label.track.codec.is_picture:
            keyframes.append(times[-1])
    if not times or times != sorted(times):
        raise ValueError("a cluster without frames, or out of order")
    return Fragment(offset, header_bytes + len(body), times[0], end_us, len(times), tuple(keyframes), ())


def _all(data: bytes) -> list[tuple[int, bytes]]:
    scanner = Scanner(data)
    elements = []
    while not scanner.is_done:
        elements.append(scanner.next())
    return elements


def _inside(data: bytes, identifier: int) -> bytes:
    """Give the content of the only element of a kind."""
    found = [content for name, content in _all(data) if name == identifier]
    if len(found) != 1:
        raise ValueError("not one label")
    return found[0]
