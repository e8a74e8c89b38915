"""RTP header reading (RFC 3550 section 5.1, RFC 8285), bounds-checked, without state."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

cdef enum RtpCheck:
    RTP_OK = 0
    RTP_TOO_SHORT = -1
    RTP_BAD_VERSION = -2
    RTP_BAD_EXTENSION = -3
    RTP_BAD_PADDING = -4

# What a header extension element means to the plane; the numbers index `Transport.extension_ids`.
cdef enum:                      # ExtensionKind
    EXTENSION_NONE = 0
    EXTENSION_MID = 1
    EXTENSION_RID = 2
    EXTENSION_REPAIRED_RID = 3
    EXTENSION_LEVEL = 4
    EXTENSION_TWCC = 5
    EXTENSION_ROTATION = 6
    EXTENSION_CAPTURE_TIME = 7
    EXTENSION_SEND_TIME = 8
    EXTENSION_PLAYOUT = 9       # sent only
    EXTENSION_KINDS = 10

ctypedef struct RtpHeader:
    uint8_t marker
    uint8_t payload_type
    uint16_t sequence
    uint32_t timestamp
    uint32_t ssrc
    int extension_at        # offset of the first element, 0 without extension
    int extension_length
    int two_byte            # RFC 8285 section 4.3 elements
    int payload_at
    int payload_length      # without padding

ctypedef struct RtpExtensions:
    const uint8_t *values[10]   # by ExtensionKind, NULL where absent
    uint8_t lengths[10]

cdef int rtp_parse(const uint8_t *packet, int length, bint protected, RtpHeader *header) noexcept nogil
cdef void rtp_extensions(
    const uint8_t *packet, const RtpHeader *header, const uint8_t *kinds, RtpExtensions *found
) noexcept nogil

cdef inline uint16_t read16(const uint8_t *at) noexcept nogil:
    return (<uint16_t>at[0] << 8) | at[1]

cdef inline uint32_t read24(const uint8_t *at) noexcept nogil:
    return (<uint32_t>at[0] << 16) | (<uint32_t>at[1] << 8) | at[2]

cdef inline uint32_t read32(const uint8_t *at) noexcept nogil:
    return (<uint32_t>at[0] << 24) | (<uint32_t>at[1] << 16) | (<uint32_t>at[2] << 8) | at[3]

cdef inline void write16(uint8_t *at, uint16_t value) noexcept nogil:
    at[0] = value >> 8
    at[1] = value & 0xFF

cdef inline void write32(uint8_t *at, uint32_t value) noexcept nogil:
    at[0] = value >> 24
    at[1] = (value >> 16) & 0xFF
    at[2] = (value >> 8) & 0xFF
    at[3] = value & 0xFF
