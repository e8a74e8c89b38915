"""AV1 out of RTP payloads (RTP Payload Format For AV1, version 1.0, section 4): OBUs and temporal units. Core."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from media.rtp.header import PayloadError

SEQUENCE_HEADER: Final = 1
_TEMPORAL_DELIMITER: Final = 2
_FRAME_HEADER: Final = 3
_TILE_LIST: Final = 8
_FRAME: Final = 6
#: Not sent, and to be ignored (section 5).
_LEFT_OUT: Final = (_TEMPORAL_DELIMITER, _TILE_LIST)
#: Aggregation header.
_CONTINUES: Final = 0x80
_GOES_ON: Final = 0x40
_NEW_SEQUENCE: Final = 0x08
#: OBU header.
_FORBIDDEN: Final = 0x80
_HAS_EXTENSION: Final = 0x04
_HAS_SIZE: Final = 0x02
_LEB128_BYTES: Final = 4
_DELIMITER: Final = b"\x12\x00"


def kind_of(obu: bytes) -> int:
    """Return the OBU type."""
    return obu[0] >> 3 & 15


def starts_picture(payload: bytes) -> bool:
    """Tell whether a coded video sequence begins with this payload.

    Where another temporal unit begins no payload says.
    """
    return payload[0] & (_CONTINUES | _NEW_SEQUENCE) == _NEW_SEQUENCE


def depacketize(payloads: Sequence[bytes]) -> list[bytes]:
    """Return the OBUs of one temporal unit, without size fields, from payloads that are all there and in order.

    Temporal delimiters and tile lists are left out. Raises PayloadError for lengths that do not fit and for pieces
    that are out of their place.
    """
    obus: list[bytes] = []
    pieces: list[bytes] = []
    for payload in payloads:
        if len(payload) < 2 or bool(payload[0] & _CONTINUES) != bool(pieces):
            raise PayloadError("an AV1 payload out of its place, or empty")
        elements = _elements(payload)
        for element in elements[:-1]:
            obus.append(b"".join((*pieces, element)))
            pieces = []
        pieces.append(elements[-1])
        if not payload[0] & _GOES_ON:
            obus.append(b"".join(pieces))
            pieces = []
    if pieces:
        raise PayloadError("an OBU that does not end")
    found = [_without_size(obu) for obu in obus]
    found = [obu for obu in found if kind_of(obu) not in _LEFT_OUT]
    if not found:
        raise PayloadError("no OBU")
    return found


def temporal_unit(obus: Sequence[bytes]) -> bytes:
    """Give OBUs their sizes back and put a delimiter before them (AV1 5.2, low-overhead format)."""
    parts = [_DELIMITER]
    for obu in obus:
        body_at = 2 if obu[0] & _HAS_EXTENSION else 1
        parts += (bytes((obu[0] | _HAS_SIZE,)), obu[1:body_at], _leb128(len(obu) - body_at), obu[body_at:])
    return b"".join(parts)


def sequence_header(obus: Sequence[bytes]) -> bytes | None:
    """Return the body of the first sequence header."""
    for obu in obus:
        if kind_of(obu) == SEQUENCE_HEADER:
            return obu[2 if obu[0] & _HAS_EXTENSION else 1 :]
    return None


def is_keyframe(obus: Sequence[bytes]) -> bool:
    """Tell whether a decoder can begin here: a sequence header, and a first frame of type KEY_FRAME (AV1 5.9.2)."""
    if sequence_header(obus) is None:
        return False
    for obu in obus:
        if kind_of(obu) in (_FRAME, _FRAME_HEADER):
            body = obu[2 if obu[0] & _HAS_EXTENSION else 1 :]
            # show_existing_frame, then frame_type in two bits; 0 is KEY_FRAME.
            return bool(body) and body[0] & 0xE0 == 0
    return False


def _elements(payload: bytes) -> list[bytes]:
    """Take an aggregate apart (section 4.3); W counts the elements, of which the last has no length then."""
    count = payload[0] >> 4 & 3
    elements: list[bytes] = []
    at = 1
    while at < len(payload):
        if len(elements) + 1 == count:
            size = len(payload) - at
        else:
            size, at = _read_leb128(payload, at)
        element = payload[at : at + size]
        if not element or len(element) < size:
            raise PayloadError("an OBU element that is cut off")
        elements.append(element)
        at += size
    if count and len(elements) != count:
        raise PayloadError("fewer OBU elements than announced")
    return elements


def _without_size(obu: bytes) -> bytes:
    if obu[0] & _FORBIDDEN:
        raise PayloadError("OBU header")
    body_at = 2 if obu[0] & _HAS_EXTENSION else 1
    if len(obu) < body_at:
        raise PayloadError("an OBU that is cut off")
    if not obu[0] & _HAS_SIZE:
        return obu
    size, at = _read_leb128(obu, body_at)
    if size != len(obu) - at:
        raise PayloadError("OBU size")
    return bytes((obu[0] & ~_HAS_SIZE,)) + obu[1:body_at] + obu[at:]


def _read_leb128(data: bytes, at: int) -> tuple[int, int]:
    """Return a number (AV1 4.10.5) and where it ends; four bytes are more than any packet or picture needs."""
    value = 0
    for place, byte in enumerate(data[at : at + _LEB128_BYTES]):
        value |= (byte & 0x7F) << 7 * place
        if not byte & 0x80:
            return value, at + place + 1
    raise PayloadError("a size that is cut off or impossible")


def _leb128(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))
