# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""When the packets of a stream go out, and to whom first.

A burst is the packets of one picture, or one packet of sound. It waits in its stream until the marker, or for
`flush_after_ns`, so that one destination's packets lie together: one cipher context stays hot and the kernel gets one
segmented message instead of seven. Packets of a burst that differ by a few bytes are padded to equal size (RFC 3550
section 5.1), because a run must be equal to be segmented; the padding is part of the only version ever protected, so
the nonce rule holds.

A complete burst is served to the routes of its track. A few routes are served at once; many of them in turns of the
loop, `routes_a_turn` at a time, so that a source that a thousand people watch does not hold up everybody else's by
the ten milliseconds its fan-out takes.

Touches the plane's own state only; raises nothing, allocates nothing.
"""

from libc.stdint cimport uint8_t, uint16_t
from libc.string cimport memcpy

from media.plane.batch cimport batch_flush
from media.plane.bridge cimport bridge_packet
from media.plane.forward cimport forward_served
from media.plane.model cimport BURST_CAPACITY, MAX_WAITING, PAYLOAD_CAPACITY, Mirror

cdef extern from * nogil:
    """
    /* The empty statement keeps it: GCC drops calls of a function that does nothing but prefetch as without effect. */
    #define plane_prefetch(address) do { __builtin_prefetch((address), 0, 3); __asm__ volatile(""); } while (0)
    """
    void plane_prefetch(const void *address)

cdef enum:
    ALL_ROUTES = 1 << 30
    PAD_LIMIT_BYTES = 24        # a run broken costs about 2 us; 24 bytes of padding cost 20 ns


cdef void burst_make_room(PlaneState *plane, Stream *stream, const PacketSlot *slot) noexcept nogil:
    """The slot is about to be overwritten (the numbers leapt by the cache's size): send the burst it belongs to."""
    cdef uint16_t place = <uint16_t>(slot - stream.cache)
    cdef int index
    for index in range(stream.serving_count):
        if stream.serving[index] == place:
            _finish(plane, stream)
            break
    for index in range(stream.pending_count):
        if stream.pending[index] == place:
            burst_end(plane, stream)
            return


cdef void burst_add(PlaneState *plane, Stream *stream, PacketSlot *slot) noexcept nogil:
    """Add a packet that lies in the stream's cache to its burst; send the burst when it is complete."""
    cdef bint complete
    if stream.track.routes == NULL and stream.track.mirrors == NULL:
        return
    stream.pending[stream.pending_count] = <uint16_t>(slot - stream.cache)
    stream.pending_count += 1
    complete = slot.marker or not stream.track.is_video or stream.pending_count == BURST_CAPACITY
    if complete or (stream.pending_count == 1 and not _wait(plane, stream)):
        burst_send(plane, stream)


cdef void burst_send(PlaneState *plane, Stream *stream) noexcept nogil:
    """Close the burst that waits: to copies of the track and a few routes now, to many routes in turns from now on."""
    cdef Mirror *mirror = stream.track.mirrors
    cdef int index
    if stream.pending_count == 0:
        return
    _finish(plane, stream)
    memcpy(stream.serving, stream.pending, stream.pending_count * sizeof(uint16_t))
    stream.serving_count = stream.pending_count
    stream.pending_count = 0
    _pad(stream)
    while mirror != NULL:
        for index in range(stream.serving_count):
            bridge_packet(plane, mirror, stream, &stream.cache[stream.serving[index]])
        mirror = mirror.next
    stream.next_served = stream.track.routes
    if stream.track.route_count <= plane.routes_a_turn:
        _serve(plane, stream, ALL_ROUTES)
    else:
        _enter_service(plane, stream)


cdef void burst_end(PlaneState *plane, Stream *stream) noexcept nogil:
    """Send everything that was received of the stream, now: what comes next is of another kind."""
    burst_send(plane, stream)
    _finish(plane, stream)


cdef void burst_due(PlaneState *plane) noexcept nogil:
    """Send bursts that have waited long enough; forget those that were completed."""
    cdef int index
    cdef int kept = 0
    cdef Stream *stream
    for index in range(plane.waiting_count):
        stream = plane.waiting[index]
        if stream.pending_count == 0:
            continue
        if plane.now_ns - stream.pending_since_ns >= plane.flush_after_ns:
            burst_send(plane, stream)
            continue
        plane.waiting[kept] = stream
        kept += 1
    plane.waiting_count = kept


cdef void burst_serve(PlaneState *plane) noexcept nogil:
    """Serve the next routes of the burst that came first; once in a turn of the loop."""
    cdef Stream *stream = plane.in_service
    if stream == NULL:
        return
    # What the few are sent must not wait for what is written for the many now.
    batch_flush(plane)
    _serve(plane, stream, plane.routes_a_turn)
    if stream.serving_count == 0:
        plane.in_service = stream.next_in_service


cdef void burst_forget(PlaneState *plane, Stream *stream) noexcept nogil:
    """The stream is about to go: nothing may point to it afterwards."""
    cdef int index
    cdef int kept = 0
    cdef Route *route = stream.track.routes
    stream.pending_count = 0
    if stream.serving_count:
        stream.serving_count = 0
        _leave_service(plane, stream)
    for index in range(plane.waiting_count):
        if plane.waiting[index] != stream:
            plane.waiting[kept] = plane.waiting[index]
            kept += 1
    plane.waiting_count = kept
    while route != NULL:
        if route.input == stream:
            route.input = NULL
            route.key = 0
        route = route.next_in_track


cdef void burst_skip(PlaneState *plane, const Route *route) noexcept nogil:
    """The route is about to go: no burst in service may go on with it."""
    cdef Stream *stream = plane.in_service
    while stream != NULL:
        if stream.next_served == route:
            stream.next_served = route.next_in_track
        stream = stream.next_in_service


cdef inline bint _wait(PlaneState *plane, Stream *stream) noexcept nogil:
    """Let the stream's burst wait for the rest of its picture; False where no place is left to wait."""
    if plane.waiting_count == MAX_WAITING:
        return False
    stream.pending_since_ns = plane.now_ns
    plane.waiting[plane.waiting_count] = stream
    plane.waiting_count += 1
    return True


cdef void _pad(Stream *stream) noexcept nogil:
    """Note the bytes to add to each packet of the burst, 0 where too many; the last may stay shorter."""
    cdef int longest = 0
    cdef int index, length, missing
    for index in range(stream.serving_count):
        length = stream.cache[stream.serving[index]].payload_length
        if length > longest:
            longest = length
    for index in range(stream.serving_count):
        missing = longest - stream.cache[stream.serving[index]].payload_length
        stream.padding[index] = missing if missing <= PAD_LIMIT_BYTES else 0
    if stream.serving_count == 1 or longest > PAYLOAD_CAPACITY - 8:
        stream.padding[stream.serving_count - 1] = 0


cdef void _enter_service(PlaneState *plane, Stream *stream) noexcept nogil:
    cdef Stream **at = &plane.in_service
    while at[0] != NULL:
        at = &at[0].next_in_service
    at[0] = stream
    stream.next_in_service = NULL


cdef void _leave_service(PlaneState *plane, Stream *stream) noexcept nogil:
    cdef Stream **at = &plane.in_service
    while at[0] != NULL and at[0] != stream:
        at = &at[0].next_in_service
    if at[0] == stream:
        at[0] = stream.next_in_service


cdef void _finish(PlaneState *plane, Stream *stream) noexcept nogil:
    """Serve the burst in service to all routes that are left."""
    if stream.serving_count:
        _serve(plane, stream, ALL_ROUTES)
        _leave_service(plane, stream)


cdef void _serve(PlaneState *plane, Stream *stream, int most) noexcept nogil:
    """Serve the burst to the next routes, `most` of them; after the last one the service is over."""
    cdef Route *route = stream.next_served
    while route != NULL and most > 0:
        _prefetch(route.next_in_track)
        forward_served(plane, route, stream)
        route = route.next_in_track
        most -= 1
    stream.next_served = route
    if route == NULL:
        stream.serving_count = 0


cdef inline void _prefetch_object(const void *address) noexcept nogil:
    """Bring in the three cache lines at the head of a route or a transport that forwarding touches."""
    plane_prefetch(address)
    plane_prefetch(<const uint8_t *>address + 64)
    plane_prefetch(<const uint8_t *>address + 128)


cdef inline void _prefetch(const Route *route) noexcept nogil:
    """Bring in what the coming routes need, each from memory that an earlier call has brought in.

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
