# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, freethreading_compatible=False
"""How long the way to a publisher and back is: the least of the last minute, from the most exact source that told.

The minute is counted in the same steps of 5 s as the sender reports of `senderclock`: half of the round trip is taken
off the least delay of those reports, so both must forget a way that is no longer taken at the same moment.

Reference times (RFC 3611 section 4.4) that we sent are remembered, so that an answer is measured by our own record of
when they left and no other number is believed. Touches only the struct it is given: no clock, no allocation.
"""

from libc.string cimport memset

cdef int64_t BUCKET_NS = 5 * 1000000000LL
cdef int64_t MAX_RTT_NS = 10 * 1000000000LL
cdef int64_t MAX_TIME_NS = <int64_t>1 << 62


cdef int64_t roundtrip_bucket(int64_t now_ns) noexcept nogil:
    """The number of the 5 s in which a time lies, for round trips and sender reports alike."""
    return now_ns // BUCKET_NS


cdef int roundtrip_note(RoundTrips *trips, int64_t rtt_ns, int source, int64_t now_ns) noexcept nogil:
    """Take a measurement that ended at `now_ns`; 0, or -1 for one that nobody can mean."""
    cdef int64_t number = roundtrip_bucket(now_ns)
    cdef RoundTripBucket *bucket
    cdef int better
    if rtt_ns < 0 or rtt_ns > MAX_RTT_NS or source <= RTT_NONE or source > RTT_HANDSHAKE:
        return -1
    if now_ns < 0 or now_ns > MAX_TIME_NS:
        return -1
    bucket = &trips.buckets[number % ROUNDTRIP_BUCKETS]
    better = roundtrip_rank(source) - roundtrip_rank(bucket.source)
    if bucket.number != number or better > 0 or (better == 0 and rtt_ns < bucket.rtt_ns):
        bucket.number = number
        bucket.rtt_ns = rtt_ns
        bucket.source = source
    return 0


cdef int roundtrip_least(const RoundTrips *trips, int64_t newest, int64_t *rtt_ns) noexcept nogil:
    """Put the round trip of the minute that ends with the bucket `newest`, or later; its source, RTT_NONE for none."""
    cdef const RoundTripBucket *bucket
    cdef int source = RTT_NONE
    cdef int i, better
    for i in range(ROUNDTRIP_BUCKETS):
        bucket = &trips.buckets[i]
        if bucket.source == RTT_NONE or bucket.number <= newest - ROUNDTRIP_BUCKETS:
            continue
        better = roundtrip_rank(bucket.source) - roundtrip_rank(source)
        if better > 0 or (better == 0 and bucket.rtt_ns < rtt_ns[0]):
            source = bucket.source
            rtt_ns[0] = bucket.rtt_ns
    return source


cdef void roundtrip_forget(RoundTrips *trips) noexcept nogil:
    """The way may have changed: neither what was measured holds, nor what answers to earlier questions would tell."""
    memset(trips.buckets, 0, sizeof(trips.buckets))
    memset(trips.references, 0, sizeof(trips.references))


cdef void roundtrip_asked(RoundTrips *trips, uint32_t middle, int64_t now_ns) noexcept nogil:
    """Remember a reference time that leaves now."""
    cdef ReferenceTime *reference = &trips.references[trips.reference_count % ROUNDTRIP_REFERENCES]
    reference.middle = middle
    reference.sent_ns = now_ns
    trips.reference_count += 1


cdef int64_t roundtrip_answered(
    const RoundTrips *trips, uint32_t middle, uint32_t delay, int64_t now_ns
) noexcept nogil:
    """The round trip by an answer that the peer sent `delay`/65536 s after `middle` had come; -1 for nonsense."""
    cdef const ReferenceTime *reference
    cdef int64_t rtt_ns
    cdef int i
    if middle == 0:
        return -1
    for i in range(ROUNDTRIP_REFERENCES):
        reference = &trips.references[i]
        if reference.middle == middle:
            rtt_ns = now_ns - reference.sent_ns - (<int64_t>delay * 1000000000 >> 16)
            return rtt_ns if 0 <= rtt_ns <= MAX_RTT_NS else -1
    return -1


SOURCES = ("none", "rr", "xr", "nack", "page", "handshake")


cdef class RoundTripsView:
    """View for tests, tools and fuzzers; the plane calls the functions above."""

    cdef RoundTrips state

    def note(self, int64_t rtt_ns, int source, int64_t now_ns):
        return roundtrip_note(&self.state, rtt_ns, source, now_ns) == 0

    def least(self, int64_t now_ns):
        """(source's name, round trip or None) of the minute that ends with the 5 s of `now_ns`."""
        cdef int64_t rtt_ns = 0
        source = roundtrip_least(&self.state, roundtrip_bucket(now_ns), &rtt_ns)
        return SOURCES[source], rtt_ns if source else None

    def forget(self):
        roundtrip_forget(&self.state)

    def asked(self, uint32_t middle, int64_t now_ns):
        roundtrip_asked(&self.state, middle, now_ns)

    def answered(self, uint32_t middle, uint32_t delay, int64_t now_ns):
        return roundtrip_answered(&self.state, middle, delay, now_ns)
