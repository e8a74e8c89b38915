# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""What transport-wide feedback says of the link to a viewer: standing queue, delivered rate, loss, trains.

Touches nothing but its struct. The viewer's clock and ours have an offset nobody knows and drift apart by a little: the
least difference between arrival and sending of the last half to whole minute stands for an empty queue. What every
packet of one feedback waited above that is the standing queue; what single packets wait more is their own burst's
doing. Packets that left together and arrive one after another (a train) came at the link's own rate. A packet that
reached the link before the one ahead of it had left it was waited for: from one arrival to the other the link was busy,
and what comes while it is busy comes at the rate that it has for us, whatever stands still in between.

Everything here is the viewer's word and may be made up: it moves only what is sent to that viewer.
"""

from libc.string cimport memset

from media.plane.twcc cimport TwccResult

cdef enum:
    BUCKET_SHIFT = 14               # 16.384 ms
    BASE_NS = 30000000000           # a stretch of the base
    STEP_US = 5000000               # a clock that jumps by more was set, or is made up: begin anew
    LOSSY_US = 110000               # of shorter none where much was lost that may be the link's own loss
    BUSY_US = 30000                 # of shorter no rate is read
    TRAIN_GAP_NS = 2000000          # between packets that left together
    TRAIN_PACKETS = 3
    TRAIN_BYTES = 1500
    TRAIN_US = 500                  # two ticks of the feedback's clock: no train is taken for shorter
    # At five percent a window of thirty packets shows ten percent every other minute.
    LOSS_NS = 1000000000
    LOSS_PACKETS = 60
    FULL_US = 60000

cdef double BUSY_LOST = 3.0          # times the loss of other times: more is lost because there was no room for it
cdef int64_t MOST_BPS = 10000000000


cdef void _deliver(LinkMeter *meter, int64_t sent_ns, int64_t arrival_us, int size_bytes) noexcept nogil:
    """Count one packet, and whether the link was busy between the one before and it."""
    cdef MeterBucket *of
    cdef int64_t bucket = arrival_us >> BUCKET_SHIFT
    cdef int64_t newest = meter.newest_us >> BUCKET_SHIFT
    cdef int64_t clear
    if bucket <= newest - METER_BUCKETS:
        return
    if bucket > newest:
        clear = bucket - METER_BUCKETS if bucket - newest > METER_BUCKETS else newest
        while clear < bucket:
            clear += 1
            memset(&meter.buckets[clear & (METER_BUCKETS - 1)], 0, sizeof(MeterBucket))
    if arrival_us > meter.newest_us:
        meter.newest_us = arrival_us
    of = &meter.buckets[bucket & (METER_BUCKETS - 1)]
    of.bytes += size_bytes
    if meter.last_us and arrival_us >= meter.last_us > sent_ns // 1000 + meter.base_us:
        of.busy_bytes += size_bytes
        of.busy_lost += meter.lost_bytes
        of.busy_us += <uint32_t>(arrival_us - meter.last_us)
    meter.lost_bytes = 0
    if arrival_us > meter.last_us:
        meter.last_us = arrival_us


cdef void _end_train(LinkMeter *meter) noexcept nogil:
    cdef int64_t span_us = meter.train_last_us - meter.train_first_us
    if span_us < TRAIN_US:
        span_us = TRAIN_US
    if meter.train_packets >= TRAIN_PACKETS and meter.train_bytes >= TRAIN_BYTES:
        meter.trains_bps[meter.trains % METER_TRAINS] = meter.train_bytes * 8000000 // span_us
        meter.trains = meter.trains + 1 if meter.trains < 2 * METER_TRAINS else meter.trains + 1 - METER_TRAINS
    meter.train_packets = 0


cdef void _ride(LinkMeter *meter, int64_t sent_ns, int64_t arrival_us, int size_bytes) noexcept nogil:
    """Read one packet into the train it belongs to."""
    if meter.train_packets and (
        sent_ns - meter.train_sent_ns > TRAIN_GAP_NS or sent_ns < meter.train_sent_ns
        or arrival_us < meter.train_last_us
    ):
        _end_train(meter)
    if meter.train_packets == 0:
        meter.train_first_us = arrival_us
        meter.train_bytes = -size_bytes
    meter.train_packets += 1
    meter.train_bytes += size_bytes
    meter.train_sent_ns = sent_ns
    meter.train_last_us = arrival_us


cdef void _begin(LinkMeter *meter, int64_t delay_us, int64_t arrival_us, int64_t now_ns) noexcept nogil:
    memset(meter, 0, sizeof(LinkMeter))
    meter.started = 1
    meter.newest_us = arrival_us
    meter.base_us = delay_us
    meter.base_next_us = delay_us
    meter.base_since_ns = now_ns
    meter.loss_since_ns = now_ns


cdef void _count_loss(LinkMeter *meter, const TwccReport *report, int64_t now_ns) noexcept nogil:
    cdef int told
    cdef double share
    if meter.queue_us > FULL_US:
        # The link was full: what it lost it had no room for.
        meter.loss_received = meter.loss_lost = 0
        meter.loss_since_ns = now_ns
        return
    meter.loss_received += report.received
    # What comes late had been told lost before.
    meter.loss_lost += report.lost - report.late
    told = meter.loss_received + meter.loss_lost
    if now_ns - meter.loss_since_ns < LOSS_NS or told < LOSS_PACKETS:
        return
    share = meter.loss_lost / <double>told if meter.loss_lost > 0 else 0.0
    # Half of it is the past's: a window of few packets says little by itself.
    meter.loss_share = 0.5 * (meter.loss_share + share) if meter.losses else share
    meter.losses += 1
    meter.loss_received = 0
    meter.loss_lost = 0
    meter.loss_since_ns = now_ns


cdef void linkmeter_feedback(LinkMeter *meter, const TwccReport *report, int64_t now_ns) noexcept nogil:
    """Read what `twcc_receive` made of one feedback; its results are wanted. `now_ns` is our monotonic clock."""
    cdef int64_t least_us = 0
    cdef const TwccResult *newest = NULL
    cdef int64_t delay_us
    cdef int index
    if report.missed_feedback:
        meter.last_us = 0           # what came in between is not known
    for index in range(report.count):
        if not report.results[index].received:
            meter.lost_bytes += report.results[index].size_bytes
            continue
        delay_us = report.results[index].arrival_us - report.results[index].sent_ns // 1000
        if not meter.started or delay_us > meter.base_us + STEP_US or delay_us < meter.base_us - STEP_US:
            _begin(meter, delay_us, report.results[index].arrival_us, now_ns)
        if newest == NULL or delay_us < least_us:
            least_us = delay_us
        newest = &report.results[index]
        _deliver(
            meter, report.results[index].sent_ns, report.results[index].arrival_us, report.results[index].size_bytes
        )
        _ride(
            meter, report.results[index].sent_ns, report.results[index].arrival_us, report.results[index].size_bytes
        )
    if newest == NULL:
        return
    if now_ns - meter.base_since_ns > BASE_NS:
        meter.base_us = meter.base_next_us
        meter.base_next_us = least_us
        meter.base_since_ns = now_ns
    if least_us < meter.base_next_us:
        meter.base_next_us = least_us
    if least_us < meter.base_us:
        meter.base_us = least_us
    meter.queue_us = least_us - meter.base_us
    meter.newest_queue_us = newest.arrival_us - newest.sent_ns // 1000 - meter.base_us
    meter.newest_sent_ns = newest.sent_ns
    meter.newest_sequence = newest.sequence
    if report.round_trip_ns >= 0:
        meter.trip_ns = report.round_trip_ns
        meter.rtt_ns += (report.round_trip_ns - meter.rtt_ns) // (8 if meter.rtt_ns else 1)
    _count_loss(meter, report, now_ns)


cdef void linkmeter_rebase(LinkMeter *meter, int64_t now_ns) noexcept nogil:
    """Take what waits now for the link's own delay: the way has become longer."""
    meter.base_us += meter.queue_us
    meter.base_next_us = meter.base_us
    meter.base_since_ns = now_ns
    meter.queue_us = 0


cdef int64_t linkmeter_delivered_bps(const LinkMeter *meter, int buckets) noexcept nogil:
    """Bits a second that arrived in the last `buckets` of 16.384 ms before the newest, which is not full yet."""
    cdef int64_t newest = meter.newest_us >> BUCKET_SHIFT
    cdef int64_t octets = 0
    cdef int back
    for back in range(1, buckets + 1):
        octets += meter.buckets[(newest - back) & (METER_BUCKETS - 1)].bytes
    return octets * 8000000 // (<int64_t>buckets << BUCKET_SHIFT)


cdef int64_t linkmeter_busy_bps(const LinkMeter *meter, int buckets, int least_bytes) noexcept nogil:
    """Bits a second that the link carried while packets waited, in the last `buckets` and the newest.

    What it lost afterwards is among it. 0: that cannot be said yet, or fewer bytes waited.
    """
    cdef const MeterBucket *of
    cdef int64_t newest = meter.newest_us >> BUCKET_SHIFT
    cdef int64_t octets = 0
    cdef int64_t lost = 0
    cdef int64_t lost_most
    cdef int64_t busy_us = 0
    cdef int back
    for back in range(buckets + 1):
        of = &meter.buckets[(newest - back) & (METER_BUCKETS - 1)]
        octets += of.busy_bytes
        lost += of.busy_lost
        busy_us += of.busy_us
    if busy_us < BUSY_US or octets < least_bytes:
        return 0
    lost_most = <int64_t>(octets * BUSY_LOST * meter.loss_share)
    if lost > lost_most > 0 and busy_us < LOSSY_US:
        return 0                    # of a dozen packets three may be lost by chance
    return (octets + (lost if lost < lost_most else lost_most)) * 8000000 // busy_us


cdef int64_t linkmeter_train_bps(const LinkMeter *meter) noexcept nogil:
    """The middle one of the last trains' rates; 0 before there were so many."""
    cdef int lower, index, other
    if meter.trains < METER_TRAINS:
        return 0
    for index in range(METER_TRAINS):
        lower = 0
        for other in range(METER_TRAINS):
            lower += meter.trains_bps[other] < meter.trains_bps[index] or (
                meter.trains_bps[other] == meter.trains_bps[index] and other < index
            )
        if lower == METER_TRAINS // 2:
            return meter.trains_bps[index] if meter.trains_bps[index] < MOST_BPS else MOST_BPS
    return 0
