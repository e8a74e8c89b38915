"""How fast a viewer's link is filled, and which pictures wait for that; see pacer.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef enum:
    PACER_PACKETS = 512             # a power of two; 0.3 s of 16 Mb/s

ctypedef struct PacedPacket:
    void *route                     # NULL: given up
    void *stream
    uint64_t key                    # with `ext`, the packet in the stream's cache
    int64_t ext
    int64_t since_ns
    uint32_t timestamp
    int size_bytes
    uint8_t padding
    uint8_t begins                  # a stretch of the route's numbers
    uint8_t starts_keyframe

ctypedef struct Pacer:
    double room_bytes               # may leave now; below 0 where sound or repairs took more
    int64_t filled_ns               # 0: never
    int waiting_bytes
    uint32_t first                  # of the ring; both counters wrap
    uint32_t last
    PacedPacket packets[PACER_PACKETS]

cdef void pacer_init(Pacer *p) noexcept nogil
cdef void pacer_fill(Pacer *p, int64_t bps, int64_t now_ns) noexcept nogil
cdef bint pacer_add(Pacer *p, const PacedPacket *packet) noexcept nogil
cdef PacedPacket *pacer_first(Pacer *p) noexcept nogil
cdef bint pacer_may_begin(const Pacer *p) noexcept nogil
cdef void pacer_take(Pacer *p) noexcept nogil
cdef int pacer_forget(Pacer *p, const void *route, const void *stream) noexcept nogil
cdef int pacer_skip(Pacer *p, const void *route, uint32_t timestamp, bint *found) noexcept nogil


cdef inline bint pacer_is_empty(const Pacer *p) noexcept nogil:
    return p.first == p.last


cdef inline bint pacer_passes(const Pacer *p, int size_bytes) noexcept nogil:
    """Whether so much may leave at once: nothing waits before it, and there is room for all of it."""
    return p.first == p.last and p.room_bytes >= size_bytes


cdef inline void pacer_spend(Pacer *p, int size_bytes) noexcept nogil:
    """Count what leaves, whether it waited or not."""
    p.room_bytes -= size_bytes
