# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""What the reader of a tap is told of a stream's capture times, and when.

The reader goes on by itself: the capture time of any timestamp is that of the one it was told, and the ticks between at
the codec's rate and the sender's drift. It is told anew when a sender report came, when what it reckons is more than a
millisecond off, when something else is known of the way or the answer rests on something else, and once a second,
because a reader may have lost what it was told or have died.

The evidence goes with it: the pair of the last sender report as it came, when, and the round trip. Touches only the
structs it is given: no clock, no allocation.
"""

from libc.string cimport memset

from media.plane.roundtrip cimport RTT_NONE
from media.plane.senderclock cimport (
    BASIS_ARRIVAL, BASIS_NONE, MAX_DRIFT_PPB, WAY_UNKNOWN_NS, Sender, Stream, drifted, senderclock_error_ns,
    streamclock_basis, streamclock_capture_ns, ticks_to_ns,
)

cdef enum:
    TELL_NS = 1000000               # what the reader may be off before it is told
    REPEAT_NS = 1000000000


cdef int64_t MAX_TIME_NS = <int64_t>1 << 62


cdef int64_t _error_ns(const StreamClock *stream, const SenderClock *sender, int basis, int64_t now_ns) noexcept nogil:
    """By how much a capture time about now may be off.

    By arrivals, half a second for how the sender coded and held back, and the way. By reports, what the sender's clock
    may be off; what the sampling clock, which may be another crystal, went astray since this stream's own report; and a
    tick, because timestamps are rounded.
    """
    cdef int64_t error_ns, age_ns
    if basis == BASIS_ARRIVAL:
        return WAY_UNKNOWN_NS + sender.rtt_ns // 2
    error_ns = senderclock_error_ns(sender, now_ns) + 1000000000 // <int64_t>stream.clock_rate
    age_ns = now_ns - stream.report_arrival_ns
    return error_ns + drifted(age_ns if age_ns > 0 else 0, MAX_DRIFT_PPB)


cdef bint _read(const StreamClock *stream, const SenderClock *sender, uint32_t ssrc, int64_t now_ns,
                TapClock *out) noexcept nogil:
    """Put down what is known now; False for nothing, or nothing that anybody can mean."""
    cdef int basis = streamclock_basis(stream, sender)
    memset(out, 0, sizeof(TapClock))
    if basis == BASIS_NONE:
        return False
    out.ssrc = ssrc
    out.timestamp = stream.last_timestamp if stream.has_packet else stream.rtp_timestamp
    out.capture_ns = streamclock_capture_ns(stream, sender, out.timestamp)
    out.error_ns = _error_ns(stream, sender, basis, now_ns)
    out.clock_rate = stream.clock_rate
    out.basis = basis
    if basis != BASIS_ARRIVAL:
        out.drift_ppb = <int32_t>sender.drift_ppb
    if sender.rtt_source != RTT_NONE:
        out.rtt_ns = sender.rtt_ns
        out.rtt_source = sender.rtt_source
        out.rtt_stale = sender.rtt_stale
    if stream.has_report:
        out.report_ntp = stream.ntp
        out.report_arrival_ns = stream.report_arrival_ns
        out.report_timestamp = stream.rtp_timestamp
    return 0 <= out.capture_ns <= MAX_TIME_NS and 0 <= out.error_ns <= MAX_TIME_NS


cdef bint _differs(const TapClock *told, const TapClock *now) noexcept nogil:
    """Whether who was told the one must be told the other."""
    cdef int64_t elapsed_ns, off_ns
    if (
        told.ssrc != now.ssrc or told.clock_rate != now.clock_rate or told.basis != now.basis
        or told.report_ntp != now.report_ntp or told.report_arrival_ns != now.report_arrival_ns
        or told.rtt_source != now.rtt_source or told.rtt_stale != now.rtt_stale
    ):
        return True
    elapsed_ns = ticks_to_ns(<int32_t>(now.timestamp - told.timestamp), now.clock_rate)
    off_ns = now.capture_ns - told.capture_ns - elapsed_ns - drifted(elapsed_ns, told.drift_ppb)
    return not -TELL_NS <= off_ns <= TELL_NS


cdef bint tapclock_due(TapClockTold *told, const StreamClock *stream, const SenderClock *sender, uint32_t ssrc,
                       uint64_t key, int64_t now_ns, TapClock *out) noexcept nogil:
    """Put down what is known of a stream; True when the reader is to be told, which the caller notes in `told`."""
    if not _read(stream, sender, ssrc, now_ns, out):
        return False
    return told.key != key or now_ns - told.told_ns >= REPEAT_NS or _differs(&told.clock, out)


assert sizeof(TapClock) == TAP_CLOCK_BYTES

CLOCK_BYTES = TAP_CLOCK_BYTES


cdef class TapClockView:
    """What one reader is told of one stream, for tests and fuzzers; it is written down at once."""

    cdef TapClockTold told

    def tell(self, Stream stream, Sender sender, uint32_t ssrc, uint64_t key, int64_t now_ns):
        """The record's body, or None when there is nothing to tell."""
        cdef TapClock found
        if not tapclock_due(&self.told, stream.state, sender.state, ssrc, key, now_ns, &found):
            return None
        self.told.key = key
        self.told.told_ns = now_ns
        self.told.clock = found
        return (<const char *>&found)[:TAP_CLOCK_BYTES]
