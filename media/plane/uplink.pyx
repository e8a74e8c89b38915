# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""What a publisher without transport-wide feedback may send: its uplink by what arrives, said as REMB.

Touches nothing but its struct. The packets of 50 to 100 ms, with the sending times they carry (abs-send-time), are what
a feedback would have told of them, so the cores of a viewer's link read them as they are: `linkmeter`, `estimate`.
Nothing is said before the uplink was ever found full: until then it is known only as far as the sender has tried it,
and a number would hold it back. From then on the sender is told, also that it may send more again.

The sending times are the publisher's word. Absurd ones make the meter begin anew; they move nothing but its own REMB,
which stays within bounds. What arrived and when is ours.
"""

from libc.stdlib cimport calloc, free
from libc.string cimport memset

from media.plane.estimate cimport estimate_feedback, estimate_init
from media.plane.linkmeter cimport METER_BUCKETS, linkmeter_delivered_bps, linkmeter_feedback
from media.plane.twcc cimport TwccReport

cdef enum:
    STRETCH_NS = 50000000
    PAUSE_NS = 500000000
    FLOW_NS = 600000000             # the rate of arrivals is read over up to 524 ms
    # A tick is 2**-18 s: 1953125/512 ns.
    TICKS = 512
    TICKS_NS = 1953125
    LEAP = 1024                     # a numbering that begins anew is no loss

cdef double FALL = 0.97             # below so much of what was said it is said at once
cdef double UNTRIED = 1.5           # of what arrives, before the uplink was full


cdef void uplink_init(Uplink *uplink, int64_t least_bps, int64_t most_bps) noexcept nogil:
    """Begin anew; no REMB is below `least_bps` or above `most_bps`."""
    memset(uplink, 0, sizeof(Uplink))
    estimate_init(&uplink.estimate, least_bps, least_bps, most_bps)


cdef void _end_stretch(Uplink *uplink, int64_t lost, int64_t rtt_ns, int64_t now_ns) noexcept nogil:
    """Let the estimate read the stretch; `lost` of it, fewer than none when late ones came."""
    cdef Estimate *estimate = &uplink.estimate
    cdef TwccReport report
    cdef int64_t untried
    memset(&report, 0, sizeof(report))
    report.results = uplink.results
    report.count = report.received = uplink.count
    report.lost = <int>lost if lost > 0 else 0
    report.late = <int>-lost if lost < 0 else 0
    # What is told now shows behind what waits already.
    report.round_trip_ns = rtt_ns + estimate.meter.queue_us * 1000 if rtt_ns > 0 else -1
    uplink.count = 0
    if now_ns - uplink.flows_ns < FLOW_NS:
        # In this window there was nothing first: it would be taken for a thin link.
        linkmeter_feedback(&estimate.meter, &report, now_ns)
        return
    estimate_feedback(estimate, &report, NULL, now_ns)
    if not estimate.was_full:
        untried = <int64_t>(UNTRIED * linkmeter_delivered_bps(&estimate.meter, METER_BUCKETS // 2))
        untried = estimate.most_bps if untried > estimate.most_bps else untried
        if untried > estimate.target_bps:
            estimate.target_bps = untried


cdef inline int64_t _delay_ns(Uplink *uplink, uint32_t send_time, int64_t now_ns) noexcept nogil:
    """How much later a packet came than the first one of all, by the sender's clock: within 32 s, modulo 64 s."""
    cdef uint32_t arrived = <uint32_t>(now_ns // TICKS_NS * TICKS + now_ns % TICKS_NS * TICKS // TICKS_NS)
    cdef uint32_t ticks = arrived - send_time
    if not uplink.started:
        uplink.started = 1
        uplink.origin = ticks
    # Eight bits up and down again: the sign of 24 bits.
    return <int64_t>(<int>((ticks - uplink.origin) << 8) >> 8) * TICKS_NS // TICKS


cdef void uplink_packet(
    Uplink *uplink, uint32_t send_time, int size_bytes, bint is_resent, int64_t now_ns
) noexcept nogil:
    """Note a packet that arrived now with this abs-send-time (24 bits of 2**-18 s).

    A resend may carry the time of its first sending: only its bytes count. `now_ns` is our monotonic clock.
    """
    cdef TwccResult *result
    if not is_resent:
        uplink.delay_ns = _delay_ns(uplink, send_time, now_ns)
    elif not uplink.started:
        return
    if uplink.count == UPLINK_PACKETS:
        _end_stretch(uplink, 0, -1, now_ns)
    if uplink.count == 0:
        uplink.began_ns = now_ns
    if now_ns - uplink.newest_ns > PAUSE_NS:
        uplink.flows_ns = now_ns
    uplink.newest_ns = now_ns
    result = &uplink.results[uplink.count]
    result.sent_ns = now_ns - uplink.delay_ns
    result.arrival_us = now_ns // 1000
    result.size_bytes = size_bytes
    result.received = 1
    uplink.count += 1


cdef bint uplink_due(const Uplink *uplink, int64_t now_ns) noexcept nogil:
    """Tell whether there are packets of long enough: then `uplink_lost` is to be called."""
    return uplink.count > 0 and now_ns - uplink.began_ns >= STRETCH_NS


cdef bint uplink_lost(Uplink *uplink, int64_t lost, int64_t rtt_ns, int64_t now_ns) noexcept nogil:
    """End a stretch; `lost`: packets of all streams that are missing so far. `rtt_ns` <= 0: not known.

    Tell whether the sender must hear at once what `uplink_say` says.
    """
    cdef int64_t newly = lost - uplink.lost
    uplink.lost = lost
    _end_stretch(uplink, newly if -LEAP < newly < LEAP else 0, rtt_ns, now_ns)
    if uplink.said_bps == 0:
        return uplink.estimate.was_full
    return uplink.estimate.target_bps < FALL * uplink.said_bps


cdef int64_t uplink_say(Uplink *uplink) noexcept nogil:
    """Return what the next REMB says, bits a second, and take it for said; 0: there is nothing to say."""
    if uplink.said_bps or uplink.estimate.was_full:
        uplink.said_bps = uplink.estimate.target_bps
    return uplink.said_bps


cdef class UplinkMeter:
    """View of an `Uplink` for tests, tools and fuzzers."""

    cdef Uplink *state

    def __cinit__(self, least_bps=50_000, most_bps=1_000_000_000):
        self.state = <Uplink *>calloc(1, sizeof(Uplink))
        if self.state == NULL:
            raise MemoryError
        uplink_init(self.state, least_bps, most_bps)

    def __dealloc__(self):
        free(self.state)

    def packet(self, uint32_t send_time, int size_bytes, int64_t now_ns, bint is_resent=False):
        uplink_packet(self.state, send_time, size_bytes, is_resent, now_ns)

    def lost(self, int64_t lost, int64_t rtt_ns, int64_t now_ns):
        """Whether something must be said at once; False, too, when no stretch ends."""
        return bool(uplink_due(self.state, now_ns) and uplink_lost(self.state, lost, rtt_ns, now_ns))

    def say(self):
        return uplink_say(self.state)


UPLINK_BYTES = sizeof(Uplink)
