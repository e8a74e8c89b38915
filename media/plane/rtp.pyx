# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""RTP header reading for the plane: one pass, every length checked before it is used.

Touches nothing but the bytes it is given. The header and its extension are in the clear under SRTP, so the same
reader serves before and after `srtp_unprotect`; padding is encrypted and is looked at only afterwards.
"""

from libc.string cimport memset


cdef int rtp_parse(const uint8_t *packet, int length, bint protected, RtpHeader *header) noexcept nogil:
    cdef int at, words, padding
    cdef uint16_t profile
    if length < 12:
        return RTP_TOO_SHORT
    if packet[0] >> 6 != 2:
        return RTP_BAD_VERSION
    header.marker = packet[1] >> 7
    header.payload_type = packet[1] & 0x7F
    header.sequence = read16(packet + 2)
    header.timestamp = read32(packet + 4)
    header.ssrc = read32(packet + 8)
    header.extension_at = 0
    header.extension_length = 0
    header.two_byte = 0
    at = 12 + 4 * (packet[0] & 0x0F)
    if at > length:
        return RTP_TOO_SHORT
    if packet[0] & 0x10:
        if at + 4 > length:
            return RTP_BAD_EXTENSION
        profile = read16(packet + at)
        words = read16(packet + at + 2)
        at += 4
        if at + 4 * words > length:
            return RTP_BAD_EXTENSION
        if profile == 0xBEDE or profile >> 4 == 0x100:
            header.extension_at = at
            header.extension_length = 4 * words
            header.two_byte = profile != 0xBEDE
        at += 4 * words
    header.payload_at = at
    header.payload_length = length - at
    if packet[0] & 0x20 and not protected:
        padding = packet[length - 1]
        if padding == 0 or padding > header.payload_length:
            return RTP_BAD_PADDING
        header.payload_length -= padding
    return RTP_OK


cdef void rtp_extensions(
    const uint8_t *packet, const RtpHeader *header, const uint8_t *kinds, RtpExtensions *found
) noexcept nogil:
    """Find the elements that `kinds` (16 entries: element id -> ExtensionKind) names; lying lengths end the search."""
    cdef const uint8_t *at = packet + header.extension_at
    cdef const uint8_t *end = at + header.extension_length
    cdef int identifier, size, kind
    memset(found, 0, sizeof(RtpExtensions))
    if header.extension_at == 0:
        return
    while at < end:
        if at[0] == 0:
            at += 1
            continue
        if header.two_byte:
            if at + 2 > end:
                return
            identifier = at[0]
            size = at[1]
            at += 2
        else:
            identifier = at[0] >> 4
            size = (at[0] & 0x0F) + 1
            at += 1
            if identifier == 15:
                return
        if at + size > end:
            return
        if identifier < 16:
            kind = kinds[identifier]
            if kind != EXTENSION_NONE and kind < EXTENSION_KINDS:
                found.values[kind] = at
                found.lengths[kind] = size
        at += size


def parse(bytes packet, bint protected=False, dict kinds=None):
    """View for tests and fuzzers: `(fields, {kind: value})` or a negative `RtpCheck` code."""
    cdef RtpHeader header
    cdef RtpExtensions found
    cdef uint8_t by_id[16]
    cdef int code = rtp_parse(packet, len(packet), protected, &header)
    cdef int kind
    if code != RTP_OK:
        return code
    memset(by_id, 0, 16)
    for identifier, kind in (kinds or {}).items():
        by_id[<int>identifier] = kind
    rtp_extensions(packet, &header, by_id, &found)
    values = {}
    for kind in range(EXTENSION_KINDS):
        if found.values[kind] != NULL:
            values[kind] = (<const char *>found.values[kind])[: found.lengths[kind]]
    fields = {
        "marker": header.marker,
        "payload_type": header.payload_type,
        "sequence": header.sequence,
        "timestamp": header.timestamp,
        "ssrc": header.ssrc,
        "payload": packet[header.payload_at : header.payload_at + header.payload_length],
    }
    return fields, values
