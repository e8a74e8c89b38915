"""When the packets of a tap were captured, as it is told to their reader; see tapclock.pyx."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from media.plane.senderclock cimport SenderClock, StreamClock

cdef enum:
    TAP_CLOCK_BYTES = 64

# The body of a record of TAP_KIND_CLOCK as it lies in the ring; natural alignment leaves no holes.
ctypedef struct TapClock:
    uint32_t ssrc
    uint32_t timestamp              # the newest that came
    int64_t capture_ns              # of what carries it, on our monotonic clock
    int64_t error_ns                # by how much that may be off
    int64_t rtt_ns                  # to the sender and back; 0 while the source is none
    uint64_t report_ntp             # of its last sender report, as it came; 0: there was none
    int64_t report_arrival_ns
    uint32_t report_timestamp
    uint32_t clock_rate             # ticks a second, by the codec
    int32_t drift_ppb               # how much longer a second of the sender is than one of ours
    uint8_t basis                   # ClockBasis, not none
    uint8_t rtt_source              # RttSource
    uint8_t rtt_stale               # not measured in the minute of the reports
    uint8_t reserved                # 0

# What the reader of a tap knows of one layer; zeroed memory: nothing.
ctypedef struct TapClockTold:
    uint64_t key                    # of the stream; 0: nothing was told
    int64_t told_ns
    TapClock clock

cdef bint tapclock_due(TapClockTold *told, const StreamClock *stream, const SenderClock *sender, uint32_t ssrc,
                       uint64_t key, int64_t now_ns, TapClock *out) noexcept nogil
