# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Pictures that wait for room in a viewer's link.

A picture of 60 kB sent in one go stands a third of a second in front of the sound on a link of 1.5 Mb/s. So sound
leaves at once and is counted, repairs too, and pictures take what is left, at the pace of the estimate (`pacer`).
Nothing waits where the link was never full; pictures that find room take the ordinary way.

What waits is not numbered and not protected yet: where the link cannot carry it all, pictures are dropped up to the
next keyframe, and the viewer sees unbroken numbers. A keyframe is let out to its end though it takes longer: it would
never pass a thin link otherwise.

Touches the plane's own state only; raises nothing, allocates nothing.
"""

from libc.stdint cimport int64_t, uint32_t

from media.plane.batch cimport TAG_BYTES, UDP_IP_BYTES
from media.plane.burst cimport burst_slot
from media.plane.forward cimport forward_waited
from media.plane.keyframe cimport keyframe_want
from media.plane.model cimport DROP_BEHIND, DROP_LINK_FULL, drop
from media.plane.pacer cimport (
    PacedPacket, Pacer, pacer_add, pacer_fill, pacer_first, pacer_forget, pacer_is_empty, pacer_may_begin,
    pacer_passes, pacer_skip, pacer_take,
)

cdef enum:
    PACKET_BYTES = 28 + TAG_BYTES + UDP_IP_BYTES    # what the viewer's packet takes beside the payload
    # As much delay as a conversation bears; what is older is only in the way of what is new.
    WAIT_MOST_NS = 300000000
    KEYFRAME_WAIT_MOST_NS = 5000000000
    KEYFRAME_OLD_NS = 500000000     # a newer one is there sooner than what came since would be caught up with
    QUEUE_BAD_US = 150000           # speech suffers
    ASK_PAUSE_NS = 1000000000       # a keyframe costs the link as much as a second of pictures


cdef inline void _fill(PlaneState *plane, Transport *transport) noexcept nogil:
    cdef int64_t bps = transport.estimate.target_bps
    cdef bint drains = transport.estimate.draining
    # Sound stands in a long queue: pictures leave it nearly all room to go.
    if drains and transport.estimate.meter.queue_us > QUEUE_BAD_US:
        bps //= 4
    pacer_fill(transport.pacer, bps, drains, plane.now_ns)


cdef bint backlog_passes(PlaneState *plane, Route *route, Stream *stream) noexcept nogil:
    """Whether the packets that the stream serves find room in the link and nothing before them."""
    cdef Transport *transport = route.transport
    cdef int size_bytes = 0
    cdef uint32_t index
    for index in range(<uint32_t>stream.serving_count):
        size_bytes += burst_slot(stream, index).payload_length + PACKET_BYTES
        if burst_slot(stream, index).starts_keyframe and stream.layer == route.layer:
            route.keyframe_timestamp = burst_slot(stream, index).timestamp
    _fill(plane, transport)
    return pacer_passes(transport.pacer, size_bytes)


cdef void _wait(PlaneState *plane, Transport *transport) noexcept nogil:
    if transport.waits:
        return
    if plane.backlogs == NULL:
        plane.backlog_due_ns = plane.now_ns + BACKLOG_TURN_NS
    transport.waits = 1
    transport.next_backlog = plane.backlogs
    plane.backlogs = transport


cdef void _ask(PlaneState *plane, Route *route) noexcept nogil:
    """Ask for the keyframe that the route goes on with, now or when the last one asked for is long enough ago."""
    if route.asked_ns and plane.now_ns - route.asked_ns < ASK_PAUSE_NS:
        route.asks = 1
        route.transport.asks = 1
        _wait(plane, route.transport)
        return
    route.asks = 0
    route.asked_ns = plane.now_ns
    keyframe_want(plane, route.track, route.layer)


cdef void _count(PlaneState *plane, Route *route, int count) noexcept nogil:
    route.drops += count
    plane.drops[DROP_LINK_FULL] += count
    route.transport.drops[DROP_LINK_FULL] += count


cdef void _await_keyframe(PlaneState *plane, Route *route) noexcept nogil:
    route.key = 0
    _ask(plane, route)


cdef void _skip(PlaneState *plane, Route *route, uint32_t timestamp) noexcept nogil:
    """Leave out a picture: the route goes on at the next keyframe, one that waits or one that is asked for."""
    cdef bint found = False
    _count(plane, route, pacer_skip(route.transport.pacer, route, timestamp, &found))
    if not found:
        _await_keyframe(plane, route)


cdef void backlog_add(PlaneState *plane, Route *route, Stream *stream, const PacketSlot *slot, uint8_t padding,
                      bint begins) noexcept nogil:
    """Let a packet wait that the route takes; where there is no place, the route waits for a keyframe."""
    cdef PacedPacket packet
    packet.route = route
    packet.stream = stream
    packet.key = slot.key
    packet.ext = slot.ext
    packet.since_ns = plane.now_ns
    packet.timestamp = slot.timestamp
    packet.size_bytes = slot.payload_length + PACKET_BYTES
    packet.padding = padding
    packet.begins = begins
    packet.starts_keyframe = slot.starts_keyframe
    if pacer_add(route.transport.pacer, &packet):
        _wait(plane, route.transport)
        return
    _count(plane, route, pacer_forget(route.transport.pacer, route, NULL) + 1)
    _await_keyframe(plane, route)


cdef void _send_first(PlaneState *plane, PacedPacket *first) noexcept nogil:
    cdef PacedPacket packet = first[0]
    cdef Route *route = <Route *>packet.route
    cdef Stream *stream = <Stream *>packet.stream
    cdef PacketSlot *slot = &stream.cache[packet.ext & stream.cache_mask]
    pacer_take(route.transport.pacer)
    if packet.timestamp == route.keyframe_timestamp:
        route.keyframe_left_ns = plane.now_ns
    if slot.key == packet.key and slot.ext == packet.ext:
        forward_waited(plane, route, slot, packet.padding, packet.begins)
        return
    # Its place in the cache was needed, and what follows makes no picture without it.
    drop(plane, route.transport, DROP_BEHIND)
    route.drops += 1
    _skip(plane, route, packet.timestamp)


cdef inline bint _is_stale(const PlaneState *plane, const PacedPacket *packet) noexcept nogil:
    cdef const Route *route = <const Route *>packet.route
    if packet.timestamp == route.keyframe_timestamp:
        return plane.now_ns - packet.since_ns > KEYFRAME_WAIT_MOST_NS
    # Behind a large keyframe the time begins when that has left: another one would take as long again.
    return plane.now_ns - packet.since_ns > WAIT_MOST_NS and plane.now_ns - route.keyframe_left_ns > WAIT_MOST_NS


cdef void backlog_begin(PlaneState *plane, Transport *transport) noexcept nogil:
    """Send what may leave of what waits for this transport, and give up what has waited too long."""
    cdef Pacer *pacer = transport.pacer
    cdef PacedPacket *first = pacer_first(pacer)
    _fill(plane, transport)
    while first != NULL and _is_stale(plane, first):
        _skip(plane, <Route *>first.route, first.timestamp)
        first = pacer_first(pacer)
    if first == NULL or not transport.ready or not pacer_may_begin(pacer):
        return
    if first.starts_keyframe and plane.now_ns - first.since_ns > KEYFRAME_OLD_NS:
        # Nothing of it has left, and now that there is room the publisher gives a newer one as quickly.
        _skip(plane, <Route *>first.route, first.timestamp)
        return
    while first != NULL and pacer.room_bytes > 0:
        _send_first(plane, first)
        first = pacer_first(pacer)


cdef void _ask_again(PlaneState *plane, Transport *transport) noexcept nogil:
    cdef Route *route = transport.routes
    transport.asks = 0
    while route != NULL:
        if route.asks and (route.key or route.paused):
            route.asks = 0
        elif route.asks:
            _ask(plane, route)
        route = route.next_in_transport


cdef void backlog_serve(PlaneState *plane) noexcept nogil:
    """Look at all transports with something waiting; once in a turn of the loop, every few milliseconds."""
    cdef Transport **at = &plane.backlogs
    cdef Transport *transport
    if plane.backlogs == NULL or plane.now_ns < plane.backlog_due_ns:
        return
    plane.backlog_due_ns = plane.now_ns + BACKLOG_TURN_NS
    while at[0] != NULL:
        transport = at[0]
        backlog_begin(plane, transport)
        if transport.asks:
            _ask_again(plane, transport)
        if pacer_is_empty(transport.pacer) and not transport.asks:
            at[0] = transport.next_backlog
            transport.waits = 0
        else:
            at = &transport.next_backlog


cdef void backlog_forget_route(PlaneState *plane, Route *route) noexcept nogil:
    """The route is paused or about to go: nothing of it waits afterwards."""
    if route.transport.waits:
        pacer_forget(route.transport.pacer, route, NULL)


cdef void backlog_forget_stream(PlaneState *plane, Stream *stream) noexcept nogil:
    """The stream is about to go: nothing that waits may point to it afterwards."""
    cdef Route *route = stream.track.routes
    while route != NULL:
        if route.transport.waits:
            pacer_forget(route.transport.pacer, route, stream)
        route = route.next_in_track


cdef void backlog_forget_transport(PlaneState *plane, Transport *transport) noexcept nogil:
    """The transport is about to go, its routes have gone."""
    cdef Transport **at = &plane.backlogs
    if not transport.waits:
        return
    while at[0] != transport:
        at = &at[0].next_backlog
    at[0] = transport.next_backlog
    transport.waits = 0
