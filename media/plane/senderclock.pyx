# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, freethreading_compatible=False
"""A sender's clock and its streams' RTP clocks on our monotonic clock; integers only, no clock is read.

A sender report says "my clock showed `ntp`" and arrives later: arrival minus sender time is the offset of
the two clocks plus the way. The least of it over a minute is the offset plus the shortest way; half of the
round trip of the same minute (roundtrip.pyx), where known, is taken for the way. The least is kept per bucket of 5 s,
and a line is laid below the buckets, because a sender's crystal may be 500 ppm off, 30 ms a minute. A step of the
sender's clock (NTP, a person), or of the way, moves the offset at once by more than queues explain: a second report a
little later confirms it, and the estimate starts anew.
"""

from libc.stdlib cimport free, malloc
from libc.string cimport memset

from media.plane.roundtrip cimport (
    RTT_NONE, roundtrip_bucket, roundtrip_forget, roundtrip_least, roundtrip_note,
)

cdef enum:
    MIN_DRIFT_BUCKETS = 4           # below, noise would be taken for drift
    MAX_SLOPES = 66                 # pairs of 12 buckets
    DRIFT_DOUBT_PPB = 150000        # of an estimated drift, for the error bound
    ASTRAY_PACKETS = 10             # then the RTP clock did jump

cdef int64_t BUCKET_NS = 5 * 1000000000LL
cdef int64_t STEP_NS = 1000000000
cdef int64_t CONFIRM_AFTER_NS = 200000000      # reports of one compound arrive together and confirm nothing
cdef int64_t CONFIRM_WITHIN_NS = 250000000
cdef int64_t FIRST_SPREAD_NS = 100000000        # jitter that few reports cannot show
cdef int64_t WINDOW_NS = 5 * 1000000000LL
cdef int64_t ASTRAY_NS = 2 * 1000000000LL
cdef int64_t PIPELINE_NS = 30 * 1000000000LL    # no capture, coding and sending takes longer
cdef int64_t REORDERED_NS = 10 * 1000000000LL
cdef int64_t MAX_TIME_NS = <int64_t>1 << 62
cdef int64_t SECOND_NS = 1000000000


cdef inline int64_t ntp_difference_ns(uint64_t ntp, uint64_t base) noexcept nogil:
    """Signed, over the era edge; within 68 years."""
    cdef int64_t difference = <int64_t>(ntp - base)
    cdef uint64_t fraction_ns = (<uint64_t><uint32_t>difference * <uint64_t>SECOND_NS) >> 32
    return (difference >> 32) * SECOND_NS + <int64_t>fraction_ns


cdef inline int64_t clamp(int64_t value, int64_t limit) noexcept nogil:
    return limit if value > limit else -limit if value < -limit else value


cdef int64_t drifted(int64_t elapsed_ns, int64_t drift_ppb) noexcept nogil:
    """What a drift makes of a time, to a nanosecond; without overflow for any drift we believe."""
    return clamp(elapsed_ns, <int64_t>1 << 53) // 1000 * drift_ppb // 1000000


cdef inline int64_t line_at(const SenderClock *clock, int64_t sender_ns) noexcept nogil:
    return clock.offset_ns + drifted(sender_ns - clock.reference_ns, clock.drift_ppb)


cdef void senderclock_init(SenderClock *clock) noexcept nogil:
    memset(clock, 0, sizeof(SenderClock))


cdef void begin(SenderClock *clock, uint64_t ntp, int64_t arrival_ns) noexcept nogil:
    """Start from one report; the drift of the crystal and the round trip stay known."""
    cdef int64_t number = roundtrip_bucket(arrival_ns)
    cdef int i
    for i in range(CLOCK_BUCKETS):
        clock.buckets[i].number = -1
    clock.base_ntp = ntp
    clock.base_arrival_ns = arrival_ns
    i = number % CLOCK_BUCKETS
    clock.buckets[i].number = number
    clock.buckets[i].sender_ns = 0
    clock.buckets[i].offset_ns = 0
    clock.buckets[i].most_ns = 0
    clock.reference_ns = 0
    clock.offset_ns = 0
    clock.spread_ns = 0
    clock.span_ns = 0
    clock.last_arrival_ns = arrival_ns
    clock.held = 0
    clock.reports = 1


cdef int hold(
    SenderClock *clock, RoundTrips *trips, uint64_t ntp, int64_t offset_ns, int64_t arrival_ns
) noexcept nogil:
    """Keep a report aside that is a step off; restart when an earlier one said the same."""
    cdef bint same = clock.held and -CONFIRM_WITHIN_NS < offset_ns - clock.held_offset_ns < CONFIRM_WITHIN_NS
    if not same:
        clock.held = 1
        clock.held_offset_ns = offset_ns
        clock.held_arrival_ns = arrival_ns
        return CLOCK_HELD
    if arrival_ns - clock.held_arrival_ns < CONFIRM_AFTER_NS:
        return CLOCK_HELD
    begin(clock, ntp, arrival_ns)
    # It may be the way that is another. What is known of it serves until the next measurement, but for what it is.
    roundtrip_forget(trips)
    clock.rtt_stale = 1
    clock.restarts += 1
    return CLOCK_RESTARTED


cdef int64_t median_slope_ppb(const SenderClock *clock, int64_t newest) noexcept nogil:
    """Theil-Sen over the buckets that `newest` leaves in the window; 0 when they are too few."""
    cdef int64_t slopes[MAX_SLOPES]
    cdef int64_t elapsed_ns, slope
    cdef int filled = 0, n = 0
    cdef int i, j, at
    for i in range(CLOCK_BUCKETS):
        if clock.buckets[i].number <= newest - CLOCK_BUCKETS or clock.buckets[i].number < 0:
            continue
        filled += 1
        for j in range(i):
            if clock.buckets[j].number <= newest - CLOCK_BUCKETS or clock.buckets[j].number < 0:
                continue
            elapsed_ns = clock.buckets[i].sender_ns - clock.buckets[j].sender_ns
            if elapsed_ns == 0:
                continue
            slope = clamp(clock.buckets[i].offset_ns - clock.buckets[j].offset_ns, 9 * SECOND_NS)
            slope = slope * SECOND_NS // elapsed_ns
            at = n
            while at > 0 and slopes[at - 1] > slope:
                slopes[at] = slopes[at - 1]
                at -= 1
            slopes[at] = slope
            n += 1
    if filled < MIN_DRIFT_BUCKETS or n == 0:
        return 0
    return clamp(slopes[n // 2], MAX_DRIFT_PPB)


cdef int64_t lay_line(SenderClock *clock, int64_t newest, int64_t drift_ppb) noexcept nogil:
    """Put the line of that drift below the buckets; the mean height of the buckets above it."""
    cdef int64_t height_ns, oldest_ns = 0, latest_ns = 0
    cdef int64_t least_ns = 0, most_ns = 0, sum_ns = 0, range_ns = 0
    cdef int i
    cdef int n = 0
    for i in range(CLOCK_BUCKETS):
        if clock.buckets[i].number <= newest - CLOCK_BUCKETS or clock.buckets[i].number < 0:
            continue
        height_ns = clock.buckets[i].offset_ns
        height_ns -= drifted(clock.buckets[i].sender_ns - clock.reference_ns, drift_ppb)
        if n == 0 or height_ns < least_ns:
            least_ns = height_ns
        if n == 0 or height_ns > most_ns:
            most_ns = height_ns
        if n == 0 or clock.buckets[i].sender_ns < oldest_ns:
            oldest_ns = clock.buckets[i].sender_ns
        if n == 0 or clock.buckets[i].sender_ns > latest_ns:
            latest_ns = clock.buckets[i].sender_ns
        if clock.buckets[i].most_ns - clock.buckets[i].offset_ns > range_ns:
            range_ns = clock.buckets[i].most_ns - clock.buckets[i].offset_ns
        sum_ns += height_ns
        n += 1
    clock.drift_ppb = drift_ppb
    clock.offset_ns = least_ns
    # While buckets are few, their reports show what their minima cannot.
    clock.spread_ns = most_ns - least_ns if most_ns - least_ns > range_ns // n else range_ns // n
    clock.span_ns = latest_ns - oldest_ns
    return sum_ns // n - least_ns


cdef void fit(SenderClock *clock, int64_t newest) noexcept nogil:
    """Estimate the drift, believe it as far as it stands out of the noise, and lay the line."""
    cdef int64_t slope = median_slope_ppb(clock, newest)
    cdef int64_t noise_ppb, signal
    cdef int64_t mean_ns
    if slope == 0:
        lay_line(clock, newest, clock.drift_ppb if clock.span_ns < MIN_DRIFT_BUCKETS * BUCKET_NS else 0)
        return
    mean_ns = lay_line(clock, newest, slope)
    noise_ppb = clamp(mean_ns, STEP_NS) * SECOND_NS // clock.span_ns if clock.span_ns > 0 else MAX_DRIFT_PPB
    noise_ppb = clamp(noise_ppb, STEP_NS)
    signal = slope * slope
    lay_line(clock, newest, slope * (signal // 1000) // ((signal + noise_ppb * noise_ppb) // 1000 + 1))


cdef void take_round_trip(SenderClock *clock, const RoundTrips *trips, int64_t now_ns) noexcept nogil:
    """Use the round trip of the minute in which the offset was seen; the last known when none was measured in it."""
    cdef int64_t newest_ns = clock.last_arrival_ns if clock.reports > 0 else now_ns
    cdef int64_t rtt_ns = 0
    cdef int source = roundtrip_least(trips, roundtrip_bucket(newest_ns), &rtt_ns)
    clock.rtt_stale = source == RTT_NONE
    if source != RTT_NONE:
        clock.rtt_ns = rtt_ns
        clock.rtt_source = source


cdef int senderclock_report(
    SenderClock *clock, RoundTrips *trips, uint64_t ntp, int64_t arrival_ns
) noexcept nogil:
    """Take a sender report that arrived at `arrival_ns`; a `ClockAnswer`, negative ones without effect."""
    cdef int64_t sender_ns, offset_ns, number
    cdef ClockBucket *bucket
    if ntp == 0:
        clock.refused += 1
        return CLOCK_NO_NTP
    if arrival_ns < 0 or arrival_ns > MAX_TIME_NS:
        clock.refused += 1
        return CLOCK_OUT_OF_RANGE
    if clock.reports == 0:
        begin(clock, ntp, arrival_ns)
        return CLOCK_ACCEPTED
    if arrival_ns < clock.last_arrival_ns:
        clock.refused += 1
        return CLOCK_OLD
    sender_ns = ntp_difference_ns(ntp, clock.base_ntp)
    offset_ns = arrival_ns - clock.base_arrival_ns - sender_ns
    if not -STEP_NS <= offset_ns - line_at(clock, sender_ns) <= STEP_NS:
        return hold(clock, trips, ntp, offset_ns, arrival_ns)
    clock.held = 0
    clock.last_arrival_ns = arrival_ns
    clock.reports += 1
    number = roundtrip_bucket(arrival_ns)
    bucket = &clock.buckets[number % CLOCK_BUCKETS]
    if bucket.number != number or offset_ns > bucket.most_ns:
        bucket.most_ns = offset_ns
    if (
        bucket.number != number
        or offset_ns - line_at(clock, sender_ns) < bucket.offset_ns - line_at(clock, bucket.sender_ns)
    ):
        bucket.number = number
        bucket.sender_ns = sender_ns
        bucket.offset_ns = offset_ns
    clock.offset_ns = line_at(clock, sender_ns)
    clock.reference_ns = sender_ns
    fit(clock, number)
    take_round_trip(clock, trips, arrival_ns)
    return CLOCK_ACCEPTED


cdef int senderclock_rtt(
    SenderClock *clock, RoundTrips *trips, int64_t rtt_ns, int source, int64_t now_ns
) noexcept nogil:
    """Tell a round trip of the sender's path; CLOCK_OLD while a better one of the minute is in use."""
    if roundtrip_note(trips, rtt_ns, source, now_ns) != 0:
        return CLOCK_OUT_OF_RANGE
    take_round_trip(clock, trips, now_ns)
    return CLOCK_ACCEPTED if clock.rtt_ns == rtt_ns and clock.rtt_source == source else CLOCK_OLD


cdef inline int64_t from_sender(const SenderClock *clock, int64_t sender_ns) noexcept nogil:
    return clock.base_arrival_ns + sender_ns + line_at(clock, sender_ns) - clock.rtt_ns // 2


cdef int64_t senderclock_capture_ns(const SenderClock *clock, uint64_t ntp) noexcept nogil:
    """Our monotonic time when the sender's clock showed `ntp`; -1 before the first report."""
    cdef int64_t mono_ns
    if clock.reports == 0:
        return -1
    mono_ns = from_sender(clock, ntp_difference_ns(ntp, clock.base_ntp))
    return mono_ns if mono_ns >= 0 else -1


cdef int64_t senderclock_error_ns(const SenderClock *clock, int64_t now_ns) noexcept nogil:
    """Estimate how far off `senderclock_capture_ns` is for times about `now_ns`; -1 before the first report.

    The way lies between none and the whole round trip, if that was measured lately; jitter may have touched every
    report by what the buckets differ; the line may lean wrong over its length; and nothing was heard since the last
    report.
    """
    cdef int64_t error_ns, age_ns
    if clock.reports == 0:
        return -1
    error_ns = clock.rtt_ns // 2
    if error_ns < WAY_UNKNOWN_NS and (clock.rtt_source == RTT_NONE or clock.rtt_stale):
        error_ns = WAY_UNKNOWN_NS
    error_ns += clock.spread_ns + FIRST_SPREAD_NS // clock.reports
    if clock.span_ns < MIN_DRIFT_BUCKETS * BUCKET_NS:
        error_ns += drifted(clock.span_ns, MAX_DRIFT_PPB)
    else:
        error_ns += drifted(clock.span_ns, DRIFT_DOUBT_PPB)
    age_ns = now_ns - clock.last_arrival_ns
    return error_ns + drifted(age_ns if age_ns > 0 else -age_ns, MAX_DRIFT_PPB)


cdef int64_t ticks_to_ns(int64_t ticks, uint32_t rate) noexcept nogil:
    return ticks // <int64_t>rate * SECOND_NS + ticks % <int64_t>rate * SECOND_NS // <int64_t>rate


cdef inline uint32_t ns_to_ticks(int64_t time_ns, uint32_t rate) noexcept nogil:
    """Rounded, modulo 2**32."""
    cdef int64_t seconds = time_ns // SECOND_NS
    cdef int64_t rest_ns = time_ns - seconds * SECOND_NS
    cdef uint64_t ticks
    if rest_ns < 0:
        rest_ns += SECOND_NS
        seconds -= 1
    ticks = (<uint64_t>rest_ns * rate + <uint64_t>SECOND_NS // 2) // <uint64_t>SECOND_NS
    return <uint32_t>(<uint64_t>seconds * rate + ticks)


cdef int streamclock_init(StreamClock *stream, uint32_t clock_rate) noexcept nogil:
    """Forget everything; a rate of 0 is refused and leaves a stream that answers nothing."""
    memset(stream, 0, sizeof(StreamClock))
    stream.clock_rate = clock_rate
    return CLOCK_ACCEPTED if clock_rate > 0 else CLOCK_OUT_OF_RANGE


cdef int streamclock_report(
    StreamClock *stream, uint64_t ntp, uint32_t rtp_timestamp, int64_t arrival_ns
) noexcept nogil:
    """Take the (NTP, RTP) pair of a sender report; give the same report to the sender's clock as well."""
    if ntp == 0:
        return CLOCK_NO_NTP
    if stream.clock_rate == 0 or arrival_ns < 0 or arrival_ns > MAX_TIME_NS:
        return CLOCK_OUT_OF_RANGE
    if stream.has_report and -REORDERED_NS < ntp_difference_ns(ntp, stream.ntp) < 0:
        return CLOCK_OLD
    stream.ntp = ntp
    stream.rtp_timestamp = rtp_timestamp
    stream.report_arrival_ns = arrival_ns
    stream.has_report = 1
    return CLOCK_ACCEPTED


cdef void begin_packets(StreamClock *stream, uint32_t rtp_timestamp, int64_t arrival_ns) noexcept nogil:
    stream.last_timestamp = rtp_timestamp
    stream.ticks = 0
    stream.base_arrival_ns = arrival_ns
    stream.least_ns[0] = 0
    stream.least_ns[1] = 0
    stream.window_end_ns = arrival_ns + WINDOW_NS
    stream.astray = 0
    stream.has_packet = 1


cdef inline int64_t least(const StreamClock *stream) noexcept nogil:
    return stream.least_ns[0] if stream.least_ns[0] < stream.least_ns[1] else stream.least_ns[1]


cdef void streamclock_packet(StreamClock *stream, uint32_t rtp_timestamp, int64_t arrival_ns) noexcept nogil:
    """Note a packet: the least of arrival minus RTP time over 5 to 10 s serves while reports are missing."""
    cdef int64_t step = <int32_t>(rtp_timestamp - stream.last_timestamp)
    cdef int64_t height_ns
    if stream.clock_rate == 0 or arrival_ns < 0 or arrival_ns > MAX_TIME_NS:
        return
    if not stream.has_packet:
        begin_packets(stream, rtp_timestamp, arrival_ns)
        return
    height_ns = arrival_ns - stream.base_arrival_ns - ticks_to_ns(stream.ticks + step, stream.clock_rate)
    if not -ASTRAY_NS <= height_ns - least(stream) <= ASTRAY_NS:
        stream.astray += 1
        if stream.astray >= ASTRAY_PACKETS:
            begin_packets(stream, rtp_timestamp, arrival_ns)
        return
    stream.astray = 0
    if step > 0:
        stream.ticks += step
        stream.last_timestamp = rtp_timestamp
    if arrival_ns >= stream.window_end_ns:
        stream.least_ns[1] = stream.least_ns[0]
        if arrival_ns >= stream.window_end_ns + WINDOW_NS:
            stream.least_ns[1] = height_ns
        stream.least_ns[0] = height_ns
        stream.window_end_ns = arrival_ns + WINDOW_NS
    elif height_ns < stream.least_ns[0]:
        stream.least_ns[0] = height_ns


cdef inline int64_t way_ns(const SenderClock *clock) noexcept nogil:
    return clock.rtt_ns // 2 if clock != NULL else 0


cdef inline int64_t by_arrival(
    const StreamClock *stream, const SenderClock *clock, uint32_t rtp_timestamp
) noexcept nogil:
    cdef int64_t ticks = stream.ticks + <int32_t>(rtp_timestamp - stream.last_timestamp)
    return stream.base_arrival_ns + ticks_to_ns(ticks, stream.clock_rate) + least(stream) - way_ns(clock)


cdef int streamclock_basis(const StreamClock *stream, const SenderClock *clock) noexcept nogil:
    """What answers rest on: the report's pair, unless it contradicts the sender's clock or the packets."""
    cdef int64_t sender_ns, offset_ns
    cdef int arrival = BASIS_ARRIVAL if stream.has_packet else BASIS_NONE
    if not stream.has_report or clock == NULL or clock.reports == 0:
        return arrival
    sender_ns = ntp_difference_ns(stream.ntp, clock.base_ntp)
    offset_ns = stream.report_arrival_ns - clock.base_arrival_ns - sender_ns
    if not -STEP_NS <= offset_ns - line_at(clock, sender_ns) <= STEP_NS:
        return arrival      # a step of the sender's clock that only one of the two has seen yet
    if stream.has_packet:
        sender_ns = from_sender(clock, sender_ns) - by_arrival(stream, clock, stream.rtp_timestamp)
        if not -PIPELINE_NS <= sender_ns <= PIPELINE_NS:
            return arrival  # the report's RTP timestamp is not of this stream's clock
    return BASIS_REPORT


cdef int64_t streamclock_capture_ns(
    const StreamClock *stream, const SenderClock *clock, uint32_t rtp_timestamp
) noexcept nogil:
    """Our monotonic time of capture of what carries `rtp_timestamp`; -1 before the first packet and report.

    Within 2**31 ticks of the last report or packet. `clock` may be NULL.
    """
    cdef int basis = streamclock_basis(stream, clock)
    cdef int64_t mono_ns = -1
    if basis == BASIS_ARRIVAL:
        mono_ns = by_arrival(stream, clock, rtp_timestamp)
    elif basis == BASIS_REPORT:
        mono_ns = <int32_t>(rtp_timestamp - stream.rtp_timestamp)
        mono_ns = ticks_to_ns(mono_ns, stream.clock_rate) + ntp_difference_ns(stream.ntp, clock.base_ntp)
        mono_ns = from_sender(clock, mono_ns)
    return mono_ns if mono_ns >= 0 else -1


cdef int streamclock_rtp_at(
    const StreamClock *stream, const SenderClock *clock, int64_t mono_ns, uint32_t *rtp_timestamp
) noexcept nogil:
    """Inverse of streamclock_capture_ns: the timestamp captured at `mono_ns`, for a forwarded report."""
    cdef int basis = streamclock_basis(stream, clock)
    cdef int64_t elapsed_ns
    if basis == BASIS_NONE or mono_ns < 0 or mono_ns > MAX_TIME_NS:
        return CLOCK_UNKNOWN
    if basis == BASIS_ARRIVAL:
        elapsed_ns = mono_ns + way_ns(clock) - least(stream) - stream.base_arrival_ns
        rtp_timestamp[0] = stream.last_timestamp - <uint32_t>stream.ticks
        rtp_timestamp[0] += ns_to_ticks(elapsed_ns, stream.clock_rate)
        return CLOCK_ACCEPTED
    elapsed_ns = mono_ns + clock.rtt_ns // 2 - clock.base_arrival_ns - clock.offset_ns - clock.reference_ns
    elapsed_ns -= drifted(elapsed_ns, clock.drift_ppb * SECOND_NS // (SECOND_NS + clock.drift_ppb))
    elapsed_ns += clock.reference_ns - ntp_difference_ns(stream.ntp, clock.base_ntp)
    rtp_timestamp[0] = stream.rtp_timestamp + ns_to_ticks(elapsed_ns, stream.clock_rate)
    return CLOCK_ACCEPTED


cdef class Sender:
    """View of a `SenderClock` for tests, tools and fuzzers."""

    def __cinit__(self):
        self.state = <SenderClock *>malloc(sizeof(SenderClock))
        if self.state == NULL:
            raise MemoryError
        senderclock_init(self.state)

    def __dealloc__(self):
        free(self.state)

    def report(self, ntp, arrival_ns):
        return senderclock_report(self.state, &self.trips, ntp, arrival_ns)

    def rtt(self, rtt_ns, source, now_ns):
        return senderclock_rtt(self.state, &self.trips, rtt_ns, source, now_ns)

    def capture_ns(self, ntp):
        return senderclock_capture_ns(self.state, ntp)

    def error_ns(self, now_ns):
        return senderclock_error_ns(self.state, now_ns)

    @property
    def state_now(self):
        return {
            "drift_ppb": self.state.drift_ppb, "rtt_ns": self.state.rtt_ns,
            "rtt_source": self.state.rtt_source, "rtt_stale": self.state.rtt_stale, "reports": self.state.reports,
            "restarts": self.state.restarts, "refused": self.state.refused,
        }


cdef class Stream:
    """View of a `StreamClock` for tests, tools and fuzzers; `sender` may be None in every call."""

    def __cinit__(self, clock_rate):
        self.state = <StreamClock *>malloc(sizeof(StreamClock))
        if self.state == NULL:
            raise MemoryError
        streamclock_init(self.state, clock_rate)

    def __dealloc__(self):
        free(self.state)

    def report(self, ntp, rtp_timestamp, arrival_ns):
        return streamclock_report(self.state, ntp, rtp_timestamp, arrival_ns)

    def packet(self, rtp_timestamp, arrival_ns):
        streamclock_packet(self.state, rtp_timestamp, arrival_ns)

    def capture_ns(self, Sender sender, rtp_timestamp):
        return streamclock_capture_ns(self.state, sender.state if sender is not None else NULL, rtp_timestamp)

    def basis(self, Sender sender):
        return streamclock_basis(self.state, sender.state if sender is not None else NULL)

    def rtp_at(self, Sender sender, mono_ns):
        """The timestamp, or None where there is no answer."""
        cdef uint32_t rtp_timestamp = 0
        code = streamclock_rtp_at(
            self.state, sender.state if sender is not None else NULL, mono_ns, &rtp_timestamp
        )
        return rtp_timestamp if code == CLOCK_ACCEPTED else None
