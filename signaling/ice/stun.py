"""STUN Binding codec (RFC 8489) with the attributes ICE needs (RFC 8445 section 7.1).

It exists because every ICE check and every consent check of every peer passes here: one answer must stay
far below the cost of a general codec.  Pure functions over bytes; no sockets, no clock, no state but a
cache of packed addresses.
"""

from __future__ import annotations

import binascii
import hmac
import ipaddress
import struct
from functools import lru_cache
from typing import Final

from media.plane.names import FarAddress
from signaling.ice.types import Address, IceError

MAGIC_COOKIE: Final = 0x2112A442
HEADER_BYTES: Final = 20
#: A Binding message of a sane peer is near 100 bytes; a larger one than this is refused before parsing.
MAX_MESSAGE_BYTES: Final = 1280
#: RFC 8489 section 14.3.
MAX_USERNAME_BYTES: Final = 508

REQUEST: Final = 0x0001
SUCCESS: Final = 0x0101
ERROR: Final = 0x0111

_USERNAME: Final = 0x0006
_MESSAGE_INTEGRITY: Final = 0x0008
_ERROR_CODE: Final = 0x0009
_UNKNOWN_ATTRIBUTES: Final = 0x000A
_XOR_MAPPED_ADDRESS: Final = 0x0020
_PRIORITY: Final = 0x0024
_USE_CANDIDATE: Final = 0x0025
_FINGERPRINT: Final = 0x8028
_ICE_CONTROLLED: Final = 0x8029
_ICE_CONTROLLING: Final = 0x802A
#: Comprehension-required attributes that change nothing for us: MAPPED-ADDRESS, REALM, NONCE.
_TOLERATED: Final = frozenset((0x0001, _UNKNOWN_ATTRIBUTES, 0x0014, 0x0015))

_INTEGRITY_BYTES: Final = 24
_FINGERPRINT_BYTES: Final = 8
_FINGERPRINT_XOR: Final = 0x5354554E
_MAX_UNKNOWN: Final = 8

_HEADER: Final = struct.Struct("!HHI12s")
_ATTRIBUTE: Final = struct.Struct("!HH")
_U32: Final = struct.Struct("!I")
_U64: Final = struct.Struct("!Q")
_FINGERPRINT_ATTRIBUTE: Final = struct.Struct("!HHI")
_MAPPED_V4: Final = struct.Struct("!HHBBHI")
_MAPPED_V6: Final = struct.Struct("!HHBBH")
_COOKIE_BYTES: Final = _U32.pack(MAGIC_COOKIE)
_INTEGRITY_HEADER: Final = _ATTRIBUTE.pack(_MESSAGE_INTEGRITY, 20)

REASONS: Final = {
    400: "Bad Request",
    401: "Unauthenticated",
    420: "Unknown Attribute",
    487: "Role Conflict",
}


class StunError(IceError):
    """The datagram is not a well-formed STUN Binding message."""


class Message:
    """One parsed Binding message; absent attributes are None (or False, or 0)."""

    __slots__ = (
        "controlled",
        "controlling",
        "error_code",
        "has_fingerprint",
        "integrity_offset",
        "mapped_address",
        "message_type",
        "priority",
        "transaction_id",
        "unknown_required",
        "use_candidate",
        "username",
    )

    def __init__(self, message_type: int, transaction_id: bytes) -> None:
        self.message_type = message_type
        self.transaction_id = transaction_id
        self.username: bytes | None = None
        self.priority: int | None = None
        self.use_candidate = False
        #: Tie-breaker of ICE-CONTROLLING / ICE-CONTROLLED.
        self.controlling: int | None = None
        self.controlled: int | None = None
        self.mapped_address: Address | None = None
        self.error_code: int | None = None
        #: Byte offset of MESSAGE-INTEGRITY in the datagram, 0 when there is none.
        self.integrity_offset = 0
        self.has_fingerprint = False
        #: Comprehension-required attribute types we do not know (at most 8 are kept).
        self.unknown_required: tuple[int, ...] = ()


def parse(datagram: bytes) -> Message:
    """Parse one Binding message; nothing is authenticated (see `verify_integrity`).

    Raises StunError when the datagram is too long, is no Binding message, lies about a length, repeats or
    misplaces FINGERPRINT, or carries a wrong FINGERPRINT (RFC 8489 sections 6.3 and 14.7).
    """
    size = len(datagram)
    if size < HEADER_BYTES or size > MAX_MESSAGE_BYTES:
        raise StunError("size")
    message_type, length, cookie, transaction_id = _HEADER.unpack_from(datagram)
    if cookie != MAGIC_COOKIE or length + HEADER_BYTES != size or length & 3:
        raise StunError("header")
    # Class bits are 0x0110; everything else must spell the method Binding.
    if message_type & 0xFEEF != 0x0001:
        raise StunError("method")
    message = Message(message_type, transaction_id)
    offset = HEADER_BYTES
    while offset < size:
        if message.has_fingerprint:
            raise StunError("attribute after FINGERPRINT")
        kind, length = _ATTRIBUTE.unpack_from(datagram, offset)
        start = offset + 4
        following = start + ((length + 3) & ~3)
        if following > size:
            raise StunError("attribute length")
        if kind == _FINGERPRINT:
            _check_fingerprint(datagram, offset, length)
            message.has_fingerprint = True
        elif not message.integrity_offset:
            _read_attribute(message, datagram, kind, start, length)
        # RFC 8489 section 14.5: what follows MESSAGE-INTEGRITY, other than FINGERPRINT, is ignored.
        offset = following
    return message


def _check_fingerprint(datagram: bytes, offset: int, length: int) -> None:
    if length != 4:
        raise StunError("FINGERPRINT length")
    (value,) = _U32.unpack_from(datagram, offset + 4)
    if value != binascii.crc32(datagram[:offset]) ^ _FINGERPRINT_XOR:
        raise StunError("FINGERPRINT value")


def _read_attribute(message: Message, datagram: bytes, kind: int, start: int, length: int) -> None:
    """Store one attribute; of repeated ones only the first counts (RFC 8489 section 14)."""
    if kind == _USERNAME:
        if not 0 < length <= MAX_USERNAME_BYTES:
            raise StunError("USERNAME length")
        if message.username is None:
            message.username = datagram[start : start + length]
    elif kind == _PRIORITY:
        if length != 4:
            raise StunError("PRIORITY length")
        if message.priority is None:
            (message.priority,) = _U32.unpack_from(datagram, start)
    elif kind in (_ICE_CONTROLLING, _ICE_CONTROLLED):
        _read_role(message, datagram, kind, start, length)
    elif kind == _USE_CANDIDATE:
        if length:
            raise StunError("USE-CANDIDATE length")
        message.use_candidate = True
    elif kind == _MESSAGE_INTEGRITY:
        if length != 20:
            raise StunError("MESSAGE-INTEGRITY length")
        message.integrity_offset = start - 4
    elif kind == _XOR_MAPPED_ADDRESS:
        if message.mapped_address is None:
            message.mapped_address = _read_mapped_address(datagram[start : start + length], message)
    elif kind == _ERROR_CODE:
        message.error_code = _read_error_code(datagram[start : start + length])
    elif kind < 0x8000 and kind not in _TOLERATED and len(message.unknown_required) < _MAX_UNKNOWN:
        message.unknown_required += (kind,)


def _read_role(message: Message, datagram: bytes, kind: int, start: int, length: int) -> None:
    if length != 8:
        raise StunError("tie-breaker length")
    (tie_breaker,) = _U64.unpack_from(datagram, start)
    if kind == _ICE_CONTROLLED and message.controlled is None:
        message.controlled = tie_breaker
    elif kind == _ICE_CONTROLLING and message.controlling is None:
        message.controlling = tie_breaker


def _read_mapped_address(value: bytes, message: Message) -> Address:
    if len(value) == 8 and value[1] == 1:
        port, host = struct.unpack_from("!HI", value, 2)
        return str(ipaddress.IPv4Address(host ^ MAGIC_COOKIE)), port ^ (MAGIC_COOKIE >> 16)
    if len(value) == 20 and value[1] == 2:
        (port,) = struct.unpack_from("!H", value, 2)
        mask = int.from_bytes(_COOKIE_BYTES + message.transaction_id, "big")
        host6 = ipaddress.IPv6Address(int.from_bytes(value[4:], "big") ^ mask)
        return str(host6), port ^ (MAGIC_COOKIE >> 16)
    raise StunError("XOR-MAPPED-ADDRESS")


def _read_error_code(value: bytes) -> int:
    if len(value) < 4 or not 3 <= value[2] & 7 <= 6 or value[3] > 99:
        raise StunError("ERROR-CODE")
    return (value[2] & 7) * 100 + value[3]


def verify_integrity(datagram: bytes, message: Message, key: bytes) -> bool:
    """Tell whether MESSAGE-INTEGRITY is there and was made with `key` (RFC 8489 section 14.5)."""
    end = message.integrity_offset
    if not end:
        return False
    # The HMAC covers a header whose length ends with MESSAGE-INTEGRITY, whatever follows it.
    covered = b"%b%b%b" % (
        datagram[:2],
        (end + _INTEGRITY_BYTES - HEADER_BYTES).to_bytes(2, "big"),
        datagram[4:end],
    )
    return hmac.compare_digest(hmac.digest(key, covered, "sha1"), datagram[end + 4 : end + _INTEGRITY_BYTES])


@lru_cache(maxsize=4096)
def _packed_host(host: str) -> bytes:
    """4 or 16 bytes; an IPv4 peer of a dual-stack socket (::ffff:a.b.c.d) is told its IPv4 address."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.packed
    return address.packed


def _xor_mapped_address(address: FarAddress, transaction_id: bytes) -> bytes:
    host = _packed_host(address[0])
    port = address[1] ^ (MAGIC_COOKIE >> 16)
    if len(host) == 4:
        return _MAPPED_V4.pack(_XOR_MAPPED_ADDRESS, 8, 0, 1, port, _U32.unpack(host)[0] ^ MAGIC_COOKIE)
    mask = int.from_bytes(_COOKIE_BYTES + transaction_id, "big")
    masked = (int.from_bytes(host, "big") ^ mask).to_bytes(16, "big")
    return _MAPPED_V6.pack(_XOR_MAPPED_ADDRESS, 20, 0, 2, port) + masked


def _finish(message_type: int, transaction_id: bytes, attributes: bytes, key: bytes | None) -> bytes:
    """Add header, MESSAGE-INTEGRITY (when there is a key) and FINGERPRINT to padded attributes."""
    body = len(attributes)
    if key is not None:
        body += _INTEGRITY_BYTES
        covered = _HEADER.pack(message_type, body, MAGIC_COOKIE, transaction_id) + attributes
        attributes = b"%b%b%b" % (attributes, _INTEGRITY_HEADER, hmac.digest(key, covered, "sha1"))
    message = _HEADER.pack(message_type, body + _FINGERPRINT_BYTES, MAGIC_COOKIE, transaction_id) + attributes
    return message + _FINGERPRINT_ATTRIBUTE.pack(_FINGERPRINT, 4, binascii.crc32(message) ^ _FINGERPRINT_XOR)


def build_success(transaction_id: bytes, mapped_address: FarAddress, key: bytes) -> bytes:
    """Build a Binding success response with XOR-MAPPED-ADDRESS, MESSAGE-INTEGRITY and FINGERPRINT."""
    return _finish(SUCCESS, transaction_id, _xor_mapped_address(mapped_address, transaction_id), key)


def build_error(transaction_id: bytes, code: int, key: bytes | None, unknown: tuple[int, ...] = ()) -> bytes:
    """Build a Binding error response; `key` None leaves MESSAGE-INTEGRITY out (400 and 401 must).

    `unknown` lists the attribute types for UNKNOWN-ATTRIBUTES of a 420.
    """
    reason = REASONS[code].encode()
    value = struct.pack("!HBB", 0, code // 100, code % 100) + reason
    attributes = _ATTRIBUTE.pack(_ERROR_CODE, len(value)) + value + bytes(-len(value) % 4)
    if unknown:
        listed = struct.pack(f"!{len(unknown)}H", *unknown)
        attributes += _ATTRIBUTE.pack(_UNKNOWN_ATTRIBUTES, len(listed)) + listed + bytes(-len(listed) % 4)
    return _finish(ERROR, transaction_id, attributes, key)


def build_request(
    transaction_id: bytes,
    *,
    username: bytes,
    key: bytes,
    priority: int,
    tie_breaker: int,
    controlling: bool = True,
    use_candidate: bool = False,
) -> bytes:
    """Build an ICE connectivity check (RFC 8445 section 7.1); `transaction_id` is 12 random bytes.

    `username` is b"REMOTE_UFRAG:LOCAL_UFRAG", `key` the remote password.
    `priority` has 32 bits, `tie_breaker` 64.
    """
    attributes = b"".join(
        (
            _ATTRIBUTE.pack(_USERNAME, len(username)) + username + bytes(-len(username) % 4),
            struct.pack("!HHI", _PRIORITY, 4, priority),
            struct.pack("!HHQ", _ICE_CONTROLLING if controlling else _ICE_CONTROLLED, 8, tie_breaker),
            _ATTRIBUTE.pack(_USE_CANDIDATE, 0) if use_candidate else b"",
        )
    )
    return _finish(REQUEST, transaction_id, attributes, key)
