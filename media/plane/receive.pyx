# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, freethreading_compatible=False
"""Account for one inbound RTP stream (one SSRC): order, loss, jitter, NACK schedule, receiver report.

The core widens 16-bit sequence numbers to extended ones that never repeat, not even when a publisher restarts its
numbering, because cache, rewriting and so the SRTP nonces downstream are keyed by them. It touches only the struct it
is given: no clock, no allocation, no Python object. Times are monotonic nanoseconds.

The first packet gets 65536 + sequence, so that a few earlier ones can still come without a negative number.
Obligations of the owner: one thread; call `receive_nacks` when `receive_nack_timer` falls due; send a PLI (video) and
clear `needs_keyframe` when that is set; read and clear `answered_ns`; take a packet decapsulated from RTX to
`receive_recovered`, never to `receive_packet`, or the report would hide the loss (RFC 4588 makes the retransmissions a
stream of its own).
"""

from libc.string cimport memmove, memset

cdef enum:
    # RFC 3550 A.1
    MAX_DROPOUT = 3000
    MIN_SEQUENTIAL = 2
    MAX_MISORDER = 100
    # A publisher that restarted may land a little behind where it was. Such packets look like stragglers; this many
    # consecutive ones with nothing new between them do not happen by reordering.
    STRAGGLER_ZONE = 8192
    STRAGGLER_RUN = 32
    # A retransmission this far ahead is the lost tail of a burst; farther, it is of the numbering before a restart.
    MAX_RECOVERED_AHEAD = 128
    MAX_TRIES = 10
    MAX_CUMULATIVE_LOST = 0x7fffff
    # A larger step is a new timestamp base, not jitter.
    MAX_TRANSIT_STEP_S = 5

cdef int64_t SECOND_NS = 1_000_000_000
cdef int64_t REORDER_GRACE_NS = 5_000_000
cdef int64_t MIN_RETRY_NS = 20_000_000
cdef int64_t MAX_AGE_NS = 1_000_000_000
# Assumed while the round trip is not measured: asking every 20 ms would spend all tries on a satellite's first answer.
cdef int64_t UNKNOWN_RTT_NS = 100_000_000


cdef void receive_init(ReceiveState *s, uint32_t clock_rate) noexcept nogil:
    """Begin an empty stream. `clock_rate` in Hz; 0 leaves jitter at 0."""
    memset(s, 0, sizeof(ReceiveState))
    s.clock_rate = clock_rate
    s.nack_enabled = 1
    s.retry_ns = UNKNOWN_RTT_NS


cdef inline bint _seen(const ReceiveState *s, int64_t ext) noexcept nogil:
    return (s.window[(ext >> 6) & (RECEIVE_WINDOW_WORDS - 1)] >> (ext & 63)) & 1


cdef inline void _mark(ReceiveState *s, int64_t ext) noexcept nogil:
    s.window[(ext >> 6) & (RECEIVE_WINDOW_WORDS - 1)] |= (<uint64_t>1) << (ext & 63)


cdef void _clear_window(ReceiveState *s, int64_t first_ext, int64_t count) noexcept nogil:
    cdef int64_t ext
    if count >= RECEIVE_WINDOW:
        memset(s.window, 0, sizeof(s.window))
        return
    for ext in range(first_ext, first_ext + count):
        s.window[(ext >> 6) & (RECEIVE_WINDOW_WORDS - 1)] &= ~((<uint64_t>1) << (ext & 63))


cdef void _abandon_oldest(ReceiveState *s, int64_t count) noexcept nogil:
    s.missing_count -= <int32_t>count
    memmove(&s.missing[0], &s.missing[count], s.missing_count * sizeof(Missing))
    s.gave_up += count
    s.needs_keyframe = 1


cdef void _note_missing(ReceiveState *s, int index, int64_t first_ext, int64_t count, int64_t now_ns) noexcept nogil:
    """Fill `count` places from `index`, which are the caller's to overwrite."""
    cdef int64_t i
    cdef Missing *m
    for i in range(count):
        m = &s.missing[index + i]
        m.ext = first_ext + i
        m.first_ns = now_ns
        m.last_sent_ns = 0
        m.noticed_at = s.advances
        m.tries = 0
    s.missing_count += <int32_t>count


cdef void _note_gap(ReceiveState *s, int64_t first_ext, int64_t count, int64_t now_ns) noexcept nogil:
    cdef int64_t excess = s.missing_count + count - RECEIVE_MISSING
    if count > RECEIVE_MISSING:
        _abandon_oldest(s, s.missing_count)
        s.gave_up += count
        return
    if excess > 0:
        _abandon_oldest(s, excess)
    _note_missing(s, s.missing_count, first_ext, count, now_ns)


cdef int _find_missing(const ReceiveState *s, int64_t ext) noexcept nogil:
    """Return where a hole stands in the list, or -1."""
    cdef int low = 0
    cdef int high = s.missing_count
    cdef int middle
    while low < high:
        middle = (low + high) >> 1
        if s.missing[middle].ext < ext:
            low = middle + 1
        else:
            high = middle
    return low if low < s.missing_count and s.missing[low].ext == ext else -1


cdef void _forget_missing(ReceiveState *s, int64_t ext) noexcept nogil:
    cdef int at = _find_missing(s, ext)
    if at >= 0:
        s.missing_count -= 1
        memmove(&s.missing[at], &s.missing[at + 1], (s.missing_count - at) * sizeof(Missing))


cdef void _note_answer(ReceiveState *s, int64_t ext, int64_t now_ns) noexcept nogil:
    """Measure from a NACK to its answer. Asked for twice, a packet does not tell which NACK it answers (Karn); and only
    an RTX packet is an answer for certain: under the stream's own SSRC it may be a straggler."""
    cdef int at = _find_missing(s, ext)
    cdef int64_t passed_ns
    if at < 0 or s.missing[at].tries != 1:
        return
    passed_ns = now_ns - s.missing[at].last_sent_ns
    if passed_ns > 0 and (s.answered_ns == 0 or passed_ns < s.answered_ns):
        s.answered_ns = passed_ns


cdef inline void _advance(ReceiveState *s, int64_t ahead, int64_t now_ns) noexcept nogil:
    cdef int64_t first_lost = s.highest_ext + 1
    _clear_window(s, first_lost, ahead)
    s.highest_ext += ahead
    _mark(s, s.highest_ext)
    s.advances += 1
    s.run_length = 0
    if ahead > 1:
        _note_gap(s, first_lost, ahead - 1, now_ns)


cdef inline void _update_jitter(ReceiveState *s, uint32_t rtp_timestamp, int64_t now_ns) noexcept nogil:
    """RFC 3550 A.8, for packets in order only: a retransmission's delay is not the network's jitter."""
    cdef uint32_t arrival = <uint32_t>((now_ns / SECOND_NS) * s.clock_rate
                                       + (now_ns % SECOND_NS) * s.clock_rate / SECOND_NS)
    cdef uint32_t transit = arrival - rtp_timestamp
    cdef int64_t step = <int32_t>(transit - s.transit)
    if step < 0:
        step = -step
    if s.transit_known and step < <int64_t>s.clock_rate * MAX_TRANSIT_STEP_S:
        s.jitter_q4 += <uint32_t>step - ((s.jitter_q4 + 8) >> 4)
    s.transit = transit
    s.transit_known = 1


cdef int _fill(ReceiveState *s, int64_t ext, int64_t now_ns) noexcept nogil:
    """Take a packet at or behind the highest, inside the window."""
    cdef int64_t before = s.base_ext - ext
    if before > MAX_MISORDER:
        return RECEIVE_TOO_OLD
    if _seen(s, ext):
        return RECEIVE_DUPLICATE
    _mark(s, ext)
    if before > 0:
        s.base_ext = ext
        if before > 1 and s.missing_count + before - 1 <= RECEIVE_MISSING:
            memmove(&s.missing[before - 1], &s.missing[0], s.missing_count * sizeof(Missing))
            _note_missing(s, 0, ext + 1, before - 1, now_ns)
    elif s.missing_count:
        _forget_missing(s, ext)
    return RECEIVE_LATE


cdef bint _run_confirms(ReceiveState *s, uint16_t sequence, uint32_t needed) noexcept nogil:
    """Count consecutive unusable numbers; say whether they are the publisher's new numbering (RFC 3550 A.1)."""
    if s.run_length and sequence == s.run_next:
        s.run_length += 1
    else:
        s.run_length = 1
    s.run_next = <uint16_t>(sequence + 1)
    return s.run_length >= needed


cdef void _begin_epoch(ReceiveState *s, int64_t highest_ext, int64_t run_length, int64_t now_ns) noexcept nogil:
    """Start counting anew at a run of packets of which all but the last were dropped, and ask for those."""
    memset(s.window, 0, sizeof(s.window))
    s.highest_ext = highest_ext
    s.base_ext = highest_ext - (run_length - 1)
    s.cycle_ext = s.base_ext & ~<int64_t>0xffff
    _mark(s, highest_ext)
    s.advances += 1
    s.run_length = 0
    s.transit_known = 0
    s.jitter_q4 = 0
    s.received = run_length
    s.expected_prior = 0
    s.received_prior = 0
    s.gave_up += s.missing_count
    s.missing_count = 0
    if run_length > 1:
        _note_gap(s, s.base_ext, run_length - 1, now_ns)


cdef int _restart(ReceiveState *s, uint16_t sequence, uint32_t rtp_timestamp, int64_t now_ns,
                  int64_t *ext) noexcept nogil:
    # Two cycles on, even the packets before the restart's first one cannot meet a number already given.
    ext[0] = (((s.highest_ext >> 16) + 2) << 16) | sequence
    _begin_epoch(s, ext[0], s.run_length, now_ns)
    _update_jitter(s, rtp_timestamp, now_ns)
    s.restarts += 1
    s.needs_keyframe = 1
    return RECEIVE_RESTART


cdef int receive_packet(ReceiveState *s, uint16_t sequence, uint32_t rtp_timestamp, int64_t now_ns,
                        int64_t *ext) noexcept nogil:
    """Account for one packet of the stream's own SSRC; return a Verdict and its extended number (-1 when dropped as
    too old or on probation)."""
    cdef uint16_t ahead = <uint16_t>(sequence - <uint16_t>s.highest_ext)
    cdef uint16_t behind = <uint16_t>-ahead
    cdef int verdict
    if not s.started:
        s.started = 1
        ext[0] = 65536 + <int64_t>sequence
        _begin_epoch(s, ext[0], 1, now_ns)
        _update_jitter(s, rtp_timestamp, now_ns)
        return RECEIVE_NEW
    if 0 < ahead < MAX_DROPOUT:
        s.received += 1
        ext[0] = s.highest_ext + ahead
        _advance(s, ahead, now_ns)
        _update_jitter(s, rtp_timestamp, now_ns)
        return RECEIVE_NEW
    if behind >= STRAGGLER_ZONE:
        if _run_confirms(s, sequence, MIN_SEQUENTIAL):
            return _restart(s, sequence, rtp_timestamp, now_ns, ext)
        s.probations += 1
        ext[0] = -1
        return RECEIVE_PROBATION
    verdict = RECEIVE_TOO_OLD
    ext[0] = s.highest_ext - behind
    if behind < RECEIVE_WINDOW:
        verdict = _fill(s, ext[0], now_ns)
    if verdict == RECEIVE_LATE:
        s.late += 1
        s.received += 1
        return verdict
    if _run_confirms(s, sequence, STRAGGLER_RUN):
        return _restart(s, sequence, rtp_timestamp, now_ns, ext)
    if verdict == RECEIVE_DUPLICATE:
        s.duplicates += 1
        s.received += 1
    else:
        s.too_old += 1
        ext[0] = -1
    return verdict


cdef int receive_recovered(ReceiveState *s, uint16_t sequence, int64_t now_ns, int64_t *ext) noexcept nogil:
    """Account for a packet that came by RTX under its original `sequence`; the report still counts it as lost."""
    cdef uint16_t ahead = <uint16_t>(sequence - <uint16_t>s.highest_ext)
    cdef uint16_t behind = <uint16_t>-ahead
    cdef int verdict = RECEIVE_TOO_OLD
    if s.started and 0 < ahead <= MAX_RECOVERED_AHEAD:
        _advance(s, ahead, now_ns)
        ext[0] = s.highest_ext
        s.recovered += 1
        return RECEIVE_NEW
    ext[0] = s.highest_ext - behind
    if s.started and behind < RECEIVE_WINDOW:
        _note_answer(s, ext[0], now_ns)
        verdict = _fill(s, ext[0], now_ns)
    if verdict == RECEIVE_LATE:
        s.recovered += 1
    elif verdict == RECEIVE_DUPLICATE:
        s.duplicates += 1
    else:
        s.too_old += 1
        ext[0] = -1
    return verdict


cdef bint receive_lacks(const ReceiveState *s, uint16_t sequence) noexcept nogil:
    """Whether `receive_recovered` would take a packet of this number: it has not come, and may still."""
    cdef uint16_t ahead = <uint16_t>(sequence - <uint16_t>s.highest_ext)
    cdef uint16_t behind = <uint16_t>-ahead
    if not s.started or 0 < ahead <= MAX_RECOVERED_AHEAD:
        return s.started
    return behind < RECEIVE_WINDOW and s.highest_ext - behind > s.base_ext and not _seen(s, s.highest_ext - behind)


cdef inline int64_t _due_ns(const ReceiveState *s, const Missing *m) noexcept nogil:
    cdef int64_t due
    if m.tries == 0:
        # The packet that showed the hole was the first later one; another makes reordering unlikely.
        return m.first_ns if s.advances > m.noticed_at else m.first_ns + REORDER_GRACE_NS
    due = m.last_sent_ns + s.retry_ns
    return due if due < m.first_ns + MAX_AGE_NS else m.first_ns + MAX_AGE_NS


cdef int receive_nacks(ReceiveState *s, int64_t now_ns, int64_t rtt_ns, uint16_t *out, int capacity) noexcept nogil:
    """Write the sequence numbers to ask for now, ascending, and return how many; give up hopeless ones.

    Without `nack_enabled` nothing is asked for, and a hole is given up when it is no mere reordering.
    `rtt_ns` <= 0 means not measured. Numbers beyond `capacity` stay due.
    """
    cdef int kept = 0
    cdef int asked = 0
    cdef int i
    cdef int64_t due
    cdef Missing *m
    if rtt_ns <= 0:
        rtt_ns = UNKNOWN_RTT_NS
    elif rtt_ns > MAX_AGE_NS:
        rtt_ns = MAX_AGE_NS
    s.retry_ns = rtt_ns + (rtt_ns >> 2)
    if s.retry_ns < MIN_RETRY_NS:
        s.retry_ns = MIN_RETRY_NS
    for i in range(s.missing_count):
        m = &s.missing[i]
        due = _due_ns(s, m)
        if (now_ns - m.first_ns >= MAX_AGE_NS
                or (now_ns >= due and (m.tries >= MAX_TRIES or not s.nack_enabled))
                or m.ext <= s.highest_ext - RECEIVE_WINDOW):
            s.gave_up += 1
            s.needs_keyframe = 1
            continue
        if now_ns >= due and asked < capacity:
            out[asked] = <uint16_t>m.ext
            asked += 1
            m.tries += 1
            m.last_sent_ns = now_ns
        if kept != i:
            s.missing[kept] = m[0]
        kept += 1
    s.missing_count = kept
    return asked


cdef int64_t receive_nack_timer(const ReceiveState *s) noexcept nogil:
    """Return when `receive_nacks` next has something to do, or -1. May lie in the past: then it is due now."""
    cdef int64_t earliest = -1
    cdef int64_t due
    cdef int i
    for i in range(s.missing_count):
        due = _due_ns(s, &s.missing[i])
        if earliest < 0 or due < earliest:
            earliest = due
    return earliest


cdef void receive_report(ReceiveState *s, int64_t now_ns, ReceiveReport *out) noexcept nogil:
    """Fill a report block and begin the next interval (RFC 3550 A.3). All zero before the first packet."""
    cdef int64_t expected
    cdef int64_t expected_interval
    cdef int64_t lost_interval
    cdef int64_t lost
    memset(out, 0, sizeof(ReceiveReport))
    if not s.started:
        return
    expected = s.highest_ext - s.base_ext + 1
    lost = expected - s.received
    if lost > MAX_CUMULATIVE_LOST:
        lost = MAX_CUMULATIVE_LOST
    elif lost < -MAX_CUMULATIVE_LOST - 1:
        lost = -MAX_CUMULATIVE_LOST - 1
    out.cumulative_lost = <int32_t>lost
    expected_interval = expected - s.expected_prior
    lost_interval = expected_interval - (s.received - s.received_prior)
    s.expected_prior = expected
    s.received_prior = s.received
    if expected_interval > 0 and lost_interval > 0:
        lost_interval = (lost_interval << 8) / expected_interval
        out.fraction_lost = <uint8_t>(lost_interval if lost_interval < 255 else 255)
    # Cycles are counted from the epoch's first packet, as A.1's init_seq does.
    out.highest_sequence = <uint32_t>(s.highest_ext - s.cycle_ext)
    out.jitter = s.jitter_q4 >> 4


VERDICTS = ("new", "late", "restart", "duplicate", "too_old", "probation")


cdef class ReceiveView:
    """View for tests, tools and fuzzers; the plane calls the functions above."""

    cdef ReceiveState state

    def __cinit__(self, uint32_t clock_rate):
        receive_init(&self.state, clock_rate)

    def packet(self, uint16_t sequence, uint32_t rtp_timestamp, int64_t now_ns):
        cdef int64_t ext = 0
        cdef int verdict = receive_packet(&self.state, sequence, rtp_timestamp, now_ns, &ext)
        return VERDICTS[verdict], ext

    def recovered(self, uint16_t sequence, int64_t now_ns):
        cdef int64_t ext = 0
        cdef int verdict = receive_recovered(&self.state, sequence, now_ns, &ext)
        return VERDICTS[verdict], ext

    def run(self, uint16_t first_sequence, int64_t count, int64_t step=1):
        """Feed `count` packets in order, 10 ms and `step` numbers apart; return the last extended number."""
        cdef int64_t ext = 0
        cdef int64_t i
        with nogil:
            for i in range(count):
                receive_packet(
                    &self.state, <uint16_t>(first_sequence + i * step), <uint32_t>(i * 900), i * 10_000_000, &ext
                )
        return ext

    def nacks(self, int64_t now_ns, int64_t rtt_ns=0, int capacity=RECEIVE_MISSING):
        cdef uint16_t out[RECEIVE_MISSING]
        cdef int count = receive_nacks(&self.state, now_ns, rtt_ns, out, min(capacity, RECEIVE_MISSING))
        return [out[i] for i in range(count)]

    def nack_timer(self):
        return receive_nack_timer(&self.state)

    def report(self, int64_t now_ns):
        cdef ReceiveReport report
        receive_report(&self.state, now_ns, &report)
        return report.fraction_lost, report.cumulative_lost, report.highest_sequence, report.jitter

    def counters(self):
        """Return every counter by its name in the struct."""
        return {
            "received": self.state.received, "late": self.state.late, "recovered": self.state.recovered,
            "duplicates": self.state.duplicates, "too_old": self.state.too_old,
            "probations": self.state.probations, "restarts": self.state.restarts, "gave_up": self.state.gave_up,
        }

    def answered(self):
        """Take the least time from a NACK to its RTX since the last look, 0 for none; the owner does the same."""
        answered_ns = self.state.answered_ns
        self.state.answered_ns = 0
        return answered_ns

    @property
    def missing(self):
        return [self.state.missing[i].ext for i in range(self.state.missing_count)]

    @property
    def highest_ext(self):
        return self.state.highest_ext

    @property
    def nack_enabled(self):
        return bool(self.state.nack_enabled)

    @nack_enabled.setter
    def nack_enabled(self, bint value):
        self.state.nack_enabled = value

    @property
    def needs_keyframe(self):
        return bool(self.state.needs_keyframe)

    @needs_keyframe.setter
    def needs_keyframe(self, bint value):
        self.state.needs_keyframe = value
