"""Declarations of the single-producer single-consumer ring; see ring.pyx for the protocol."""
from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef enum:
    RING_LINE_BYTES = 64        # a cache line on x86-64 and nearly all aarch64
    RING_SLOTS_MAX = 1 << 24
    RING_SLOT_MAX_BYTES = 1 << 20

# Three groups of fields, each a cache line away from the next wherever the struct lies, so that the two sides do not
# take one another's lines: fixed at creation, producer's, consumer's, and the flag that both touch but seldom change.
ctypedef struct Ring:
    uint8_t *slots
    uint64_t mask
    uint32_t slot_bytes         # as asked for
    uint32_t stride_bytes       # slot_bytes rounded up to whole cache lines
    int event_fd
    uint8_t _gap_0[RING_LINE_BYTES]
    uint64_t head               # index of the next slot to fill; written by the producer
    uint64_t seen_tail          # the producer's copy of tail, refreshed when the ring looks full
    uint8_t _gap_1[RING_LINE_BYTES]
    uint64_t tail               # index of the next slot to empty; written by the consumer
    uint64_t seen_head          # the consumer's copy of head, refreshed when the ring looks empty
    uint8_t _gap_2[RING_LINE_BYTES]
    uint32_t waiting            # 1: the consumer may be asleep and wants the eventfd written
    uint8_t _gap_3[RING_LINE_BYTES]

cdef int ring_init(Ring *r, uint32_t slot_bytes, uint32_t slots) noexcept nogil
cdef void ring_free(Ring *r) noexcept nogil
cdef int ring_fd(const Ring *r) noexcept nogil
cdef uint64_t ring_used(const Ring *r) noexcept nogil

# producer
cdef void *ring_reserve(Ring *r) noexcept nogil
cdef void *ring_reserve_spare(Ring *r, uint32_t keep_free) noexcept nogil
cdef void ring_commit(Ring *r) noexcept nogil
cdef void ring_commit_quiet(Ring *r) noexcept nogil
cdef void ring_wake(Ring *r) noexcept nogil

# consumer
cdef void *ring_peek(Ring *r) noexcept nogil
cdef void ring_pop(Ring *r) noexcept nogil
cdef bint ring_prepare_wait(Ring *r) noexcept nogil
cdef void ring_finish_wait(Ring *r) noexcept nogil
cdef void ring_put_off(Ring *r) noexcept nogil

cdef class RingView:
    cdef Ring own
    cdef Ring *ring
    cdef object owner
    @staticmethod
    cdef RingView wrap(Ring *ring, object owner)
