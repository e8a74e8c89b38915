"""H.265 out of RTP payloads (RFC 7798): single NAL unit, aggregation packet, fragmentation unit.

Without DONL fields: a sender has them only when sprop-max-don-diff is agreed, and nobody is offered it. PACI packets
are refused. Core: no state between access units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from media.rtp.header import PayloadError

#: Intra random access pictures (H.265 table 7-1): BLA, IDR, CRA and the reserved ones.
FIRST_IRAP: Final = 16
LAST_IRAP: Final = 23
#: Below are slices, from here parameter sets and what describes them.
VPS: Final = 32
SPS: Final = 33
PPS: Final = 34
_DELIMITER: Final = 35
_AGGREGATION: Final = 48
_FRAGMENTATION: Final = 49
_HEADER_BYTES: Final = 2


def kind_of(unit: bytes) -> int:
    """Return the NAL unit type."""
    return unit[0] >> 1 & 0x3F


def starts_picture(payload: bytes) -> bool:
    """Tell whether an access unit begins with this payload: a delimiter, VPS, SPS or a first slice segment.

    Parameters or SEI that were lost before a first slice segment do not show.
    """
    kind, body = kind_of(payload), payload[2:3]
    if kind == _AGGREGATION:
        kind, body = (kind_of(payload[4:5]), payload[6:7]) if len(payload) > 4 else (_AGGREGATION, b"")
    elif kind == _FRAGMENTATION:
        if not body >= b"\x80":
            return False
        kind, body = payload[2] & 0x3F, payload[3:4]
    # first_slice_segment_in_pic_flag is the first bit.
    return kind in (VPS, SPS, _DELIMITER) or (kind < VPS and body >= b"\x80")


def depacketize(payloads: Sequence[bytes]) -> list[bytes]:
    """Return the NAL units of one access unit from its RTP payloads, which are all there and in order.

    Raises PayloadError for a payload that is cut off, empty or of a type that is not read here.
    """
    units: list[bytes] = []
    fragments: list[bytes] = []
    for payload in payloads:
        if len(payload) <= _HEADER_BYTES:
            raise PayloadError("no NAL unit")
        kind = kind_of(payload)
        if kind == _FRAGMENTATION:
            _join(fragments, payload, units)
        elif fragments:
            raise PayloadError("another unit inside a fragmented one")
        elif kind == _AGGREGATION:
            units += _aggregated(payload)
        elif kind < _AGGREGATION:
            units.append(payload)
        else:
            raise PayloadError("NAL unit type")
    if fragments or not units:
        raise PayloadError("no whole NAL unit")
    return units


def _aggregated(payload: bytes) -> list[bytes]:
    """Undo RFC 7798 section 4.4.2."""
    units: list[bytes] = []
    at = _HEADER_BYTES
    while at < len(payload):
        size = int.from_bytes(payload[at : at + 2])
        unit = payload[at + 2 : at + 2 + size]
        if size <= _HEADER_BYTES or len(unit) < size:
            raise PayloadError("an aggregate that is cut off")
        if kind_of(unit) >= _AGGREGATION:
            raise PayloadError("NAL unit type")
        units.append(unit)
        at += 2 + size
    return units


def _join(fragments: list[bytes], payload: bytes, units: list[bytes]) -> None:
    """Undo RFC 7798 section 4.4.3: add a fragment, and with the last one the unit."""
    starts, ends, kind = payload[2] & 0x80, payload[2] & 0x40, payload[2] & 0x3F
    if bool(starts) == bool(fragments):
        raise PayloadError("a fragment out of its place")
    if kind >= _AGGREGATION:
        raise PayloadError("NAL unit type")
    if starts:
        fragments.append(bytes((payload[0] & 0x81 | kind << 1, payload[1])))
    fragments.append(payload[3:])
    if ends:
        units.append(b"".join(fragments))
        fragments.clear()
