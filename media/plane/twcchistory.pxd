"""Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01) from a viewer."""

from libc.stdint cimport int16_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    TWCC_HISTORY = 1024             # packets a history remembers, a power of two
    TWCC_RESULTS = 512              # what a caller should offer for the results of one feedback packet

cdef enum TwccCheck:
    TWCC_OK = 0
    TWCC_TOO_SHORT = -1
    TWCC_NOT_FEEDBACK = -2          # version, packet type or format is another one
    TWCC_BAD_LENGTH = -3            # the length field is not the packet's length
    TWCC_BAD_PADDING = -4
    TWCC_EMPTY = -5                 # no packet is reported on
    TWCC_TRUNCATED = -6             # chunks or deltas end before the status count
    TWCC_RESERVED = -7              # the reserved status symbol
    TWCC_UNSENT = -8                # reports on packets that were never sent

ctypedef struct TwccSlot:           # one packet that was sent
    int64_t sent_ns
    uint16_t size_bytes
    uint8_t state

ctypedef struct TwccHistory:
    uint16_t next_sequence
    uint8_t last_feedback_count
    uint8_t has_feedback
    uint32_t last_reference         # of the last feedback, 24 bits of 64 ms
    uint64_t reference_ticks        # the same in 250 us ticks, unwrapped
    uint64_t sent                   # packets since the start
    TwccSlot slots[TWCC_HISTORY]

ctypedef struct TwccResult:         # one packet of a feedback that the history knows
    int64_t sent_ns                 # our clock
    int64_t arrival_us              # viewer's clock, its origin the same for the whole history; 0 if lost
    uint16_t sequence
    uint16_t size_bytes
    uint8_t received

# The caller sets `results` and `capacity` (or NULL and 0); the rest is written by twcc_receive.
ctypedef struct TwccReport:
    TwccResult *results
    int capacity
    int count                       # results written, in sequence order
    int omitted                     # results that found no room
    int received                    # newly reported as received
    int lost                        # newly reported as not received
    int late                        # of `received`: had been reported lost before
    int duplicates                  # received, and known to be so already
    int unknown                     # older than the history
    int64_t bytes                   # of `received`
    int64_t lost_bytes              # of `lost`
    int missed_feedback             # feedback packets lost on the way before this one, 0 to 127
    uint16_t first_sequence         # as the packet says
    uint16_t last_sequence
    int64_t round_trip_ns           # of the last newly received packet, reporting delay included; -1 none

cdef void twcc_history_init(TwccHistory *history, uint16_t first_sequence) noexcept nogil
cdef uint16_t twcc_sent(TwccHistory *history, int64_t now_ns, int size_bytes) noexcept nogil
cdef int twcc_receive(
    TwccHistory *history, const uint8_t *packet, int length, int64_t now_ns, TwccReport *out
) noexcept nogil
cdef int64_t twcc_ahead(const TwccHistory *history, uint16_t sequence) noexcept nogil
