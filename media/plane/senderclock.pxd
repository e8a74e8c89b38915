"""When did it happen: a sender's clock and its RTP clocks on our monotonic clock (RFC 3550 section 6.4.1).

One `SenderClock` per sender clock (CNAME), shared by the sender's streams; one `StreamClock` per stream.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from media.plane.roundtrip cimport ROUNDTRIP_BUCKETS, RoundTrips

cdef enum:
    CLOCK_BUCKETS = ROUNDTRIP_BUCKETS
    MAX_DRIFT_PPB = 600000          # 500 ppm, and some for both crystals
    WAY_UNKNOWN_NS = 500000000      # a satellite and a queue

cdef enum ClockAnswer:
    CLOCK_ACCEPTED = 0
    CLOCK_HELD = 1                  # more than a second off: kept aside until another report confirms it
    CLOCK_RESTARTED = 2             # the step is confirmed
    CLOCK_NO_NTP = -1               # the sender has no clock (NTP 0)
    CLOCK_OUT_OF_RANGE = -2         # a time or round trip nobody can mean
    CLOCK_OLD = -3                  # older than the report known, or a worse round trip than known
    CLOCK_UNKNOWN = -4              # nothing to answer from yet

cdef struct ClockBucket:
    int64_t number                  # of the bucket's 5 s, see roundtrip_bucket; -1 empty
    int64_t sender_ns               # sender time of the sample that is kept
    int64_t offset_ns               # arrival minus sender time, the least of the bucket
    int64_t most_ns                 # the same, the most of the bucket

cdef enum ClockBasis:
    BASIS_NONE = 0
    BASIS_ARRIVAL = 1               # the packets' least delay: the way and the coding are in it
    BASIS_REPORT = 2                # the sender's reports

# Zeroed memory is a clock without reports. All times are differences from the first report after a start or
# restart, so that no epoch or NTP era matters.
ctypedef struct SenderClock:
    uint64_t base_ntp
    int64_t base_arrival_ns
    ClockBucket buckets[CLOCK_BUCKETS]
    int64_t reference_ns            # sender time at which `offset_ns` holds
    int64_t offset_ns               # lower bound of arrival minus sender time
    int64_t drift_ppb               # of `offset_ns` over sender time; positive: the sender's clock is slow
    int64_t spread_ns               # how far the least of a bucket lies above the bound, at most
    int64_t span_ns                 # from the oldest to the newest bucket
    int64_t last_arrival_ns
    int64_t held_offset_ns
    int64_t held_arrival_ns
    int64_t rtt_ns                  # 0 while the source is none
    uint8_t held
    uint8_t rtt_source              # RttSource
    uint8_t rtt_stale               # not measured in the minute of the reports
    uint32_t reports                # accepted since the last restart
    uint32_t restarts
    uint32_t refused

# Zeroed memory is a stream that streamclock_init has not named a rate for: it answers nothing.
ctypedef struct StreamClock:
    uint64_t ntp                    # of the last sender report
    uint32_t rtp_timestamp
    int64_t report_arrival_ns
    uint32_t clock_rate
    uint32_t last_timestamp         # of the newest packet
    int64_t ticks                   # of `last_timestamp`, unwrapped, from the first packet on
    int64_t base_arrival_ns         # of the first packet
    int64_t least_ns[2]             # arrival minus RTP time: this window's least, the last window's
    int64_t window_end_ns
    uint32_t astray                 # packets in a row whose RTP time jumped
    uint8_t has_report
    uint8_t has_packet

cdef int64_t drifted(int64_t elapsed_ns, int64_t drift_ppb) noexcept nogil
cdef int64_t ticks_to_ns(int64_t ticks, uint32_t rate) noexcept nogil

cdef void senderclock_init(SenderClock *clock) noexcept nogil
cdef int senderclock_report(
    SenderClock *clock, RoundTrips *trips, uint64_t ntp, int64_t arrival_ns
) noexcept nogil
cdef int senderclock_rtt(
    SenderClock *clock, RoundTrips *trips, int64_t rtt_ns, int source, int64_t now_ns
) noexcept nogil
cdef int64_t senderclock_capture_ns(const SenderClock *clock, uint64_t ntp) noexcept nogil
cdef int64_t senderclock_error_ns(const SenderClock *clock, int64_t now_ns) noexcept nogil

cdef int streamclock_init(StreamClock *stream, uint32_t clock_rate) noexcept nogil
cdef int streamclock_report(
    StreamClock *stream, uint64_t ntp, uint32_t rtp_timestamp, int64_t arrival_ns
) noexcept nogil
cdef void streamclock_packet(StreamClock *stream, uint32_t rtp_timestamp, int64_t arrival_ns) noexcept nogil
cdef int64_t streamclock_capture_ns(
    const StreamClock *stream, const SenderClock *clock, uint32_t rtp_timestamp
) noexcept nogil
cdef int streamclock_rtp_at(
    const StreamClock *stream, const SenderClock *clock, int64_t mono_ns, uint32_t *rtp_timestamp
) noexcept nogil
cdef int streamclock_basis(const StreamClock *stream, const SenderClock *clock) noexcept nogil

cdef class Sender:
    cdef SenderClock *state
    cdef RoundTrips trips

cdef class Stream:
    cdef StreamClock *state
