"""Joins a stream's packets, as a tap gives them, to its next whole keyframe. Core.

Packets come in the order of their arrival, so repaired ones come late; what a sender can make us keep is bounded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from media.plane.names import CODECS
from media.rtp import h264, vp8
from media.rtp.header import HEADER_BYTES, PayloadError

#: The codecs that are read here.
READ: Final = ("H264", "VP8")
#: Pictures that are being joined at the same time: the newest, and some that wait for repair.
MOST_PICTURES: Final = 4
#: Of one keyframe; 1080p of a screen has some 400 KB.
MOST_BYTES: Final = 2 << 20
MOST_PACKETS: Final = 4096

_START_CODE: Final = b"\x00\x00\x00\x01"
_SPS: Final = 7
#: A picture that is whole and yet none is looked at again only so often: its parameters may be late.
_MOST_TRIES: Final = 8


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A whole keyframe: VP8 as one frame, H.264 as an Annex B access unit. `wall_ns`: arrival of its first packet."""

    codec: str
    data: bytes
    wall_ns: int


@dataclass(slots=True)
class _Picture:
    wall_ns: int
    starts: set[int] = field(default_factory=set)
    last: int | None = None
    payloads: dict[int, bytes] = field(default_factory=dict)
    size: int = 0
    tries: int = 0


class KeyframeJoiner:
    """Takes the packets of one layer."""

    def __init__(self) -> None:
        self._pictures: dict[tuple[int, int], _Picture] = {}

    def take(self, packet: bytes, wall_ns: int, *, starts: bool) -> Keyframe | None:
        """Add a tap's packet; return the keyframe that it completes.

        `packet` has the fixed header of RTP with the CodecId in place of the payload type (`PlaneTap`); `starts` is
        what the plane says of it: it begins a keyframe.
        """
        if len(packet) <= HEADER_BYTES:
            return None
        number, sequence = packet[1] & 0x7F, int.from_bytes(packet[2:4], "big")
        key = int.from_bytes(packet[8:12], "big"), int.from_bytes(packet[4:8], "big")
        picture = self._picture(key, wall_ns)
        payload = packet[HEADER_BYTES:]
        if sequence not in picture.payloads:
            picture.payloads[sequence] = payload
            picture.size += len(payload)
        if starts:
            picture.starts.add(sequence)
        if packet[1] & 0x80:
            picture.last = sequence
        if picture.size > MOST_BYTES or len(picture.payloads) > MOST_PACKETS:
            del self._pictures[key]
            return None
        payloads = _whole(picture)
        data = _frame(CODECS[number] if number < len(CODECS) else "", payloads) if payloads else b""
        if not data:
            picture.tries += payloads is not None
            if picture.tries > _MOST_TRIES:
                del self._pictures[key]
            return None
        del self._pictures[key]
        return Keyframe(CODECS[number], data, picture.wall_ns)

    def _picture(self, key: tuple[int, int], wall_ns: int) -> _Picture:
        picture = self._pictures.get(key)
        if picture is None:
            if len(self._pictures) >= MOST_PICTURES:
                del self._pictures[next(iter(self._pictures))]
            picture = self._pictures[key] = _Picture(wall_ns)
        return picture


def _whole(picture: _Picture) -> list[bytes] | None:
    """Return the payloads from the first that starts a keyframe to the marked one, if they are all there."""
    last = picture.last
    if last is None or not picture.starts:
        return None
    # Several slices start one each; numbers wrap.
    span = max((last - start) & 0xFFFF for start in picture.starts)
    if span >= len(picture.payloads):
        return None
    found = [picture.payloads.get((last - back) & 0xFFFF) for back in range(span, -1, -1)]
    whole = [payload for payload in found if payload is not None]
    return whole if len(whole) == len(found) else None


def _frame(codec: str, payloads: list[bytes]) -> bytes:
    """Return the keyframe, b"" for what is none or of a codec that we do not read.

    Without its sequence parameters, which may be late, an H.264 picture is of no use to a decoder that saw no other.
    """
    try:
        if codec == "VP8":
            frame = vp8.depacketize(payloads)
            return frame if vp8.is_keyframe(frame) else b""
        if codec == "H264":
            units = h264.depacketize(payloads)
            known = any(unit[0] & 31 == _SPS for unit in units)
            return b"".join(_START_CODE + unit for unit in units) if known and h264.is_keyframe(units) else b""
    except PayloadError:
        pass
    return b""
