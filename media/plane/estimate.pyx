# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""What may be sent to a viewer: the estimate of its link.

Touches nothing but its struct. The signal is the standing queue, as in LEDBAT (RFC 6817), not its gradient: while it is
long, what is delivered is what the link carries, and the estimate goes below that until the queue is gone. Otherwise it
grows: slowly near the rate at which the link was last full, quickly beyond, and never far beyond what is really sent,
because nothing is known of a link that nobody uses. Loss alone counts when it is more than the link loses by itself;
whether it does is tried: a decrease that does not lessen the loss is taken back.
"""

from libc.stdlib cimport calloc, free
from libc.string cimport memset

from media.plane.linkmeter cimport (
    linkmeter_busy_bps, linkmeter_delivered_bps, linkmeter_feedback, linkmeter_rebase, linkmeter_train_bps,
)
from media.plane.twcc cimport (
    TWCC_RESULTS, TwccHistory, TwccResult, twcc_ahead, twcc_history_init, twcc_receive, twcc_sent,
)

cdef enum:
    QUEUE_LONG_US = 60000           # the link is full
    QUEUE_BAD_US = 150000           # speech suffers
    QUEUE_SHORT_US = 25000          # it is not
    SETTLE_NS = 100000000           # beside the round trip: until a decrease shows
    SHORT_BUCKETS = 8              # 197 ms of arrivals, while the link is full and they never stop
    DRAIN_BUCKETS = 16              # 262 ms, once what is measured is the thinner link alone
    LONG_BUCKETS = 32               # 524 ms, which evens out frames
    LONG_NS = 524000000
    PACKET_BITS = 9600
    # Growth a second near the rate at which the link was full: the same for all who share it, so that shares even out.
    NEAR_BPS = 40000
    NEAR_LEAST_BPS = 20000          # a thin link that is far away would be overrun before that is told
    QUEUE_MORE_US = 50000           # a queue that goes on growing is not waited for
    FALL_BUCKETS = 4                # 66 ms and the newest
    BUSY_BYTES = 3000               # of fewer packets a single one that is lost would make a thinner link
    THIN_BYTES = 600                # of a link that has been full for long: five sounds
    BUSY_BUCKETS = 3                # what was delivered before a queue began says nothing of the link
    SILENT_NS = 1000000000
    STUCK_NS = 3000000000
    OWN_LOSS_NS = 30000000000
    REPAIR_PART = 4
    REPAIR_BYTES = 6000             # in one go, on the thinnest link

cdef double ONE_SECOND_NS = 1e9
cdef double FALLEN = 0.7             # of what it carried, a link carries that has become another one
cdef double OTHER_LINK = 0.4         # two who share a link see trains twice as fast as their share, not more


cdef void estimate_init(Estimate *e, int64_t start_bps, int64_t least_bps, int64_t most_bps) noexcept nogil:
    """Begin anew; `least_bps` is never gone below, `most_bps` never above."""
    memset(e, 0, sizeof(Estimate))
    e.target_bps = start_bps
    e.least_bps = least_bps
    e.most_bps = most_bps


cdef inline void _set(Estimate *e, double bps) noexcept nogil:
    e.target_bps = e.least_bps if bps < e.least_bps else e.most_bps if bps > e.most_bps else <int64_t>bps


cdef inline int64_t _settles_ns(const Estimate *e) noexcept nogil:
    # Behind a queue that has gone the mean is of former times.
    return (e.meter.rtt_ns if e.meter.rtt_ns < e.meter.trip_ns else e.meter.trip_ns) + SETTLE_NS


cdef inline int _busy_buckets(const Estimate *e, int64_t now_ns) noexcept nogil:
    """Return how far may be looked back to see what the link carries: there was a queue, and no picture's end."""
    cdef int64_t buckets = (now_ns - e.full_since_ns) >> 24
    return <int>buckets if buckets < SHORT_BUCKETS else SHORT_BUCKETS


cdef inline int _buckets(const Estimate *e, int64_t now_ns) noexcept nogil:
    """Return how far is looked back for what the link carries now."""
    return DRAIN_BUCKETS if e.draining else _busy_buckets(e, now_ns) if e.full_since_ns else SHORT_BUCKETS


cdef void _decrease(Estimate *e, double carried_bps, int64_t now_ns) noexcept nogil:
    """Go below what the link carries while it is full, the further the longer its queue."""
    cdef double drain = e.meter.queue_us / 1e6
    if drain > 0.4:
        drain = 0.4
    e.capacity_bps = <int64_t>carried_bps
    if carried_bps * (0.95 - drain) < e.target_bps:
        _set(e, carried_bps * (0.95 - drain))
    e.decreased_ns = now_ns
    e.decreased_queue_us = e.meter.queue_us
    e.draining = 1
    e.was_full = 1


cdef void _grow(Estimate *e, double passed_s) noexcept nogil:
    cdef double bps = e.target_bps
    cdef double step = 0.1 * e.capacity_bps
    cdef double most = 1.5 * linkmeter_delivered_bps(&e.meter, LONG_BUCKETS) + 2 * PACKET_BITS
    cdef double train_bps = linkmeter_train_bps(&e.meter)
    if e.capacity_bps and (bps > 1.15 * e.capacity_bps or OTHER_LINK * train_bps > e.capacity_bps):
        e.capacity_bps = 0
    if 0 < train_bps < bps:
        step = NEAR_BPS             # trains pass no quicker: there is hardly more
    elif not e.was_full or (e.capacity_bps == 0 and 0.8 * train_bps > bps):
        step = bps
    elif e.capacity_bps == 0:
        step = 0.35 * bps
    else:
        step = NEAR_LEAST_BPS if step < NEAR_LEAST_BPS else NEAR_BPS if step > NEAR_BPS else step
    bps += step * passed_s
    if bps > most:
        bps = most
    if bps > e.target_bps:
        _set(e, bps)


cdef bint _loses(Estimate *e, int64_t now_ns) noexcept nogil:
    """Whether more is lost than the link loses by itself; ends a trial."""
    cdef double share = e.meter.loss_share
    cdef double own = e.own_loss
    if e.own_loss and now_ns - e.own_loss_ns > OWN_LOSS_NS:
        e.own_loss = 0
    if e.trial_losses:
        # The window in which the decrease fell belongs to neither side.
        if e.meter.losses < e.trial_losses + 2:
            return False
        e.trial_losses = 0
        if share > 0.6 * e.trial_share:
            e.own_loss = share
            e.own_loss_ns = now_ns
            e.was_full = e.trial_was_full
            if e.trial_bps > e.target_bps:
                _set(e, e.trial_bps)
            return False
    return share > (0.1 if own + 0.08 < 0.1 else own + 0.08)


cdef void _wait_for_queue(Estimate *e, int64_t now_ns) noexcept nogil:
    """A queue that stays whatever is sent is none of ours: the way has become longer, or others fill it."""
    if e.meter.queue_us < QUEUE_SHORT_US:
        e.full_since_ns = 0
    elif e.full_since_ns == 0:
        e.full_since_ns = now_ns
        e.full_queue_us = e.meter.queue_us
    elif e.draining and now_ns - e.full_since_ns > STUCK_NS + 4 * e.meter.rtt_ns:
        if e.meter.queue_us > 0.8 * e.full_queue_us:
            linkmeter_rebase(&e.meter, now_ns)
        e.full_since_ns = 0


cdef inline bint _is_busy(const Estimate *e, int64_t now_ns) noexcept nogil:
    """Whether the link has had a queue for long enough to see what it carries."""
    return e.draining or _busy_buckets(e, now_ns) >= BUSY_BUCKETS


cdef bint _will_be_gone(const Estimate *e, int64_t now_ns) noexcept nogil:
    """Whether the queue will be gone when what is sent now comes to it.

    The newest packet told of found so much; what was sent since stands behind it; meanwhile the link has carried on.
    """
    cdef int64_t behind_ns
    if e.ahead_bytes == 0 or e.capacity_bps == 0:
        return False
    behind_ns = <int64_t>(e.ahead_bytes * 8 * ONE_SECOND_NS / e.capacity_bps)
    return e.meter.newest_queue_us * 1000 + behind_ns < now_ns - e.meter.newest_sent_ns + QUEUE_SHORT_US * 1000


cdef bint _fall(Estimate *e, int64_t now_ns) noexcept nogil:
    """Decrease at once where a link that has just carried more no longer does: its queue grows faster than is told."""
    cdef int64_t busy_bps = linkmeter_busy_bps(&e.meter, FALL_BUCKETS, BUSY_BYTES)
    if busy_bps == 0 or busy_bps > FALLEN * linkmeter_delivered_bps(&e.meter, LONG_BUCKETS):
        return False
    _decrease(e, busy_bps, now_ns)
    return True


cdef void _decide(Estimate *e, int64_t now_ns) noexcept nogil:
    cdef double passed_s = (now_ns - e.updated_ns) / ONE_SECOND_NS if e.updated_ns else 0.0
    cdef bint settled = now_ns - e.decreased_ns >= _settles_ns(e)
    cdef bint loses = _loses(e, now_ns)
    cdef int64_t busy_bps
    e.updated_ns = now_ns
    _wait_for_queue(e, now_ns)
    if e.draining and _will_be_gone(e, now_ns):
        _set(e, estimate_settled(e))
        e.draining = 0
        e.decreased_ns = now_ns
    elif e.meter.queue_us > QUEUE_LONG_US:
        if not _is_busy(e, now_ns):
            if settled:
                _fall(e, now_ns)
            return
        if settled or (e.draining and e.meter.queue_us > e.decreased_queue_us + QUEUE_MORE_US):
            busy_bps = linkmeter_busy_bps(&e.meter, _buckets(e, now_ns), BUSY_BYTES)
            if busy_bps == 0 and now_ns - e.full_since_ns >= LONG_NS:
                busy_bps = linkmeter_busy_bps(&e.meter, LONG_BUCKETS, THIN_BYTES)
            if busy_bps:
                _decrease(e, busy_bps, now_ns)
    elif e.meter.newest_queue_us > QUEUE_LONG_US and settled and _fall(e, now_ns):
        return
    elif loses:
        if settled:
            e.trial_losses = e.meter.losses
            e.trial_share = e.meter.loss_share
            e.trial_bps = e.target_bps
            e.trial_was_full = e.was_full
            _decrease(e, linkmeter_delivered_bps(&e.meter, _buckets(e, now_ns)), now_ns)
    elif e.meter.queue_us < QUEUE_SHORT_US:
        if e.draining:
            _set(e, estimate_settled(e))
            e.draining = 0
        elif not e.draining:
            _grow(e, passed_s if passed_s < 1.0 else 1.0)


cdef void estimate_feedback(
    Estimate *e, const TwccReport *report, const TwccHistory *history, int64_t now_ns
) noexcept nogil:
    """Take one feedback that `twcc_receive` has read, with its results.

    `history`: of what was sent; NULL where others send.
    """
    e.heard_ns = now_ns
    e.sent = history.sent if history != NULL else 0
    linkmeter_feedback(&e.meter, report, now_ns)
    if history != NULL:
        e.ahead_bytes = twcc_ahead(history, e.meter.newest_sequence)
    _decide(e, now_ns)


cdef void estimate_silence(Estimate *e, uint64_t sent, int64_t now_ns) noexcept nogil:
    """Look from time to time whether `sent` packets are told of: in silence what may be sent is halved again and again.

    Before the first word of all nothing is concluded: a viewer may not speak at all.
    """
    if sent == e.sent:
        e.heard_ns = now_ns
    if e.updated_ns == 0 or now_ns - e.heard_ns < SILENT_NS + 2 * e.meter.rtt_ns:
        return
    _set(e, 0.5 * e.target_bps)
    e.capacity_bps = e.capacity_bps // 2
    e.heard_ns = now_ns


cdef int64_t estimate_settled(const Estimate *e) noexcept nogil:
    """Return what may be sent once the queue of now is gone: what is planned with."""
    cdef int64_t settled = e.capacity_bps * 96 // 100
    return settled if e.draining and settled > e.target_bps else e.target_bps


cdef bint estimate_repair(Estimate *e, int size_bytes, int64_t now_ns) noexcept nogil:
    """Tell whether a resend may take so much of the link: all of them together a quarter of it, some in one go.

    What is asked for while a link is full would keep it full, and the less comes the more is asked for: behind a long
    queue nothing is answered, it would come too late. A link that never was full is not spared.
    """
    cdef double bytes_a_second = e.target_bps / 8.0 / REPAIR_PART
    cdef double most = 0.5 * bytes_a_second + REPAIR_BYTES
    if not e.was_full:
        return True
    if e.meter.queue_us > QUEUE_BAD_US:
        return False
    e.repair_bytes += bytes_a_second * (now_ns - e.repair_ns) / ONE_SECOND_NS
    if e.repair_bytes > most:
        e.repair_bytes = most
    e.repair_ns = now_ns
    if e.repair_bytes < size_bytes:
        return False
    e.repair_bytes -= size_bytes
    return True


cdef class Estimator:
    """View of an `Estimate` with the record of what was sent, for tests, tools and fuzzers."""

    cdef Estimate *state
    cdef TwccHistory *history
    cdef TwccResult *results

    def __cinit__(self, start_bps=500_000, least_bps=50_000, most_bps=100_000_000):
        self.state = <Estimate *>calloc(1, sizeof(Estimate))
        self.history = <TwccHistory *>calloc(1, sizeof(TwccHistory))
        self.results = <TwccResult *>calloc(TWCC_RESULTS, sizeof(TwccResult))
        if self.state == NULL or self.history == NULL or self.results == NULL:
            raise MemoryError
        estimate_init(self.state, start_bps, least_bps, most_bps)
        twcc_history_init(self.history, 0)

    def __dealloc__(self):
        free(self.state)
        free(self.history)
        free(self.results)

    def sent(self, now_ns, size_bytes):
        return twcc_sent(self.history, now_ns, size_bytes)

    def receive(self, bytes packet, now_ns):
        """Whether the feedback was believed."""
        cdef TwccReport report
        report.results = self.results
        report.capacity = TWCC_RESULTS
        if twcc_receive(self.history, packet, len(packet), now_ns, &report) != 0:
            return False
        estimate_feedback(self.state, &report, self.history, now_ns)
        return True

    def silence(self, now_ns):
        estimate_silence(self.state, self.history.sent, now_ns)

    @property
    def bps(self):
        return self.state.target_bps

    @property
    def facts(self):
        """What it believes of the link, for tests and tools."""
        return {
            "queue_us": self.state.meter.queue_us, "loss": self.state.meter.loss_share,
            "own_loss": self.state.own_loss, "rtt_ns": self.state.meter.rtt_ns,
            "capacity_bps": self.state.capacity_bps, "train_bps": linkmeter_train_bps(&self.state.meter),
            "delivered_bps": linkmeter_delivered_bps(&self.state.meter, LONG_BUCKETS),
            "draining": self.state.draining, "was_full": bool(self.state.was_full),
            "settled_bps": estimate_settled(self.state),
        }


ESTIMATE_BYTES = sizeof(Estimate)
