"""A traffic shape as plain memory, and the RTP packets made from it."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

cdef enum:
    MIN_RTP_BYTES = 44     # room for the parameter sets that a keyframe begins with
    MAX_RTP_BYTES = 1600
    MAX_BURST_PACKETS = 256


cdef struct Slot:
    int64_t at_ns
    uint32_t timestamp
    int first              # of the slot's packets in `sizes`
    int count
    bint marker
    bint keyframe
    bint starts_frame


cdef struct Schedule:
    int64_t period_ns
    uint32_t clock_rate_hz
    bint video
    int slot_count
    Slot *slots
    uint16_t *sizes


cdef struct Header:
    uint32_t ssrc
    uint32_t timestamp
    uint16_t sequence
    uint8_t payload_type
    bint marker
    int transport_cc_id
    uint16_t transport_sequence
    int audio_level_id


cdef int schedule_fill(Schedule *self, shape) except -1
cdef void schedule_free(Schedule *self) noexcept
cdef int packet_write(
    uint8_t *out, const Header *header, const Schedule *schedule, const Slot *slot, int place,
    bint keyframe) noexcept nogil
