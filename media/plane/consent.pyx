# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Consent checks (RFC 7675) answered without the interpreter.

Every viewer sends a Binding request each few seconds for as long as it watches. Answered in Python one costs some
200 us, because the interpreter has gone cold in between; at 100 viewers that was a quarter of what relaying their sound
cost. Here an ordinary check from the address that is already in use is answered in a few; whatever is not ordinary
(another address, other credentials, a wrong integrity, unknown attributes, the wrong role) is left to control, which
knows all the rules.

SHA-1 is libcrypto's, the one that Python's own hashlib uses; its one-call HMAC looks the algorithm up each time and
takes five times as long as the two sums of RFC 2104. Where it cannot be found, control answers everything.
"""

import ctypes

from libc.stdint cimport uint16_t, uint32_t, uintptr_t
from libc.string cimport memcmp, memcpy, memset

from media.plane.address cimport address_is, scope_out
from media.plane.rtp cimport read16, read32, write16, write32

ctypedef int (*sha1_init_function)(void *context) noexcept nogil
ctypedef int (*sha1_update_function)(void *context, const void *data, size_t length) noexcept nogil
ctypedef int (*sha1_final_function)(uint8_t *digest, void *context) noexcept nogil

cdef enum:
    HEADER_BYTES = 20
    INTEGRITY_BYTES = 24        # attribute header and SHA-1
    FINGERPRINT_BYTES = 8
    FINGERPRINT_XOR = 0x5354554E
    ATTRIBUTE_USERNAME = 0x0006
    ATTRIBUTE_INTEGRITY = 0x0008
    ATTRIBUTE_XOR_MAPPED = 0x0020
    ATTRIBUTE_PRIORITY = 0x0024
    ATTRIBUTE_USE_CANDIDATE = 0x0025
    ATTRIBUTE_FINGERPRINT = 0x8028
    ATTRIBUTE_CONTROLLED = 0x8029
    COOKIE = 0x2112A442
    MAX_REQUEST_BYTES = 512
    SHA_CONTEXT_BYTES = 128     # of libcrypto's SHA_CTX: 96

cdef sha1_init_function _sha1_init = NULL
cdef sha1_update_function _sha1_update = NULL
cdef sha1_final_function _sha1_final = NULL
cdef uint32_t _crc_table[256]


cdef uintptr_t _address(object library, str name) except 0:
    return ctypes.cast(getattr(library, name), ctypes.c_void_p).value


def _load():
    """Find libcrypto's functions behind Python's own hash module, and make the CRC table."""
    global _sha1_init, _sha1_update, _sha1_final
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (0xEDB88320 if value & 1 else 0)
        _crc_table[byte] = value
    try:
        import _hashlib

        library = ctypes.CDLL(_hashlib.__file__)
        _sha1_update = <sha1_update_function>_address(library, "SHA1_Update")
        _sha1_final = <sha1_final_function>_address(library, "SHA1_Final")
        _sha1_init = <sha1_init_function>_address(library, "SHA1_Init")
    except (ImportError, OSError, AttributeError):
        return


_load()

# Whether checks are answered here at all.
AVAILABLE = _sha1_init != NULL


cdef uint32_t _crc(const uint8_t *data, int length) noexcept nogil:
    """CRC-32 of ITU V.42, as the FINGERPRINT attribute wants it (RFC 8489 section 14.7)."""
    cdef uint32_t value = ~<uint32_t>0
    cdef int index
    for index in range(length):
        value = (value >> 8) ^ _crc_table[(value ^ data[index]) & 0xFF]
    return ~value


cdef void _keyed(const Transport *transport, int pad, const uint8_t *data, int length, uint8_t *digest) noexcept nogil:
    """SHA-1 of the key, padded to a block and XORed with `pad`, followed by the data."""
    cdef uint8_t context[SHA_CONTEXT_BYTES]
    cdef uint8_t block[64]
    cdef int index
    memset(block, pad, 64)
    for index in range(transport.consent_key_length):
        block[index] ^= transport.consent_key[index]
    _sha1_init(context)
    _sha1_update(context, block, 64)
    _sha1_update(context, data, length)
    _sha1_final(digest, context)


cdef void _sign(const Transport *transport, uint8_t *message, int length, uint8_t *out) noexcept nogil:
    """HMAC-SHA1 (RFC 2104; the key is at most a block) of the first `length` bytes of a message.

    Its length field counts an integrity attribute at the end meanwhile (RFC 8489 section 14.5).
    """
    cdef uint16_t kept = read16(message + 2)
    cdef uint8_t inner[20]
    write16(message + 2, <uint16_t>(length - HEADER_BYTES + INTEGRITY_BYTES))
    _keyed(transport, 0x36, message, length, inner)
    _keyed(transport, 0x5C, inner, 20, out)
    write16(message + 2, kept)


cdef bint _is_ordinary(const Transport *transport, const uint8_t *request, int length,
                       int *integrity_at) noexcept nogil:
    """Whether the request has our credentials' name, an integrity, and nothing that wants a decision."""
    cdef int at = HEADER_BYTES
    cdef int kind, size
    cdef bint named = False
    cdef bint has_priority = False
    integrity_at[0] = 0
    while at + 4 <= length:
        kind = read16(request + at)
        size = read16(request + at + 2)
        if at + 4 + size > length:
            return False
        if kind == ATTRIBUTE_INTEGRITY:
            integrity_at[0] = at
            at += INTEGRITY_BYTES
            # Only a FINGERPRINT may follow (RFC 8489 section 14.5), and it must be right.
            if at == length:
                return size == 20 and named and has_priority
            return (
                size == 20 and named and has_priority and at + FINGERPRINT_BYTES == length
                and read16(request + at) == ATTRIBUTE_FINGERPRINT and read16(request + at + 2) == 4
                and read32(request + at + 4) == (_crc(request, at) ^ FINGERPRINT_XOR)
            )
        if kind == ATTRIBUTE_USERNAME:
            named = (
                size == transport.consent_username_length
                and memcmp(request + at + 4, transport.consent_username, size) == 0
            )
        elif kind == ATTRIBUTE_PRIORITY:
            has_priority = size == 4
        elif kind == ATTRIBUTE_CONTROLLED or (kind < 0x8000 and kind != ATTRIBUTE_USE_CANDIDATE):
            return False
        at += 4 + ((size + 3) & ~3)
    return False


cdef int _write_answer(const Transport *transport, const Address *remote, const uint8_t *request,
                       uint8_t *out) noexcept nogil:
    """Write the success response; return its length."""
    cdef int index
    cdef bint is_v4 = remote.ip[10] == 0xFF and remote.ip[11] == 0xFF and remote.ip[0] == 0 and remote.ip[1] == 0
    cdef int size = 8 if is_v4 else 20
    cdef int at
    cdef Address mapped = remote[0]
    scope_out(mapped.ip)
    write16(out, 0x0101)
    memcpy(out + 4, request + 4, 16)
    at = HEADER_BYTES
    write16(out + at, ATTRIBUTE_XOR_MAPPED)
    write16(out + at + 2, size)
    out[at + 4] = 0
    out[at + 5] = 1 if is_v4 else 2
    write16(out + at + 6, remote.port ^ (COOKIE >> 16))
    for index in range(size - 4):
        # The cookie and transaction id stand in a row in the header: exactly the bytes to XOR with.
        out[at + 8 + index] = mapped.ip[index + (12 if is_v4 else 0)] ^ request[4 + index]
    at += 4 + size
    _sign(transport, out, at, out + at + 4)
    write16(out + at, ATTRIBUTE_INTEGRITY)
    write16(out + at + 2, 20)
    at += INTEGRITY_BYTES
    write16(out + 2, <uint16_t>(at + FINGERPRINT_BYTES - HEADER_BYTES))
    write16(out + at, ATTRIBUTE_FINGERPRINT)
    write16(out + at + 2, 4)
    write32(out + at + 4, _crc(out, at) ^ FINGERPRINT_XOR)
    return at + FINGERPRINT_BYTES


cdef bint consent_answer(
    PlaneState *plane, Transport *transport, const Address *remote, const uint8_t *request, int length,
    uint8_t *answer, int *answer_length
) noexcept nogil:
    """Write the answer (at most 96 bytes) to an ordinary check from the selected address; False leaves it to control.

    `request` has passed `stun_filter`. A valid check renews the consent that control looks at.
    """
    cdef uint8_t copy[MAX_REQUEST_BYTES]
    cdef uint8_t digest[20]
    cdef int integrity_at, index
    cdef uint8_t difference = 0
    if _sha1_init == NULL or transport.consent_username_length == 0 or length > MAX_REQUEST_BYTES:
        return False
    if not transport.has_remote or not address_is(remote, &transport.remote):
        return False
    if not _is_ordinary(transport, request, length, &integrity_at):
        return False
    memcpy(copy, request, length)
    _sign(transport, copy, integrity_at, digest)
    # All of it, whatever the first byte says: the time taken must not tell how much was right.
    for index in range(20):
        difference |= digest[index] ^ request[integrity_at + 4 + index]
    if difference:
        return False
    answer_length[0] = _write_answer(transport, remote, request, answer)
    transport.consent_ns = plane.now_ns
    return True
