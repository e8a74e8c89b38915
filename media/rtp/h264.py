"""H.264 into RTP payloads and back (RFC 6184, packetization modes 0 and 1): single NAL unit, STAP-A, FU-A.

What mode 2 adds (STAP-B, MTAP, FU-B: units out of decoding order) is refused; nobody is offered it.
Core: bytes in, payloads out, no state between access units.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from media.rtp.header import PayloadError

#: Leaves room for IP, UDP, SRTP and header extensions below 1,280 bytes (the least IPv6 MTU).
MAX_PAYLOAD_BYTES: Final = 1200

_SEI, _SPS, _PPS, _DELIMITER = 6, 7, 8, 9
_IDR: Final = 5
#: Slices that begin with first_mb_in_slice: partitions B and C do not.
_FIRST_SLICES: Final = (1, 2, _IDR)
#: Small units that precede a picture and are sent in one STAP-A.
_AGGREGATED: Final = frozenset((_SEI, _SPS, _PPS, _DELIMITER))
_STAP_A: Final = 24
_FU_A: Final = 28
_START_CODE: Final = re.compile(b"\x00\x00\x01")


def split_annex_b(access_unit: bytes) -> list[bytes]:
    """Split a byte stream with start codes (H.264 annex B) into NAL units without them.

    Raises PayloadError when there is no NAL unit.
    """
    starts = [match.end() for match in _START_CODE.finditer(access_unit)]
    ends = [start - 3 for start in starts[1:]] + [len(access_unit)] * bool(starts)
    # Zero bytes before a start code belong to it or are trailing_zero_8bits; a NAL unit never ends in zero.
    units = [access_unit[start:end].rstrip(b"\x00") for start, end in zip(starts, ends, strict=True)]
    units = [unit for unit in units if unit]
    if not units:
        raise PayloadError("no NAL unit")
    return units


def is_keyframe(units: Sequence[bytes]) -> bool:
    """Tell whether an access unit holds an IDR picture."""
    return any(unit[0] & 31 == _IDR for unit in units)


def starts_picture(payload: bytes) -> bool:
    """Tell whether an access unit begins with this payload: a delimiter, a sequence parameter set or a first slice.

    Parameters or SEI that were lost before a first slice do not show.
    """
    kind, body = payload[0] & 31, payload[1:2]
    if kind == _STAP_A:
        kind, body = (payload[3] & 31, payload[4:5]) if len(payload) > 3 else (0, b"")
    elif kind == _FU_A:
        if not body >= b"\x80":
            return False
        kind, body = payload[1] & 31, payload[2:3]
    # first_mb_in_slice is zero when its first bit is one (exponential Golomb).
    return kind in (_SPS, _DELIMITER) or (kind in _FIRST_SLICES and body >= b"\x80")


def packetize(units: Sequence[bytes], max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> list[bytes]:
    """Turn one access unit's NAL units into RTP payloads in order; the last one takes the marker bit.

    Parameter sets, SEI and delimiters in a row are aggregated; units that do not fit are cut into fragments
    of equal size (to within a byte), which the relay can send in one run.
    Raises PayloadError for an empty unit or one of a type that RTP uses itself (24 and above).
    """
    payloads: list[bytes] = []
    waiting: list[bytes] = []
    for unit in units:
        if not unit or not 0 < unit[0] & 31 < _STAP_A:
            raise PayloadError("NAL unit type")
        if unit[0] & 31 in _AGGREGATED and _stap_bytes([*waiting, unit]) <= max_payload_bytes:
            waiting.append(unit)
            continue
        payloads += _aggregate(waiting)
        waiting = []
        if len(unit) <= max_payload_bytes:
            payloads.append(unit)
        else:
            payloads += _fragment(unit, max_payload_bytes)
    return payloads + _aggregate(waiting)


def depacketize(payloads: Sequence[bytes]) -> list[bytes]:
    """Return the NAL units of one access unit from its RTP payloads, which are all there and in order.

    Raises PayloadError for a payload that is cut off, empty, or of a type of another packetization mode.
    """
    units: list[bytes] = []
    fragments: list[bytes] = []
    for payload in payloads:
        if len(payload) < 2:
            raise PayloadError("no NAL unit")
        kind = payload[0] & 31
        if kind == _FU_A:
            _join(fragments, payload, units)
        elif fragments:
            raise PayloadError("another unit inside a fragmented one")
        elif kind == _STAP_A:
            units += _aggregated(payload)
        elif 0 < kind < _STAP_A:
            units.append(payload)
        else:
            raise PayloadError("NAL unit type")
    if fragments or not units:
        raise PayloadError("no whole NAL unit")
    return units


def _aggregated(payload: bytes) -> list[bytes]:
    """Undo RFC 6184 section 5.7.1."""
    units: list[bytes] = []
    at = 1
    while at < len(payload):
        size = int.from_bytes(payload[at : at + 2], "big")
        unit = payload[at + 2 : at + 2 + size]
        if not unit or len(unit) < size:
            raise PayloadError("an aggregate that is cut off")
        if not 0 < unit[0] & 31 < _STAP_A:
            raise PayloadError("NAL unit type")
        units.append(unit)
        at += 2 + size
    return units


def _join(fragments: list[bytes], payload: bytes, units: list[bytes]) -> None:
    """Undo RFC 6184 section 5.8: add a fragment, and with the last one the unit."""
    starts, ends = payload[1] & 0x80, payload[1] & 0x40
    if bool(starts) == bool(fragments):
        raise PayloadError("a fragment out of its place")
    if not 0 < payload[1] & 31 < _STAP_A:
        raise PayloadError("NAL unit type")
    fragments.append(bytes((payload[0] & 0xE0 | payload[1] & 31,)) + payload[2:] if starts else payload[2:])
    if ends:
        units.append(b"".join(fragments))
        fragments.clear()


def _stap_bytes(units: Sequence[bytes]) -> int:
    return 1 + sum(2 + len(unit) for unit in units)


def _aggregate(units: Sequence[bytes]) -> list[bytes]:
    """RFC 6184 section 5.7.1; F is any unit's, NRI the greatest."""
    if len(units) < 2:
        return list(units)
    forbidden = max(unit[0] & 0x80 for unit in units)
    importance = max(unit[0] & 0x60 for unit in units)
    parts = [bytes((forbidden | importance | _STAP_A,))]
    for unit in units:
        parts += (len(unit).to_bytes(2, "big"), unit)
    return [b"".join(parts)]


def _fragment(unit: bytes, max_payload_bytes: int) -> list[bytes]:
    """RFC 6184 section 5.8."""
    indicator, kind = unit[0] & 0xE0 | _FU_A, unit[0] & 31
    pieces = split_evenly(unit[1:], max_payload_bytes - 2)
    last = len(pieces) - 1
    return [
        bytes((indicator, kind | (index == 0) << 7 | (index == last) << 6)) + piece
        for index, piece in enumerate(pieces)
    ]


def split_evenly(data: bytes, most: int) -> list[bytes]:
    """Cut into the fewest pieces of at most `most` bytes, sizes differing by at most one."""
    count = -(-len(data) // most)
    bounds = [len(data) * index // count for index in range(count + 1)]
    return [data[start:end] for start, end in pairwise(bounds)]
