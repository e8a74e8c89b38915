# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Linking objects into the plane's lists and tables, and out of them again.

Unlinking twice is harmless: a transport takes its publications and routes out with it, and control still removes each
of them, because each is its own piece of memory. After `unlink_*` nothing in the plane points to the object.
"""

from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memcmp, memcpy, memmove

from media.plane.address cimport address_is
from media.plane.admission cimport admission_release
from media.plane.backlog cimport backlog_forget_route, backlog_forget_transport
from media.plane.burst cimport burst_forget, burst_skip
from media.plane.connection cimport connection_end, connection_find, connection_validate
from media.plane.keyframe cimport keyframe_want
from media.plane.model cimport (
    DROP_ADDRESS_HELD, DROP_TABLE_FULL, MAX_ADDRESSES, MAX_UFRAGS, TRANSPORT_PLAIN, Stream, drop,
)
from media.plane.net cimport htonl
from media.plane.probe cimport probe_forget
from media.plane.srtp cimport srtp_remove_stream
from media.plane.table cimport (
    UFRAG_KEY_MAX_BYTES, address_table_get, address_table_put, address_table_remove, ssrc_table_put,
    ssrc_table_remove_value, ufrag_table_get, ufrag_table_put, ufrag_table_remove,
)

cdef enum:
    HEARD_PAUSE_NS = 250000000


cdef void link_transport(PlaneState *plane, Transport *transport) noexcept nogil:
    transport.previous = NULL
    transport.next = plane.transports
    if plane.transports != NULL:
        plane.transports.previous = transport
    plane.transports = transport
    plane.transport_count += 1
    transport.linked = 1


cdef void _link_publisher(PlaneState *plane, Transport *transport) noexcept nogil:
    transport.previous_publisher = NULL
    transport.next_publisher = plane.publishers
    if plane.publishers != NULL:
        plane.publishers.previous_publisher = transport
    plane.publishers = transport


cdef void _unlink_publisher(PlaneState *plane, Transport *transport) noexcept nogil:
    if transport.previous_publisher != NULL:
        transport.previous_publisher.next_publisher = transport.next_publisher
    elif plane.publishers == transport:
        plane.publishers = transport.next_publisher
    if transport.next_publisher != NULL:
        transport.next_publisher.previous_publisher = transport.previous_publisher
    transport.next_publisher = NULL
    transport.previous_publisher = NULL


cdef void link_ready(PlaneState *plane, Transport *transport) noexcept nogil:
    """Judge whether packets may leave; when they now may, ask for what the routes need to start.

    A keyframe asked for earlier would be sent to nobody, and the next one could only be asked for after the pause
    between requests.
    """
    cdef Route *route = transport.routes
    cdef bint ready = transport.has_remote and (transport.kind == TRANSPORT_PLAIN or transport.srtp_sender != NULL)
    if ready and not transport.ready:
        while route != NULL:
            if not route.paused:
                keyframe_want(plane, route.track, route.layer)
            route = route.next_in_transport
    transport.ready = ready


cdef void _unlink_address(PlaneState *plane, Transport *transport, int place) noexcept nogil:
    """Forget one address, unless it has become another transport's; those behind it move up."""
    cdef Address *at = &transport.addresses[place]
    if address_table_get(&plane.addresses, at.ip, at.port, at.connection) == transport:
        address_table_remove(&plane.addresses, at.ip, at.port, at.connection)
    transport.address_count -= 1
    memmove(at, at + 1, (transport.address_count - place) * sizeof(Address))
    memmove(&transport.heard_ns[place], &transport.heard_ns[place + 1],
            (transport.address_count - place) * sizeof(int64_t))


cdef void _forget_address(PlaneState *plane, Transport *transport, int place) noexcept nogil:
    """Take nothing more from an address; a connection that stands behind it ends."""
    cdef Connection *connection = connection_find(transport, &transport.addresses[place])
    _unlink_address(plane, transport, place)
    if connection != NULL:
        connection_end(plane, connection)


cdef int _place(const Transport *transport, const Address *address) noexcept nogil:
    """Where in its list a transport has an address; behind the end: not at all."""
    cdef int place = 0
    while place < transport.address_count and not address_is(&transport.addresses[place], address):
        place += 1
    return place


cdef bint link_holds(PlaneState *plane, const Transport *holder, const Transport *other,
                     const Address *address) noexcept nogil:
    """Whether the address is not the other's, because the holder's authentic packets come from there just now."""
    cdef int place
    if holder == NULL or holder == other:
        return False
    place = _place(holder, address)
    return place < holder.address_count and plane.now_ns - holder.heard_ns[place] < plane.address_held_ns


cdef bint link_address(PlaneState *plane, Transport *transport, const Address *address) noexcept nogil:
    """Take DTLS and media from this address; False where it is another's. Too many: the oldest unused one goes.

    A check proves only that its sender knows a password, not where it is: a peer that forges the source of one must
    not cut off who is really there. Control asks again with the peer's next check.
    """
    cdef int place
    cdef Connection *connection = NULL
    cdef Transport *holder = <Transport *>address_table_get(
        &plane.addresses, address.ip, address.port, address.connection
    )
    if address.connection:
        connection = connection_find(transport, address)
        if connection == NULL:
            return False            # it has ended since
    if link_holds(plane, holder, transport, address):
        drop(plane, transport, DROP_ADDRESS_HELD)
        return False
    place = _place(transport, address)
    if place < transport.address_count:
        _unlink_address(plane, transport, place)
    elif place == MAX_ADDRESSES:
        place = 1 if transport.has_remote and address_is(&transport.addresses[0], &transport.remote) else 0
        _forget_address(plane, transport, place)
    transport.addresses[transport.address_count] = address[0]
    # Held from its first authentic packet on, not by the check itself.
    transport.heard_ns[transport.address_count] = plane.now_ns - plane.address_held_ns
    transport.next_heard_ns = plane.now_ns
    transport.address_count += 1
    if address_table_put(&plane.addresses, address.ip, address.port, address.connection, transport) < 0:
        drop(plane, transport, DROP_TABLE_FULL)
    if connection != NULL:
        connection_validate(plane, connection)
    return True


cdef void link_heard(PlaneState *plane, Transport *transport, const Address *address) noexcept nogil:
    """An authentic packet came from this address: it is the peer's, whoever else names it in a check."""
    cdef int place = _place(transport, address)
    transport.next_heard_ns = plane.now_ns + HEARD_PAUSE_NS
    if place < transport.address_count:
        transport.heard_ns[place] = plane.now_ns


cdef void unlink_address(PlaneState *plane, Transport *transport, const Address *address) noexcept nogil:
    """Take nothing more from this address, unless another peer has proved since that it is its own."""
    cdef int place
    for place in range(transport.address_count):
        if address_is(&transport.addresses[place], address):
            _forget_address(plane, transport, place)
            return


cdef void link_lost(PlaneState *plane, Connection *connection) noexcept nogil:
    """End a TCP connection; where it went to is no address of its transport any more."""
    cdef int place
    if connection.transport != NULL:
        place = _place(connection.transport, &connection.remote)
        if place < connection.transport.address_count:
            _unlink_address(plane, connection.transport, place)
    connection_end(plane, connection)


cdef void _unlink_ufrag(PlaneState *plane, Transport *transport, int place) noexcept nogil:
    cdef uint8_t *at = transport.ufrags[place]
    if ufrag_table_get(&plane.ufrags, at, transport.ufrag_lengths[place]) == transport:
        ufrag_table_remove(&plane.ufrags, at, transport.ufrag_lengths[place])
    transport.ufrag_count -= 1
    memmove(at, transport.ufrags[place + 1], (transport.ufrag_count - place) * UFRAG_KEY_MAX_BYTES)
    memmove(&transport.ufrag_lengths[place], &transport.ufrag_lengths[place + 1],
            (transport.ufrag_count - place) * sizeof(int))


cdef void unlink_ufrag(PlaneState *plane, Transport *transport, const uint8_t *ufrag, int length) noexcept nogil:
    cdef int place
    for place in range(transport.ufrag_count):
        if transport.ufrag_lengths[place] == length and memcmp(transport.ufrags[place], ufrag, length) == 0:
            _unlink_ufrag(plane, transport, place)
            return


cdef void link_ufrag(PlaneState *plane, Transport *transport, const uint8_t *ufrag, int length) noexcept nogil:
    """Bring checks that name this ufrag to the transport; one that restarts ICE all the time loses the oldest."""
    if length < 1 or length > UFRAG_KEY_MAX_BYTES:
        return
    unlink_ufrag(plane, transport, ufrag, length)
    if transport.ufrag_count == MAX_UFRAGS:
        _unlink_ufrag(plane, transport, 0)
    memcpy(transport.ufrags[transport.ufrag_count], ufrag, length)
    transport.ufrag_lengths[transport.ufrag_count] = length
    transport.ufrag_count += 1
    if ufrag_table_put(&plane.ufrags, ufrag, length, transport) < 0:
        drop(plane, transport, DROP_TABLE_FULL)


cdef void unlink_transport(PlaneState *plane, Transport *transport) noexcept nogil:
    if not transport.linked:
        return
    transport.linked = 0
    while transport.publications != NULL:
        unlink_publication(plane, transport.publications)
    while transport.routes != NULL:
        unlink_route(plane, transport.routes)
    backlog_forget_transport(plane, transport)
    while transport.connections != NULL:
        link_lost(plane, transport.connections)
    while transport.address_count:
        _unlink_address(plane, transport, transport.address_count - 1)
    while transport.ufrag_count:
        _unlink_ufrag(plane, transport, transport.ufrag_count - 1)
    probe_forget(plane, transport)
    if plane.next_to_serve == transport:
        plane.next_to_serve = transport.next
    if transport.previous != NULL:
        transport.previous.next = transport.next
    else:
        plane.transports = transport.next
    if transport.next != NULL:
        transport.next.previous = transport.previous
    plane.transport_count -= 1


cdef void link_publication(PlaneState *plane, Publication *publication) noexcept nogil:
    """The newest publication of a track feeds its routes; an older one's packets are dropped from now on."""
    cdef Transport *transport = publication.transport
    if not transport.linked:
        return
    if transport.publications == NULL:
        _link_publisher(plane, transport)
    publication.next = transport.publications
    transport.publications = publication
    publication.next_in_track = publication.track.publications
    publication.track.publications = publication
    publication.track.publication = publication
    publication.linked = 1


cdef void unlink_publication(PlaneState *plane, Publication *publication) noexcept nogil:
    cdef Transport *transport = publication.transport
    cdef Publication **at = &transport.publications
    cdef Stream *stream
    cdef int layer
    if not publication.linked:
        return
    publication.linked = 0
    for layer in range(publication.layer_count):
        stream = publication.streams[layer]
        burst_forget(plane, stream)
        admission_release(plane, stream)
    while at[0] != publication:
        at = &at[0].next
    at[0] = publication.next
    at = &publication.track.publications
    while at[0] != publication:
        at = &at[0].next_in_track
    at[0] = publication.next_in_track
    if publication.track.publication == publication:
        # Whoever published before it and is still there feeds the track again.
        publication.track.publication = publication.track.publications
    if transport.publications == NULL:
        _unlink_publisher(plane, transport)


cdef void link_route(PlaneState *plane, Route *route) noexcept nogil:
    cdef Track *track = route.track
    cdef Transport *transport = route.transport
    if not transport.linked or not track.linked:
        return
    route.previous_in_track = NULL
    route.next_in_track = track.routes
    if track.routes != NULL:
        track.routes.previous_in_track = route
    track.routes = route
    track.route_count += 1
    route.next_in_transport = transport.routes
    transport.routes = route
    ssrc_table_put(&transport.route_ssrcs, route.ssrc, route)
    if route.rtx_ssrc:
        ssrc_table_put(&transport.route_ssrcs, route.rtx_ssrc, route)
    route.linked = 1
    if transport.ready and not route.paused:
        keyframe_want(plane, track, route.layer)


cdef void _forget_sent(Transport *transport, uint32_t ssrc) noexcept nogil:
    """Give back libsrtp's memory of an SSRC that is sent no more. Control never uses it again under these keys."""
    if ssrc and transport.srtp_sender != NULL:
        srtp_remove_stream(transport.srtp_sender, htonl(ssrc))


cdef void unlink_route(PlaneState *plane, Route *route) noexcept nogil:
    cdef Route **at = &route.transport.routes
    if not route.linked:
        return
    route.linked = 0
    burst_skip(plane, route)
    backlog_forget_route(plane, route)
    if route.previous_in_track != NULL:
        route.previous_in_track.next_in_track = route.next_in_track
    else:
        route.track.routes = route.next_in_track
    if route.next_in_track != NULL:
        route.next_in_track.previous_in_track = route.previous_in_track
    route.track.route_count -= 1
    while at[0] != route:
        at = &at[0].next_in_transport
    at[0] = route.next_in_transport
    ssrc_table_remove_value(&route.transport.route_ssrcs, route)
    if route.transport.linked:      # else all of its keys go
        _forget_sent(route.transport, route.ssrc)
        _forget_sent(route.transport, route.rtx_ssrc)


cdef void unlink_track(PlaneState *plane, Track *track) noexcept nogil:
    track.linked = 0
    while track.publications != NULL:
        unlink_publication(plane, track.publications)
    while track.routes != NULL:
        unlink_route(plane, track.routes)
    track.taps = NULL


cdef void link_tap(Tap *tap) noexcept nogil:
    tap.next = tap.track.taps
    tap.track.taps = tap
    tap.linked = 1


cdef void unlink_tap(Tap *tap) noexcept nogil:
    cdef Tap **at = &tap.track.taps
    if not tap.linked:
        return
    tap.linked = 0
    while at[0] != NULL and at[0] != tap:
        at = &at[0].next
    if at[0] == tap:
        at[0] = tap.next


cdef void link_mirror_near(Mirror *mirror) noexcept nogil:
    mirror.next = mirror.near.mirrors
    mirror.near.mirrors = mirror
    mirror.near_linked = 1


cdef void unlink_mirror_near(Mirror *mirror) noexcept nogil:
    cdef Mirror **at = &mirror.near.mirrors
    if not mirror.near_linked:
        return
    mirror.near_linked = 0
    while at[0] != mirror:
        at = &at[0].next
    at[0] = mirror.next
