"""VP8 into RTP payloads (RFC 7741) with 15-bit picture identifiers, and back.

Core: one `Vp8Packetizer` per stream keeps the identifier.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from media.rtp.h264 import MAX_PAYLOAD_BYTES, split_evenly
from media.rtp.header import PayloadError

_DESCRIPTOR_BYTES: Final = 4
_EXTENDED: Final = 0x80
_START: Final = 0x10
_PARTITION: Final = 0x07
_PICTURE_ID: Final = 0x80
_TL0_PICTURE: Final = 0x40
_LAYER_OR_KEY: Final = 0x30
_FIFTEEN_BITS: Final = 0x8000


def is_keyframe(frame: bytes) -> bool:
    """Tell whether a VP8 frame is a keyframe (RFC 6386 section 9.1: P bit is zero)."""
    return bool(frame) and not frame[0] & 1


def starts_picture(payload: bytes) -> bool:
    """Tell whether a frame begins with this payload: the start of partition 0 (RFC 7741 section 4.2)."""
    return payload[0] & (_START | _PARTITION) == _START


def depacketize(payloads: Sequence[bytes]) -> bytes:
    """Return one frame from its RTP payloads, which are all there and in order.

    Raises PayloadError for a payload whose descriptor (RFC 7741 section 4.2) leaves no room for a picture.
    """
    pieces = [payload[_descriptor_bytes(payload) :] for payload in payloads]
    if not pieces or not all(pieces):
        raise PayloadError("a VP8 payload without picture")
    return b"".join(pieces)


def _descriptor_bytes(payload: bytes) -> int:
    if len(payload) < 2 or not payload[0] & _EXTENDED:
        return 1
    extensions, size = payload[1], 2
    if extensions & _PICTURE_ID:
        size += 2 if payload[2:3] >= b"\x80" else 1
    if extensions & _TL0_PICTURE:
        size += 1
    if extensions & _LAYER_OR_KEY:
        size += 1
    return size


class Vp8Packetizer:
    """Numbers the pictures of one stream and cuts them into payloads."""

    def __init__(self, picture_id: int = 0, max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> None:
        """Start with `picture_id` (modulo 2**15)."""
        self.picture_id = picture_id & 0x7FFF
        self._most = max_payload_bytes - _DESCRIPTOR_BYTES

    def packetize(self, frame: bytes) -> list[bytes]:
        """Turn one frame into RTP payloads in order; the last one takes the marker bit.

        Raises PayloadError when the frame is empty.
        """
        if not frame:
            raise PayloadError("empty VP8 frame")
        identifier = (_FIFTEEN_BITS | self.picture_id).to_bytes(2, "big")
        self.picture_id = (self.picture_id + 1) & 0x7FFF
        # The start bit marks the first packet of the first partition; we never claim other partitions.
        return [
            bytes((_EXTENDED | (0 if index else _START), _PICTURE_ID)) + identifier + piece
            for index, piece in enumerate(split_evenly(frame, self._most))
        ]
