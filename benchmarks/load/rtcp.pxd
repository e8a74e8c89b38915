"""What a browser reports to the sender: transport-wide feedback, receiver reports, REMB; and its sender reports."""

from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    # Room for what may arrive between two feedback packets, in packets; a power of two.
    ARRIVAL_SLOTS = 2048
    # Sequence numbers told apart as duplicates, in packets; a power of two.
    HISTORY_PACKETS = 2048
    HISTORY_WORDS = 32
    RTCP_BUFFER_BYTES = 1500
    # More statuses than this do not fit into one feedback packet of the buffer's size even as large deltas.
    FEEDBACK_STATUSES = 500


cdef struct Arrivals:
    int64_t base           # first transport-wide sequence (unwrapped) not yet reported; -1: nothing has come
    int64_t highest        # highest one received, unwrapped
    uint8_t feedback_count
    int64_t at_ns[ARRIVAL_SLOTS]   # arrival by sequence modulo the size; 0: has not come


cdef struct Reception:
    uint32_t ssrc
    uint32_t clock_rate_hz
    uint8_t payload_type
    int64_t first_sequence      # unwrapped; -1: nothing has come
    int64_t highest_sequence
    uint64_t packets            # without duplicates
    uint64_t bytes
    uint64_t duplicates
    uint64_t late               # came after a higher sequence number
    uint64_t seen[HISTORY_WORDS]
    double jitter_ticks
    int64_t last_transit_ticks
    int64_t expected_prior
    int64_t received_prior
    uint32_t last_report_middle # middle 32 bits of the NTP time of the last sender report
    int64_t last_report_at_ns
    int64_t next_report_ns


cdef void arrivals_start(Arrivals *self) noexcept nogil
cdef void arrivals_note(Arrivals *self, uint16_t sequence, int64_t now_ns) noexcept nogil
cdef int feedback_write(Arrivals *self, uint8_t *out, uint32_t from_ssrc, uint32_t media_ssrc) noexcept nogil
cdef void reception_start(Reception *self, uint32_t ssrc, uint8_t payload_type, uint32_t clock_rate_hz) noexcept nogil
cdef void reception_note(
    Reception *self, uint16_t sequence, uint32_t timestamp, int length_bytes, int64_t now_ns) noexcept nogil
cdef int receiver_report_write(Reception *self, uint8_t *out, uint32_t from_ssrc, int64_t now_ns) noexcept nogil
cdef int remb_write(uint8_t *out, uint32_t from_ssrc, uint32_t media_ssrc, uint32_t rate_bps) noexcept nogil
cdef int sender_report_write(
    uint8_t *out, uint32_t ssrc, int64_t wall_ns, uint32_t timestamp, uint32_t packets, uint32_t octets) noexcept nogil
