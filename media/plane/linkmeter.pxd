"""What transport-wide feedback says of the link to a viewer: standing queue, delivered rate, loss, trains."""

from libc.stdint cimport int64_t, uint16_t, uint32_t

from media.plane.twcc cimport TwccReport

cdef enum:
    METER_BUCKETS = 64              # of 16.384 ms of arrivals, a power of two
    METER_TRAINS = 5

ctypedef struct MeterBucket:        # arrivals of 16.384 ms
    uint32_t bytes
    uint32_t busy_bytes             # of what had to wait for the packet before it,
    uint32_t busy_lost              # what was lost between the two,
    uint32_t busy_us                # and how long after that it came

# All zero is a meter that has heard nothing.
ctypedef struct LinkMeter:
    int started
    int64_t newest_us               # arrival of the newest packet, viewer's clock
    MeterBucket buckets[METER_BUCKETS]
    int64_t last_us                 # arrival of the packet before, viewer's clock; 0: not known
    uint32_t lost_bytes             # lost since then
    int64_t base_us                 # least of arrival minus sending in the last stretch but one, and in this one
    int64_t base_next_us
    int64_t base_since_ns
    int64_t queue_us                # what every packet of the last feedback waited at least
    int64_t newest_queue_us         # what its newest packet waited,
    int64_t newest_sent_ns          # when that left,
    uint16_t newest_sequence        # and its number
    int64_t trip_ns                 # round trip of the last feedback, reporting delay included; 0 unknown
    int64_t rtt_ns                  # the same smoothed
    int64_t train_sent_ns           # of the train that is being read: when its last packet left
    int64_t train_first_us
    int64_t train_last_us
    int64_t train_bytes             # without its first packet
    int train_packets
    int64_t trains_bps[METER_TRAINS]    # the last ones
    int trains                      # how many there were
    int64_t loss_since_ns
    int loss_received
    int loss_lost
    int losses                      # windows that have ended; each leaves `loss_share`
    double loss_share

cdef void linkmeter_feedback(LinkMeter *meter, const TwccReport *report, int64_t now_ns) noexcept nogil
cdef void linkmeter_rebase(LinkMeter *meter, int64_t now_ns) noexcept nogil
cdef int64_t linkmeter_delivered_bps(const LinkMeter *meter, int buckets) noexcept nogil
cdef int64_t linkmeter_busy_bps(const LinkMeter *meter, int buckets, int least_bytes) noexcept nogil
cdef int64_t linkmeter_train_bps(const LinkMeter *meter) noexcept nogil
