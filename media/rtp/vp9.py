"""VP9 out of RTP payloads (RFC 9628), in flexible and non-flexible mode, with any number of spatial layers. Core."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from media.rtp.header import PayloadError

_PICTURE_ID: Final = 0x80
_INTER: Final = 0x40
_LAYERS: Final = 0x20
_FLEXIBLE: Final = 0x10
_BEGINS: Final = 0x08
_ENDS: Final = 0x04
_STRUCTURE: Final = 0x02
#: Of a scalability structure.
_SIZES: Final = 0x10
_GROUP: Final = 0x08
_MOST_REFERENCES: Final = 3
#: The superframe index (VP9 bitstream specification, annex B) counts frames in three bits.
_MOST_LAYERS: Final = 8


class Descriptor(NamedTuple):
    """What of a payload descriptor is needed to join payloads (RFC 9628 section 4.2)."""

    begins: bool
    """The first packet of a layer frame."""
    ends: bool
    spatial: int
    header_bytes: int
    size: tuple[int, int] | None
    """Width and height in pixels of the largest layer, where a scalability structure tells."""


def read_descriptor(payload: bytes) -> Descriptor:
    """Raises PayloadError when it does not fit into the payload."""
    try:
        flags, at, spatial, size = payload[0], 1, 0, None
        if flags & _PICTURE_ID:
            at += 2 if payload[at] & 0x80 else 1
        if flags & _LAYERS:
            spatial = payload[at] >> 1 & 7
            at += 1 if flags & _FLEXIBLE else 2
        if flags & _FLEXIBLE and flags & _INTER:
            at += _reference_bytes(payload, at)
        if flags & _STRUCTURE:
            at, size = _read_structure(payload, at)
    except (IndexError, struct.error):
        raise PayloadError("a VP9 descriptor that is cut off") from None
    return Descriptor(bool(flags & _BEGINS), bool(flags & _ENDS), spatial, at, size)


def _reference_bytes(payload: bytes, at: int) -> int:
    for count in range(1, _MOST_REFERENCES + 1):
        if not payload[at + count - 1] & 1:
            return count
    raise PayloadError("more than three VP9 references")


def _read_structure(payload: bytes, at: int) -> tuple[int, tuple[int, int] | None]:
    """Return where a scalability structure ends, and the size of its last layer (RFC 9628 section 4.2.1)."""
    flags, size, at = payload[at], None, at + 1
    if flags & _SIZES:
        at += 4 * ((flags >> 5) + 1)
        size = struct.unpack_from("!HH", payload, at - 4)
    if flags & _GROUP:
        pictures, at = payload[at], at + 1
        for _ in range(pictures):
            at += 1 + (payload[at] >> 2 & 3)
    return at, size


def starts_picture(payload: bytes) -> bool:
    """Tell whether a picture begins with this payload: the beginning of its lowest layer frame."""
    try:
        descriptor = read_descriptor(payload)
    except PayloadError:
        return False
    return descriptor.begins and not descriptor.spatial


def depacketize(payloads: Sequence[bytes]) -> list[bytes]:
    """Return the frames of one picture, one for each spatial layer, from payloads that are all there and in order.

    Raises PayloadError for a descriptor that does not fit and for a layer frame that does not begin or end.
    """
    frames: list[bytes] = []
    pieces: list[bytes] = []
    for payload in payloads:
        descriptor = read_descriptor(payload)
        piece = payload[descriptor.header_bytes :]
        if not piece or descriptor.begins == bool(pieces):
            raise PayloadError("a VP9 payload out of its place, or without picture")
        pieces.append(piece)
        if descriptor.ends:
            frames.append(b"".join(pieces))
            pieces = []
    if pieces or not 0 < len(frames) <= _MOST_LAYERS:
        raise PayloadError("no whole VP9 picture")
    return frames


def superframe(frames: Sequence[bytes]) -> bytes:
    """Put the frames of one picture into what a file has for it: one as it is, several with an index (annex B)."""
    if len(frames) == 1:
        return frames[0]
    size_bytes = (max(map(len, frames)).bit_length() + 7) // 8
    marker = bytes((0xC0 | size_bytes - 1 << 3 | len(frames) - 1,))
    sizes = b"".join(len(frame).to_bytes(size_bytes, "little") for frame in frames)
    return b"".join((*frames, marker, sizes, marker))
