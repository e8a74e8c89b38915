"""RTP fixed header and header extensions (RFC 3550 section 5.1, RFC 8285), for code outside the plane.

Our own client, tools and workers build and read packets with it; relayed packets never pass here.
Pure functions over bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

HEADER_BYTES: Final = 12
_FIXED: Final = struct.Struct("!BBHII")
_EXTENSION: Final = struct.Struct("!HH")
_ONE_BYTE_PROFILE: Final = 0xBEDE
_TWO_BYTE_PROFILE: Final = 0x1000

#: URIs of the extensions a sender fills in.
MID_URI: Final = "urn:ietf:params:rtp-hdrext:sdes:mid"
TRANSPORT_WIDE_URI: Final = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
AUDIO_LEVEL_URI: Final = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"


class RtpError(ValueError):
    """Base of the errors of `media.rtp`: bytes that are not what their format says.

    RtpError
    - PacketError: not a well-formed RTP or RTCP packet
    - PayloadError: not a well-formed unit of the codec (NAL unit, VP8 frame, Opus packet)
    """


class PacketError(RtpError):
    """Not a well-formed RTP or RTCP packet."""


class PayloadError(RtpError):
    """Not a well-formed unit of the codec."""


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One parsed packet; CSRCs are left out, padding is removed from `payload`."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    extensions: tuple[tuple[int, bytes], ...]
    """(id, value) in wire order."""
    payload: bytes
    padding: int = 0
    """Padding bytes that followed the payload."""

    def extension(self, identifier: int) -> bytes | None:
        """Value of the first extension with this id."""
        return next((value for key, value in self.extensions if key == identifier), None)


def is_rtcp(packet: bytes) -> bool:
    """Tell RTCP from RTP on one port (RFC 5761 section 4): packet types 192 to 223."""
    return len(packet) >= 2 and 192 <= packet[1] <= 223


def _pack_extensions(extensions: Sequence[tuple[int, bytes]]) -> bytes:
    two_byte = any(identifier > 14 or not 1 <= len(value) <= 16 for identifier, value in extensions)
    if two_byte:
        body = b"".join(bytes((identifier, len(value))) + value for identifier, value in extensions)
    else:
        body = b"".join(bytes((identifier << 4 | len(value) - 1,)) + value for identifier, value in extensions)
    body += bytes(-len(body) % 4)
    return _EXTENSION.pack(_TWO_BYTE_PROFILE if two_byte else _ONE_BYTE_PROFILE, len(body) // 4) + body


def build(
    payload: bytes,
    *,
    payload_type: int,
    sequence: int,
    timestamp: int,
    ssrc: int,
    marker: bool = False,
    extensions: Sequence[tuple[int, bytes]] = (),
) -> bytes:
    """Build a packet without CSRCs or padding; extension ids 1 to 255, values up to 255 bytes.

    Sequence and timestamp are taken modulo 2**16 and 2**32.
    """
    first = 0x90 if extensions else 0x80
    fixed = _FIXED.pack(first, payload_type | marker << 7, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc & 0xFFFFFFFF)
    return b"%b%b%b" % (fixed, _pack_extensions(extensions) if extensions else b"", payload)


def parse(packet: bytes) -> RtpPacket:
    """Parse one RTP packet.

    Raises PacketError when the version is not 2 or a length (CSRCs, extension, padding) exceeds the packet.
    """
    size = len(packet)
    if size < HEADER_BYTES:
        raise PacketError("shorter than the RTP header")
    first, second, sequence, timestamp, ssrc = _FIXED.unpack_from(packet)
    if first >> 6 != 2:
        raise PacketError("RTP version")
    offset = HEADER_BYTES + 4 * (first & 15)
    extensions: tuple[tuple[int, bytes], ...] = ()
    if first & 0x10:
        if offset + 4 > size:
            raise PacketError("header extension length")
        profile, words = _EXTENSION.unpack_from(packet, offset)
        start, offset = offset + 4, offset + 4 + 4 * words
        if offset > size:
            raise PacketError("header extension length")
        extensions = _parse_extensions(profile, packet[start:offset])
    padding = packet[-1] if first & 0x20 else 0
    if offset + padding > size or (first & 0x20 and not padding):
        raise PacketError("padding or CSRC length")
    payload = packet[offset : size - padding]
    return RtpPacket(second & 127, second > 127, sequence, timestamp, ssrc, extensions, payload, padding)


def _parse_extensions(profile: int, body: bytes) -> tuple[tuple[int, bytes], ...]:
    if profile == _ONE_BYTE_PROFILE:
        head = 1
    elif profile & 0xFFF0 == _TWO_BYTE_PROFILE:
        head = 2
    else:
        return ()
    found: list[tuple[int, bytes]] = []
    offset = 0
    while offset < len(body):
        first = body[offset]
        if not first:
            offset += 1
            continue
        if head == 1 and first >> 4 == 15:
            break  # RFC 8285 section 4.2: id 15 ends the list
        if offset + head > len(body):
            raise PacketError("header extension element")
        identifier, length = (first >> 4, (first & 15) + 1) if head == 1 else (first, body[offset + 1])
        offset += head
        if offset + length > len(body):
            raise PacketError("header extension element")
        # A one-byte element with id 0 and a length is padding by RFC 8285 section 4.2.
        if identifier:
            found.append((identifier, body[offset : offset + length]))
        offset += length
    return tuple(found)
