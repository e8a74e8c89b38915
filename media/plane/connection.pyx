# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""A peer's TCP connection (RFC 6544, passive): its lists, its end, and what waits to be sent on it.

All packets of one wake-up for one connection leave in one call. What the kernel does not take waits here and not there,
because here whole frames can still be dropped: what is too old, or what there is no room for. Pictures go before
sounds, which are missed first and take little room. The kernel holds only what is on its way and little more
(sockets.py sets that); nobody waits for a peer that does not read.

A connection is made where it is accepted, so the thread takes its memory and gives it back. Nothing of control's points
to one: control knows its number and its far end.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

from media.plane.address cimport address_is
from media.plane.framing cimport frame_commit, frame_forget, frame_room, frame_sent, frame_waits
from media.plane.model cimport DATAGRAM_CAPACITY, DROP_NOT_TAKEN, WATCH_CONNECTION, Route, drop
from media.plane.net cimport (
    EAGAIN, EINTR, EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLLIN, EPOLLOUT, MSG_DONTWAIT, MSG_NOSIGNAL, close_descriptor,
    epoll_ctl, epoll_event, errno, send,
)
from media.plane.rtp cimport read32
from media.plane.table cimport ssrc_table_get

cdef enum:
    QUEUE_BYTES = 262144        # a keyframe of 1080p and what goes with it; most is never touched
    STALE_NS = 400000000        # pictures that have waited longer are dropped: they would only hold up what is newer
    SOUND_BYTES = 8192          # a second or two of speech: more would be heard far too late
    RTP_FIRST = 128             # first byte (RFC 7983)
    RTP_END = 192
    RTCP_FIRST = 192            # second byte (RFC 5761)
    RTCP_END = 224


cdef int _watch(PlaneState *plane, Connection *connection, int how, int events) noexcept nogil:
    cdef epoll_event event
    event.events = events
    event.data.ptr = &connection.watch
    return epoll_ctl(plane.epoll, how, connection.fd, &event)


cdef inline void _link(Connection **first, Connection *connection) noexcept nogil:
    connection.previous = NULL
    connection.next = first[0]
    if first[0] != NULL:
        first[0].previous = connection
    first[0] = connection


cdef inline void _unlink(Connection **first, Connection *connection) noexcept nogil:
    if connection.previous != NULL:
        connection.previous.next = connection.next
    else:
        first[0] = connection.next
    if connection.next != NULL:
        connection.next.previous = connection.previous


cdef Connection *connection_new(PlaneState *plane, int fd, const Address *remote) noexcept nogil:
    """Take an accepted socket as a stranger's and watch it; NULL, and the socket closed, without memory for it."""
    cdef Connection *connection = <Connection *>calloc(1, sizeof(Connection))
    if connection != NULL:
        connection.queue.bytes = <uint8_t *>malloc(QUEUE_BYTES)
        connection.fd = fd
        connection.watch.kind = WATCH_CONNECTION
        connection.watch.object = connection
        if connection.queue.bytes == NULL or _watch(plane, connection, EPOLL_CTL_ADD, EPOLLIN) != 0:
            free(connection.queue.bytes)
            free(connection)
            connection = NULL
    if connection == NULL:
        close_descriptor(fd)
        return NULL
    connection.queue.capacity = QUEUE_BYTES
    connection.reader.frame = connection.frame
    connection.reader.capacity = DATAGRAM_CAPACITY
    connection.remote = remote[0]
    # So far apart that what control still says of one that has ended never meets another: 0 is for datagrams.
    plane.connections_numbered += 1
    if plane.connections_numbered == 0:
        plane.connections_numbered = 1
    connection.remote.connection = plane.connections_numbered
    connection.until_ns = plane.now_ns + plane.stranger_ns
    _link(&plane.strangers, connection)
    plane.stranger_count += 1
    plane.connection_count += 1
    return connection


cdef void connection_name(Connection *connection, Transport *transport) noexcept nogil:
    """It is this transport's from now on, if its checks are valid."""
    connection.transport = transport
    connection.next_in_transport = transport.connections
    transport.connections = connection


cdef Connection *connection_find(const Transport *transport, const Address *address) noexcept nogil:
    """The transport's connection with this far end; NULL when it has ended."""
    cdef Connection *connection = transport.connections
    while connection != NULL and not address_is(&connection.remote, address):
        connection = connection.next_in_transport
    return connection


cdef void connection_validate(PlaneState *plane, Connection *connection) noexcept nogil:
    """A valid check came over it: it is no stranger's, and may stay for as long as a consent lasts."""
    connection.until_ns = plane.now_ns + plane.connection_idle_ns
    if not connection.validated:
        connection.validated = 1
        _unlink(&plane.strangers, connection)
        plane.stranger_count -= 1
        _link(&plane.connections, connection)


cdef int64_t connection_until(const PlaneState *plane, const Connection *connection) noexcept nogil:
    """When its time is over, with the checks that the plane has answered by itself."""
    cdef const Transport *transport = connection.transport
    cdef int64_t consent_ns = 0
    if transport != NULL and transport.connection == connection:
        consent_ns = transport.consent_ns + plane.connection_idle_ns
    return consent_ns if consent_ns > connection.until_ns else connection.until_ns


cdef void _forget_news(PlaneState *plane, Connection *connection) noexcept nogil:
    cdef Connection **at = &plane.news
    if not connection.has_news:
        return
    while at[0] != connection:
        at = &at[0].next_with_news
    at[0] = connection.next_with_news


cdef void _leave_transport(Connection *connection) noexcept nogil:
    cdef Transport *transport = connection.transport
    cdef Connection **at
    if transport == NULL:
        return
    at = &transport.connections
    while at[0] != connection:
        at = &at[0].next_in_transport
    at[0] = connection.next_in_transport
    if transport.connection == connection:
        # Until the peer chooses again. Its consent runs out meanwhile.
        transport.connection = NULL
        transport.has_remote = 0
        transport.ready = 0


cdef void connection_end(PlaneState *plane, Connection *connection) noexcept nogil:
    """Close it and forget it. Its address must be nobody's any more (link_lost)."""
    _forget_news(plane, connection)
    _leave_transport(connection)
    if connection.validated:
        _unlink(&plane.connections, connection)
    else:
        _unlink(&plane.strangers, connection)
        plane.stranger_count -= 1
    plane.connection_count -= 1
    close_descriptor(connection.fd)     # epoll forgets it by itself: nobody else has the descriptor
    free(connection.queue.bytes)
    free(connection)


cdef bint _is_no_picture(const void *about, const uint8_t *frame, int length) noexcept nogil:
    """Whether it is sound, or what is no medium at all: checks, DTLS, reports."""
    cdef const Transport *transport = <const Transport *>about
    cdef Route *route
    if length < 12 or not RTP_FIRST <= frame[0] < RTP_END or RTCP_FIRST <= frame[1] < RTCP_END:
        return True
    route = <Route *>ssrc_table_get(&transport.route_ssrcs, read32(frame + 8))
    return route != NULL and not route.track.is_video


cdef void _forget_pictures(PlaneState *plane, Connection *connection) noexcept nogil:
    cdef int forgotten
    for forgotten in range(
        frame_forget(&connection.queue, _is_no_picture, connection.transport, SOUND_BYTES, plane.now_ns)
    ):
        drop(plane, connection.transport, DROP_NOT_TAKEN)


cdef uint8_t *connection_room(PlaneState *plane, Connection *connection, int length) noexcept nogil:
    """Return where the next packet is to be written; somewhere it is thrown away from when there is no room."""
    cdef uint8_t *room
    if frame_waits(&connection.queue, STALE_NS, plane.now_ns):
        _forget_pictures(plane, connection)
    room = frame_room(&connection.queue, length)
    if room == NULL:
        _forget_pictures(plane, connection)
        room = frame_room(&connection.queue, length)
    return room if room != NULL else plane.spill


cdef void connection_commit(PlaneState *plane, Transport *transport, uint8_t *start, int length) noexcept nogil:
    """Add the packet that was written at the address `connection_room` gave."""
    cdef Connection *connection = transport.connection
    if start == plane.spill:
        drop(plane, transport, DROP_NOT_TAKEN)
        return
    frame_commit(&connection.queue, length, plane.now_ns)
    plane.sent_packets += 1
    plane.sent_octets += length
    transport.sent_packets += 1
    transport.sent_octets += length
    if not connection.has_news and not connection.waits_for_room:
        connection.has_news = 1
        connection.next_with_news = plane.news
        plane.news = connection


cdef void connection_send(PlaneState *plane, Connection *connection) noexcept nogil:
    """Hand to the kernel what it takes; what is left waits for its word."""
    cdef int left = connection.queue.last - connection.queue.first
    cdef Py_ssize_t sent
    if left:
        plane.send_calls += 1
        sent = send(connection.fd, connection.queue.bytes + connection.queue.first, left, MSG_DONTWAIT | MSG_NOSIGNAL)
        if sent >= 0:
            plane.sent_messages += 1
            frame_sent(&connection.queue, <int>sent, plane.now_ns)
        elif errno != EAGAIN and errno != EINTR:
            frame_sent(&connection.queue, left, plane.now_ns)   # it has broken, as epoll tells next
    left = connection.queue.last - connection.queue.first
    if (left > 0) != connection.waits_for_room:
        connection.waits_for_room = left > 0
        _watch(plane, connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT if left else EPOLLIN)


cdef void connection_put(PlaneState *plane, Transport *transport, const Address *remote, const uint8_t *packet,
                         int length) noexcept nogil:
    """Send one packet at once, on whichever of the transport's connections; none, when that has ended."""
    cdef Connection *connection = connection_find(transport, remote)
    cdef uint8_t *room
    if connection == NULL:
        return
    room = connection_room(plane, connection, length)
    if room == plane.spill:
        drop(plane, transport, DROP_NOT_TAKEN)
        return
    memcpy(room, packet, length)
    frame_commit(&connection.queue, length, plane.now_ns)
    if not connection.waits_for_room:
        connection_send(plane, connection)


cdef void connection_flush(PlaneState *plane) noexcept nogil:
    """Send what this wake-up brought for each connection."""
    cdef Connection *connection
    while plane.news != NULL:
        connection = plane.news
        plane.news = connection.next_with_news
        connection.has_news = 0
        connection_send(plane, connection)
