# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""How fast a viewer's link is filled, and which pictures wait for that.

Touches nothing but its struct: no clock, no allocation. A bucket of bytes is filled a little faster than the estimate
allows, so that the estimate is put to the test; it holds 50 ms of that and never less than a few packets. What waits
are names of packets in a stream's cache, in the order in which they came. They leave some together: `linkmeter` learns
the link's own rate from packets that do.
"""

from libc.stdint cimport uintptr_t
from libc.stdlib cimport free, malloc

cdef enum:
    LEAST_BYTES = 6000              # of the bucket: four packets
    TRAIN_BYTES = 2500              # three packets of 1,200 leave when there is so much room

cdef double OVER_ESTIMATE = 1.2
cdef double BUCKET_S = 0.05
cdef double DEBT_S = 0.5            # what sound took before that has left the link
cdef double ONE_SECOND_NS = 1e9


cdef void pacer_init(Pacer *p) noexcept nogil:
    """Begin with nothing waiting; the first `pacer_fill` fills the bucket. The ring itself is not touched."""
    p.room_bytes = 0.0
    p.filled_ns = 0
    p.waiting_bytes = 0
    p.first = p.last = 0


cdef void pacer_fill(Pacer *p, int64_t bps, int64_t now_ns) noexcept nogil:
    """Add what may have left since the last time; `bps` is the estimate, `now_ns` any monotonic clock, not 0."""
    cdef double bytes_a_second = OVER_ESTIMATE * bps / 8.0
    cdef double most = BUCKET_S * bytes_a_second
    if most < LEAST_BYTES:
        most = LEAST_BYTES
    if p.filled_ns == 0:
        p.room_bytes = most
    elif now_ns > p.filled_ns:
        if p.room_bytes < -DEBT_S * bytes_a_second:
            p.room_bytes = -DEBT_S * bytes_a_second
        p.room_bytes += bytes_a_second * (now_ns - p.filled_ns) / ONE_SECOND_NS
    if p.room_bytes > most:
        p.room_bytes = most
    p.filled_ns = now_ns


cdef bint pacer_add(Pacer *p, const PacedPacket *packet) noexcept nogil:
    """Let a packet wait behind all others; False: there is no place."""
    if p.last - p.first == PACER_PACKETS:
        return False
    p.packets[p.last & (PACER_PACKETS - 1)] = packet[0]
    p.last += 1
    p.waiting_bytes += packet.size_bytes
    return True


cdef PacedPacket *pacer_first(Pacer *p) noexcept nogil:
    """Return the packet that has waited longest; NULL: none."""
    while p.first != p.last:
        if p.packets[p.first & (PACER_PACKETS - 1)].route != NULL:
            return &p.packets[p.first & (PACER_PACKETS - 1)]
        p.first += 1
    return NULL


cdef bint pacer_may_begin(const Pacer *p) noexcept nogil:
    """Whether there is room for what leaves together: a train, or all that is left."""
    return p.room_bytes >= (TRAIN_BYTES if p.waiting_bytes > TRAIN_BYTES else p.waiting_bytes)


cdef inline void _give_up(Pacer *p, PacedPacket *packet) noexcept nogil:
    p.waiting_bytes -= packet.size_bytes
    packet.route = NULL


cdef void pacer_take(Pacer *p) noexcept nogil:
    """Take the packet that `pacer_first` has returned."""
    _give_up(p, &p.packets[p.first & (PACER_PACKETS - 1)])
    p.first += 1


cdef int pacer_forget(Pacer *p, const void *route, const void *stream) noexcept nogil:
    """Give up all packets of a route, of one stream or (NULL) of any; return how many."""
    cdef uint32_t at = p.first
    cdef PacedPacket *packet
    cdef int count = 0
    while at != p.last:
        packet = &p.packets[at & (PACER_PACKETS - 1)]
        if packet.route == route and (stream == NULL or packet.stream == stream):
            _give_up(p, packet)
            count += 1
        at += 1
    return count


cdef int pacer_skip(Pacer *p, const void *route, uint32_t timestamp, bint *found) noexcept nogil:
    """Give up the picture of a route that has this timestamp, and all up to the next keyframe; return how many packets.

    `found`: a keyframe waits; the route's numbers go on with it.
    """
    cdef uint32_t at = p.first
    cdef PacedPacket *packet
    cdef int count = 0
    found[0] = False
    while at != p.last:
        packet = &p.packets[at & (PACER_PACKETS - 1)]
        at += 1
        if packet.route != route:
            continue
        if packet.starts_keyframe and packet.timestamp != timestamp:
            packet.begins = 1
            found[0] = True
            return count
        _give_up(p, packet)
        count += 1
    return count


cdef class PacerView:
    """View for tests and tools. Routes and streams are numbers from 1 on; a packet is named by its `ext`."""

    cdef Pacer *pacer

    def __cinit__(self):
        self.pacer = <Pacer *>malloc(sizeof(Pacer))
        if self.pacer == NULL:
            raise MemoryError
        pacer_init(self.pacer)

    def __dealloc__(self):
        free(self.pacer)

    def fill(self, bps, now_ns):
        pacer_fill(self.pacer, bps, now_ns)

    def passes(self, size_bytes):
        return bool(pacer_passes(self.pacer, size_bytes))

    def spend(self, size_bytes):
        pacer_spend(self.pacer, size_bytes)

    def add(self, route, ext, size_bytes, *, stream=1, timestamp=0, starts_keyframe=False):
        cdef PacedPacket packet
        packet.route = <void *><uintptr_t>route
        packet.stream = <void *><uintptr_t>stream
        packet.key = 1
        packet.ext = ext
        packet.since_ns = 0
        packet.timestamp = timestamp
        packet.size_bytes = size_bytes
        packet.padding = packet.begins = 0
        packet.starts_keyframe = starts_keyframe
        return bool(pacer_add(self.pacer, &packet))

    def leave(self):
        """Take what may leave now: (route, ext, whether it begins anew) of each packet."""
        cdef PacedPacket *packet = pacer_first(self.pacer)
        left = []
        if packet == NULL or not pacer_may_begin(self.pacer):
            return left
        while packet != NULL and self.pacer.room_bytes > 0:
            left.append((<uintptr_t>packet.route, packet.ext, bool(packet.begins)))
            pacer_spend(self.pacer, packet.size_bytes)
            pacer_take(self.pacer)
            packet = pacer_first(self.pacer)
        return left

    def forget(self, route, stream=0):
        return pacer_forget(self.pacer, <void *><uintptr_t>route, <void *><uintptr_t>stream)

    def skip(self, route, timestamp):
        """Return how many packets are given up, and whether a keyframe waits behind them."""
        cdef bint found = False
        count = pacer_skip(self.pacer, <void *><uintptr_t>route, timestamp, &found)
        return count, bool(found)

    @property
    def waiting_bytes(self):
        return self.pacer.waiting_bytes

    @property
    def room_bytes(self):
        return self.pacer.room_bytes


PACKETS = PACER_PACKETS
