"""Round trips to a publisher, whichever way they are learnt; see roundtrip.pyx."""

from libc.stdint cimport int64_t, uint32_t

cdef enum:
    ROUNDTRIP_BUCKETS = 12
    ROUNDTRIP_REFERENCES = 8        # one a second: who answers later than eight seconds tells nothing

cdef enum RttSource:
    RTT_NONE = 0
    RTT_RR = 1                      # receiver reports on what we send to the peer
    RTT_XR = 2                      # RFC 3611 RRTR and DLRR
    RTT_NACK = 3                    # from a NACK to its retransmission; holds the peer's pacing
    RTT_PAGE = 4                    # the page's statistics of its candidate pair
    RTT_HANDSHAKE = 5               # ICE or DTLS; holds the peer's computing

cdef struct RoundTripBucket:
    int64_t number                  # of 5 s since the monotonic clock began
    int64_t rtt_ns                  # the least from the best source
    int source                      # RttSource; none: empty

cdef struct ReferenceTime:
    int64_t sent_ns
    uint32_t middle                 # the 32 bits of NTP that an answer names; 0: none

# Zeroed memory knows nothing.
ctypedef struct RoundTrips:
    RoundTripBucket buckets[ROUNDTRIP_BUCKETS]
    ReferenceTime references[ROUNDTRIP_REFERENCES]
    uint32_t reference_count        # since the memory was zeroed; wraps

cdef inline int roundtrip_rank(int source) noexcept nogil:
    """Higher is more exact; 0 for none."""
    if source == RTT_HANDSHAKE:
        return 1
    if source == RTT_NACK:
        return 2
    return 3 if source != RTT_NONE else 0

cdef int64_t roundtrip_bucket(int64_t now_ns) noexcept nogil
cdef int roundtrip_note(RoundTrips *trips, int64_t rtt_ns, int source, int64_t now_ns) noexcept nogil
cdef int roundtrip_least(const RoundTrips *trips, int64_t newest, int64_t *rtt_ns) noexcept nogil
cdef void roundtrip_forget(RoundTrips *trips) noexcept nogil
cdef void roundtrip_asked(RoundTrips *trips, uint32_t middle, int64_t now_ns) noexcept nogil
cdef int64_t roundtrip_answered(
    const RoundTrips *trips, uint32_t middle, uint32_t delay, int64_t now_ns
) noexcept nogil
