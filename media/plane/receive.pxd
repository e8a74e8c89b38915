"""One inbound RTP stream: what arrived, what is missing, what to report. See receive.pyx."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum Verdict:
    RECEIVE_NEW = 0        # advances the highest number
    RECEIVE_LATE = 1       # fills a hole
    RECEIVE_RESTART = 2    # the sequence jumped and was confirmed: a fresh epoch of extended numbers begins
    RECEIVE_DUPLICATE = 3  # drop
    RECEIVE_TOO_OLD = 4    # drop: outside the window
    RECEIVE_PROBATION = 5  # drop: a jump seen once

cdef enum:
    RECEIVE_WINDOW = 2048
    RECEIVE_WINDOW_WORDS = 32
    RECEIVE_MISSING = 256

ctypedef struct Missing:
    int64_t ext
    int64_t first_ns       # when the hole was noticed
    int64_t last_sent_ns   # when it was last asked for
    uint64_t noticed_at    # value of `advances` when the hole was noticed
    uint32_t tries

ctypedef struct ReceiveState:
    int64_t highest_ext
    int64_t base_ext             # first extended number of this epoch
    int64_t cycle_ext            # where the epoch's first cycle of 65536 begins
    uint64_t window[RECEIVE_WINDOW_WORDS]   # bit `ext & 2047` is set when it arrived
    uint64_t advances            # packets that advanced the highest number
    # RFC 3550 A.3 and A.8, of this epoch
    uint32_t clock_rate
    uint32_t transit
    uint32_t jitter_q4           # sixteen times the jitter, in timestamp units
    int64_t received             # late and duplicate ones included, retransmissions on their own SSRC not
    int64_t expected_prior
    int64_t received_prior
    # counters since receive_init
    uint64_t late
    uint64_t recovered
    uint64_t duplicates
    uint64_t too_old
    uint64_t probations
    uint64_t restarts
    uint64_t gave_up             # holes no longer asked for
    # a run of consecutive unusable numbers, which may become a restart
    uint32_t run_length
    uint16_t run_next
    uint8_t started
    uint8_t transit_known
    uint8_t nack_enabled         # set by receive_init; clear it for a sender that takes no NACK: holes want a keyframe
    uint8_t needs_keyframe       # set here, cleared by the owner when it has asked
    # holes, ascending
    int32_t missing_count
    int64_t retry_ns
    int64_t answered_ns          # the least from a NACK to its RTX; 0: none since the owner looked
    Missing missing[RECEIVE_MISSING]

ctypedef struct ReceiveReport:
    uint8_t fraction_lost        # in 1/256
    int32_t cumulative_lost      # clamped to 24 bits, may be negative
    uint32_t highest_sequence    # cycles << 16 | sequence
    uint32_t jitter              # timestamp units

cdef void receive_init(ReceiveState *s, uint32_t clock_rate) noexcept nogil
cdef int receive_packet(ReceiveState *s, uint16_t sequence, uint32_t rtp_timestamp, int64_t now_ns,
                        int64_t *ext) noexcept nogil
cdef int receive_recovered(ReceiveState *s, uint16_t sequence, int64_t now_ns, int64_t *ext) noexcept nogil
cdef bint receive_lacks(const ReceiveState *s, uint16_t sequence) noexcept nogil
cdef int receive_nacks(ReceiveState *s, int64_t now_ns, int64_t rtt_ns, uint16_t *out, int capacity) noexcept nogil
cdef int64_t receive_nack_timer(const ReceiveState *s) noexcept nogil
cdef void receive_report(ReceiveState *s, int64_t now_ns, ReceiveReport *out) noexcept nogil
