# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""When the packets of a stream go out, and to whom first.

A burst is the packets of one picture, or one packet of sound. It waits in its stream until the marker, or for
`flush_after_ns`, so that one destination's packets lie together: one cipher context stays hot and the kernel gets one
segmented message instead of seven. Packets that differ by a few bytes are padded to equal size (RFC 3550 section 5.1),
because a run must be equal to be segmented; the padding is part of the only version ever protected, so the nonce rule
holds.

A complete burst is served to the routes of its track: at once while there is little work in this turn of the loop,
otherwise in turns, a bounded part of the routes in each, one stream after another. So a source that a thousand people
watch, or a publisher that catches up after a pause, does not hold up everybody else's pictures by the time that its
fan-out takes. What comes meanwhile waits in the stream's queue; what the cache can no longer hold is dropped for the
routes that were not served yet.

Touches the plane's own state only; raises nothing, allocates nothing.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

from media.plane.backlog cimport backlog_forget_stream
from media.plane.batch cimport batch_flush
from media.plane.bridge cimport bridge_packet
from media.plane.forward cimport forward_served
from media.plane.model cimport BURST_CAPACITY, DROP_BEHIND, MAX_WAITING, Mirror, drop

cdef extern from * nogil:
    """
    /* The empty statement keeps it: GCC drops calls of a function that does nothing but prefetch as without effect. */
    #define plane_prefetch(address) do { __builtin_prefetch((address), 0, 3); __asm__ volatile(""); } while (0)
    """
    void plane_prefetch(const void *address)

cdef enum:
    MESSAGE_WORK = 4            # microseconds, about: the kernel's for a message; a packet of it is another one
    PAD_LIMIT_BYTES = 24        # a run broken costs about 2 us; 24 bytes of padding cost 20 ns


cdef void burst_make_room(PlaneState *plane, Stream *stream, const PacketSlot *slot) noexcept nogil:
    """The slot is about to be overwritten: where its packet has not been served to all routes, they do without."""
    cdef uint32_t count = _queued(stream, slot)
    if count:
        burst_send(plane, stream)       # what only waits for the rest of its picture need not be lost
        count = _queued(stream, slot)
        if count:
            _abandon(plane, stream, count)


cdef void burst_add(PlaneState *plane, Stream *stream, PacketSlot *slot) noexcept nogil:
    """Add a packet that lies in the stream's cache to its burst; send the burst when it is complete."""
    cdef uint32_t pending
    if stream.track.routes == NULL and stream.track.mirrors == NULL:
        return
    stream.queue[stream.last & stream.cache_mask] = <uint16_t>(slot - stream.cache)
    stream.last += 1
    pending = stream.last - stream.ready
    if (
        slot.marker or not stream.track.is_video or pending == BURST_CAPACITY
        or (pending == 1 and not _wait(plane, stream))
    ):
        burst_send(plane, stream)


cdef void burst_send(PlaneState *plane, Stream *stream) noexcept nogil:
    """Close the burst that waits, and begin to serve it unless the stream has others in service."""
    if stream.last == stream.ready:
        return
    stream.ready = stream.last
    if stream.in_service:
        return
    _begin(plane, stream)
    if _work(stream) * stream.track.route_count > plane.work_left:
        _enter_service(plane, stream)
        return
    plane.work_left = _serve(plane, stream, plane.work_left)
    if stream.first != stream.ready:
        _enter_service(plane, stream)


cdef void burst_due(PlaneState *plane) noexcept nogil:
    """Send bursts that have waited long enough; forget those that were completed."""
    cdef int index
    cdef int kept = 0
    cdef Stream *stream
    for index in range(plane.waiting_count):
        stream = plane.waiting[index]
        if stream.last != stream.ready and plane.now_ns - stream.pending_since_ns < plane.flush_after_ns:
            plane.waiting[kept] = stream
            kept += 1
            continue
        stream.waits = 0
        burst_send(plane, stream)
    plane.waiting_count = kept


cdef void burst_serve(PlaneState *plane) noexcept nogil:
    """Serve the streams whose turn it is; once in a turn of the loop."""
    cdef Stream *stream
    cdef int left = plane.work_a_turn
    if plane.in_service == NULL:
        return
    # What the few are sent must not wait for what is written for the many now.
    batch_flush(plane)
    while plane.in_service != NULL and left > 0:
        stream = plane.in_service
        _leave_service(plane, stream)
        if stream.first == stream.ready:
            continue
        if stream.serving_count == 0:
            _begin(plane, stream)
        left = _serve(plane, stream, left)
        if stream.first != stream.ready:
            _enter_service(plane, stream)


cdef void burst_forget(PlaneState *plane, Stream *stream) noexcept nogil:
    """The stream is about to go: nothing may point to it afterwards."""
    cdef int index
    cdef int kept = 0
    cdef Route *route = stream.track.routes
    stream.first = stream.ready = stream.last
    stream.serving_count = 0
    if stream.in_service:
        _leave_service(plane, stream)
    for index in range(plane.waiting_count):
        if plane.waiting[index] != stream:
            plane.waiting[kept] = plane.waiting[index]
            kept += 1
    plane.waiting_count = kept
    stream.waits = 0
    backlog_forget_stream(plane, stream)
    while route != NULL:
        if route.input == stream:
            route.input = NULL
            route.key = 0
        route = route.next_in_track


cdef void burst_skip(PlaneState *plane, const Route *route) noexcept nogil:
    """The route is about to go: no stream in service may go on with it."""
    cdef Stream *stream = plane.in_service
    while stream != NULL:
        if stream.next_served == route:
            stream.next_served = route.next_in_track
        stream = stream.next_in_service


cdef inline uint32_t _queued(const Stream *stream, const PacketSlot *slot) noexcept nogil:
    """How many packets of the queue end with the one in this slot; 0: it is not in the queue."""
    cdef uint16_t place = <uint16_t>(slot - stream.cache)
    cdef uint32_t index
    for index in range(stream.last - stream.first):
        if stream.queue[(stream.first + index) & stream.cache_mask] == place:
            return index + 1
    return 0


cdef inline bint _wait(PlaneState *plane, Stream *stream) noexcept nogil:
    """Let the stream's burst wait for the rest of its picture; False where no place is left to wait."""
    if not stream.waits:
        if plane.waiting_count == MAX_WAITING:
            return False
        stream.waits = 1
        plane.waiting[plane.waiting_count] = stream
        plane.waiting_count += 1
    stream.pending_since_ns = plane.now_ns
    return True


cdef inline int _work(const Stream *stream) noexcept nogil:
    """About how many microseconds it takes to serve one route."""
    return MESSAGE_WORK + stream.serving_count


cdef void _lose(PlaneState *plane, Route *route, uint32_t count) noexcept nogil:
    """Count packets that this route and those after it will not get."""
    cdef uint32_t index
    while route != NULL:
        route.drops += count
        for index in range(count):
            drop(plane, route.transport, DROP_BEHIND)
        route = route.next_in_track


cdef void _abandon(PlaneState *plane, Stream *stream, uint32_t count) noexcept nogil:
    """Take the first packets out of the queue, those in service whole, wherever they have not been served to yet."""
    if stream.serving_count:
        _lose(plane, stream.next_served, stream.serving_count)
        count = count - stream.serving_count if count > <uint32_t>stream.serving_count else 0
        stream.first += stream.serving_count
        stream.serving_count = 0
    _lose(plane, stream.track.routes, count)
    stream.first += count
    if stream.ready - stream.first > stream.cache_mask:
        stream.ready = stream.first


cdef void _begin(PlaneState *plane, Stream *stream) noexcept nogil:
    """Take the next complete packets of the queue into service, to copies of the track at once."""
    cdef Mirror *mirror = stream.track.mirrors
    cdef uint32_t index
    cdef uint32_t count = stream.ready - stream.first
    stream.serving_count = count if count < BURST_CAPACITY else BURST_CAPACITY
    _pad(stream)
    while mirror != NULL:
        for index in range(<uint32_t>stream.serving_count):
            bridge_packet(plane, mirror, stream, burst_slot(stream, index))
        mirror = mirror.next
    stream.next_served = stream.track.routes


cdef void _pad(Stream *stream) noexcept nogil:
    """Note the bytes to add to each packet in service, 0 where too many; the last of a run may be shorter anyway."""
    cdef int longest = 0
    cdef int index, missing
    for index in range(stream.serving_count):
        if burst_slot(stream, index).payload_length > longest:
            longest = burst_slot(stream, index).payload_length
    for index in range(stream.serving_count - 1):
        missing = longest - burst_slot(stream, index).payload_length
        stream.padding[index] = missing if missing <= PAD_LIMIT_BYTES else 0
    stream.padding[stream.serving_count - 1] = 0


cdef void _enter_service(PlaneState *plane, Stream *stream) noexcept nogil:
    if plane.in_service == NULL:
        plane.in_service = stream
    else:
        plane.last_in_service.next_in_service = stream
    plane.last_in_service = stream
    stream.next_in_service = NULL
    stream.in_service = 1


cdef void _leave_service(PlaneState *plane, Stream *stream) noexcept nogil:
    cdef Stream **at = &plane.in_service
    cdef Stream *before = NULL
    while at[0] != stream:
        before = at[0]
        at = &at[0].next_in_service
    at[0] = stream.next_in_service
    if plane.last_in_service == stream:
        plane.last_in_service = before
    stream.in_service = 0


cdef int _serve(PlaneState *plane, Stream *stream, int left) noexcept nogil:
    """Serve the next routes as far as the work that is left allows, one at least; return what is left then."""
    cdef Route *route = stream.next_served
    cdef int work = _work(stream)
    while route != NULL and left > 0:
        _prefetch(route.next_in_track)
        forward_served(plane, route, stream)
        route = route.next_in_track
        left -= work
    stream.next_served = route
    if route == NULL:
        stream.first += stream.serving_count
        stream.serving_count = 0
    return left


cdef inline void _prefetch_object(const void *address) noexcept nogil:
    """Ask for the three cache lines at the head of a route or a transport that forwarding touches."""
    plane_prefetch(address)
    plane_prefetch(<const uint8_t *>address + 64)
    plane_prefetch(<const uint8_t *>address + 128)


cdef inline void _prefetch(const Route *route) noexcept nogil:
    """Ask for what the coming routes need, each from memory that an earlier call has asked for.

    `route` is the next one: of it the SRTP context; of the one after it the transport; then the third route itself.
    """
    if route == NULL:
        return
    plane_prefetch(route.transport.srtp_sender)
    route = route.next_in_track
    if route == NULL:
        return
    _prefetch_object(route.transport)
    if route.next_in_track != NULL:
        _prefetch_object(route.next_in_track)
