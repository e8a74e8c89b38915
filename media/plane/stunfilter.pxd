"""Declarations of the first look at a datagram; see stunfilter.pyx."""
from libc.stdint cimport uint8_t

# What stun_filter says. Only the first two are worth handing on; the rest are drop reasons.
cdef enum StunVerdict:
    STUN_BINDING_REQUEST = 1        # well formed, with a local ufrag
    STUN_BINDING_OTHER = 2          # success or error response, or indication
    STUN_NOT_STUN = -1              # no header, top bits set or no magic cookie
    STUN_BAD_LENGTH = -2            # not a multiple of 4, or not the length of the datagram
    STUN_BAD_ATTRIBUTE = -3         # an attribute reaches over the end
    STUN_NO_USERNAME = -4           # a request without a USERNAME of the form "local:remote"
    STUN_OTHER_METHOD = -5          # not Binding

cdef enum DatagramKind:
    DATAGRAM_UNKNOWN = 0
    DATAGRAM_STUN = 1
    DATAGRAM_DTLS = 2
    DATAGRAM_RTP = 3
    DATAGRAM_RTCP = 4

cdef int stun_filter(const uint8_t *packet, int length, const uint8_t **ufrag, int *ufrag_length) noexcept nogil
cdef DatagramKind datagram_kind(const uint8_t *packet, int length) noexcept nogil
