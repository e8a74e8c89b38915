# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, freethreading_compatible=False
"""First look at a datagram: what kind it is (RFC 7983, RFC 5761), and whether a STUN message deserves Python's time.

The filter lets through only messages whose structure holds (RFC 8489 sections 5 and 14); who sent them is for the
MESSAGE-INTEGRITY check, which costs a hundred times more and is done for known ufrags within their rate only.
"""
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memchr

cdef enum:
    STUN_HEADER_BYTES = 20
    STUN_MAGIC_COOKIE = 0x2112A442
    STUN_METHOD_MASK = 0x3EEF           # a type without its two class bits
    STUN_CLASS_MASK = 0x0110
    STUN_METHOD_BINDING = 0x0001
    STUN_USERNAME = 0x0006
    STUN_MESSAGE_INTEGRITY = 0x0008
    STUN_MESSAGE_INTEGRITY_SHA256 = 0x001C
    STUN_USERNAME_MAX_BYTES = 508       # RFC 8489 section 14.3
    # The least a packet of the kind can be; a shorter one is nobody's.
    DTLS_RECORD_HEADER_BYTES = 13
    RTP_HEADER_BYTES = 12
    RTCP_HEADER_BYTES = 8


cdef inline int _u16(const uint8_t *p) noexcept nogil:
    return (<int>p[0] << 8) | p[1]


cdef inline uint32_t _u32(const uint8_t *p) noexcept nogil:
    return (<uint32_t>p[0] << 24) | (<uint32_t>p[1] << 16) | (<uint32_t>p[2] << 8) | p[3]


cdef inline bint _is_integrity(int attribute) noexcept nogil:
    return attribute == STUN_MESSAGE_INTEGRITY or attribute == STUN_MESSAGE_INTEGRITY_SHA256


cdef int _find_username(const uint8_t *packet, int length, const uint8_t **value, int *value_bytes) noexcept nogil:
    """Walk all attributes; 0 and the first USERNAME (NULL when there is none), or STUN_BAD_ATTRIBUTE.

    A USERNAME behind the integrity attribute is not protected by it and counts as absent (RFC 8489 section 14.5).
    """
    cdef int at = STUN_HEADER_BYTES
    cdef int attribute, attribute_bytes
    cdef bint after_integrity = False
    value[0] = NULL
    value_bytes[0] = 0
    while at < length:
        # Whole words are left, so the four bytes of type and length are there.
        attribute = _u16(packet + at)
        attribute_bytes = _u16(packet + at + 2)
        at += 4
        if attribute_bytes > length - at:
            return STUN_BAD_ATTRIBUTE
        if attribute == STUN_USERNAME and value[0] == NULL and not after_integrity:
            if attribute_bytes > STUN_USERNAME_MAX_BYTES:
                return STUN_BAD_ATTRIBUTE
            value[0] = packet + at
            value_bytes[0] = attribute_bytes
        elif _is_integrity(attribute):
            after_integrity = True
        at += (attribute_bytes + 3) & ~3
    return 0


cdef int stun_filter(const uint8_t *packet, int length, const uint8_t **ufrag, int *ufrag_length) noexcept nogil:
    """Judge a datagram as STUN; a StunVerdict.

    For STUN_BINDING_REQUEST, `ufrag` points into the packet at the local part of the USERNAME (before the first
    colon; RFC 8445 section 7.2.2) with `ufrag_length` >= 1 bytes; for any other verdict they are NULL and 0.
    """
    cdef const uint8_t *username
    cdef const uint8_t *colon
    cdef int username_bytes, verdict
    ufrag[0] = NULL
    ufrag_length[0] = 0
    if length < STUN_HEADER_BYTES or packet[0] > 3 or _u32(packet + 4) != STUN_MAGIC_COOKIE:
        return STUN_NOT_STUN
    if length & 3 or _u16(packet + 2) != length - STUN_HEADER_BYTES:
        return STUN_BAD_LENGTH
    if _u16(packet) & STUN_METHOD_MASK != STUN_METHOD_BINDING:
        return STUN_OTHER_METHOD
    verdict = _find_username(packet, length, &username, &username_bytes)
    if verdict != 0:
        return verdict
    if _u16(packet) & STUN_CLASS_MASK != 0:
        return STUN_BINDING_OTHER
    if username == NULL or username_bytes == 0:
        return STUN_NO_USERNAME
    colon = <const uint8_t *>memchr(username, c':', username_bytes)
    if colon == NULL or colon == username:
        return STUN_NO_USERNAME
    ufrag[0] = username
    ufrag_length[0] = <int>(colon - username)
    return STUN_BINDING_REQUEST


cdef DatagramKind datagram_kind(const uint8_t *packet, int length) noexcept nogil:
    """Tell the protocols of one port apart by their first bytes; one that is too short for its kind is unknown."""
    if length < RTCP_HEADER_BYTES:
        return DATAGRAM_UNKNOWN
    if packet[0] <= 3:
        return DATAGRAM_STUN if length >= STUN_HEADER_BYTES else DATAGRAM_UNKNOWN
    if 20 <= packet[0] <= 63:
        return DATAGRAM_DTLS if length >= DTLS_RECORD_HEADER_BYTES else DATAGRAM_UNKNOWN
    if 128 <= packet[0] <= 191:
        if 192 <= packet[1] <= 223:
            return DATAGRAM_RTCP
        return DATAGRAM_RTP if length >= RTP_HEADER_BYTES else DATAGRAM_UNKNOWN
    return DATAGRAM_UNKNOWN


# --- view for tests, tools and fuzzers ------------------------------------------------------------------------------

def filter_stun(packet: bytes) -> tuple[int, bytes | None]:
    """stun_filter's verdict, and the local ufrag of a request."""
    cdef const uint8_t *ufrag
    cdef int ufrag_length
    verdict = stun_filter(packet, <int>len(packet), &ufrag, &ufrag_length)
    return verdict, (ufrag[:ufrag_length] if ufrag != NULL else None)


def kind_of_datagram(packet: bytes) -> str:
    """One of "unknown", "stun", "dtls", "rtp", "rtcp"."""
    return ("unknown", "stun", "dtls", "rtp", "rtcp")[<int>datagram_kind(packet, <int>len(packet))]


VERDICTS = {
    "BINDING_REQUEST": STUN_BINDING_REQUEST,
    "BINDING_OTHER": STUN_BINDING_OTHER,
    "NOT_STUN": STUN_NOT_STUN,
    "BAD_LENGTH": STUN_BAD_LENGTH,
    "BAD_ATTRIBUTE": STUN_BAD_ATTRIBUTE,
    "NO_USERNAME": STUN_NO_USERNAME,
    "OTHER_METHOD": STUN_OTHER_METHOD,
}
