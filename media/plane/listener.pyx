# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Peers that come over TCP (RFC 6544, passive): accepted, read, looked after. A frame is taken as a datagram would be.

What a stranger may hold is bounded: so many connections in all and from one address, a few seconds until a valid check,
and nothing before a check that names a ufrag of ours. The first one says whose the connection is, for good. It is
closed when no valid check came over it for as long as a consent lasts, when its address is forgotten, with its
transport, and for a frame that is larger than a datagram may be.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcmp

from media.plane.address cimport Address
from media.plane.connection cimport connection_name, connection_new, connection_send, connection_until
from media.plane.datagram cimport address_from_name, datagram_take
from media.plane.framing cimport FRAME_MORE, FRAME_TOO_LARGE, frame_read
from media.plane.link cimport link_lost
from media.plane.model cimport (
    DROP_CONNECTION_REFUSED, DROP_CONNECTION_UNKNOWN, DROP_UNKNOWN_DATAGRAM, MAX_ADDRESSES, Transport, drop,
)
from media.plane.net cimport (
    EAGAIN, ECONNABORTED, EINTR, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLLIN, EPOLLOUT, MSG_DONTWAIT, SOCK_CLOEXEC,
    SOCK_NONBLOCK, accept4, close_descriptor, epoll_ctl, epoll_event, errno, getpeername, monotonic_ns, recv,
    sockaddr_in6,
)
from media.plane.stunfilter cimport DATAGRAM_STUN, STUN_BINDING_REQUEST, datagram_kind, stun_filter
from media.plane.table cimport ufrag_table_get

cdef enum:
    ACCEPTS_A_TURN = 16
    READ_BYTES = 16384          # of one connection in one turn; epoll reports what is left
    MAX_STRANGERS = 256         # connections without a valid check
    MAX_STRANGERS_OF_ONE = 32   # of them from one address, which may be that of a whole office
    LOOK_NS = 500000000


cdef inline bint _is_neighbour(const Address *left, const Address *right) noexcept nogil:
    """The same IPv4 address, or the same /64 of IPv6: nobody has less of that."""
    cdef int length = 16 if left.ip[10] == 0xFF and left.ip[11] == 0xFF and left.ip[0] == 0 else 8
    return memcmp(left.ip, right.ip, length) == 0


cdef bint _is_welcome(PlaneState *plane, const Address *remote) noexcept nogil:
    cdef Connection *other = plane.strangers
    cdef int count = 0
    if plane.stranger_count >= MAX_STRANGERS or plane.connection_count >= plane.max_connections:
        return False
    while other != NULL:
        count += _is_neighbour(remote, &other.remote)
        other = other.next
    return count < MAX_STRANGERS_OF_ONE


cdef void _watch(PlaneState *plane, bint on) noexcept nogil:
    cdef epoll_event event
    event.events = EPOLLIN
    event.data.ptr = &plane.listener.watch
    epoll_ctl(plane.epoll, EPOLL_CTL_ADD if on else EPOLL_CTL_DEL, plane.listener.fd, &event)
    plane.listener_rests = not on


cdef void _begin(PlaneState *plane, int fd, const sockaddr_in6 *name, int family) noexcept nogil:
    """Let a stranger's connection begin, or close it."""
    cdef Address remote
    address_from_name(name, family, &remote)
    if not _is_welcome(plane, &remote):
        drop(plane, NULL, DROP_CONNECTION_REFUSED)
        close_descriptor(fd)
    elif connection_new(plane, fd, &remote) == NULL:
        drop(plane, NULL, DROP_CONNECTION_REFUSED)


cdef void listener_take(PlaneState *plane, int fd, int family) noexcept nogil:
    """Take a connection that came in at another door, with its first frame still to be read."""
    cdef sockaddr_in6 name
    cdef unsigned int length = sizeof(name)
    if getpeername(fd, &name, &length) == 0:
        _begin(plane, fd, &name, family)
    else:
        close_descriptor(fd)            # it has ended meanwhile


cdef void listener_accept(PlaneState *plane) noexcept nogil:
    """Take waiting connections, those that are one too many to be closed at once."""
    cdef sockaddr_in6 name
    cdef unsigned int length
    cdef int taken, fd
    for taken in range(ACCEPTS_A_TURN):
        length = sizeof(name)
        fd = accept4(plane.listener.fd, &name, &length, SOCK_NONBLOCK | SOCK_CLOEXEC)
        if fd < 0:
            # Out of descriptors or memory: it would be reported again and again until others have closed theirs.
            if errno != EAGAIN and errno != EINTR and errno != ECONNABORTED:
                _watch(plane, False)
            return
        _begin(plane, fd, &name, plane.listener.family)


cdef int _strangers_of(const Transport *transport) noexcept nogil:
    cdef Connection *connection = transport.connections
    cdef int count = 0
    while connection != NULL:
        count += not connection.validated
        connection = connection.next_in_transport
    return count


cdef bint _is_its(PlaneState *plane, Connection *connection, const uint8_t *frame, int length) noexcept nogil:
    """Whether a frame may come over this connection; the first one says whose it is.

    A check of another transport would be another candidate pair, and that has a connection of its own. One that names
    nobody may be of an ICE generation that has ended.
    """
    cdef const uint8_t *ufrag
    cdef int ufrag_length
    cdef Transport *transport
    if datagram_kind(frame, length) != DATAGRAM_STUN:
        return connection.transport != NULL
    if stun_filter(frame, length, &ufrag, &ufrag_length) != STUN_BINDING_REQUEST:
        return connection.transport != NULL
    transport = <Transport *>ufrag_table_get(&plane.ufrags, ufrag, ufrag_length)
    if connection.transport != NULL:
        return transport == NULL or transport == connection.transport
    if transport == NULL or _strangers_of(transport) >= MAX_ADDRESSES:
        return False
    connection_name(connection, transport)
    return True


cdef void _read(PlaneState *plane, Connection *connection) noexcept nogil:
    cdef uint8_t data[READ_BYTES]
    cdef const uint8_t *at = data
    cdef const uint8_t *end
    cdef int length
    cdef Py_ssize_t count = recv(connection.fd, data, READ_BYTES, MSG_DONTWAIT)
    if count <= 0:
        if count == 0 or (errno != EAGAIN and errno != EINTR):
            link_lost(plane, connection)
        return
    # Not earlier, as for datagrams.
    plane.now_ns = monotonic_ns()
    end = data + count
    while True:
        length = frame_read(&connection.reader, &at, end)
        if length == FRAME_MORE:
            return
        if length == FRAME_TOO_LARGE:
            drop(plane, connection.transport, DROP_UNKNOWN_DATAGRAM)
            link_lost(plane, connection)
            return
        plane.received_packets += 1
        if not _is_its(plane, connection, connection.frame, length):
            drop(plane, connection.transport, DROP_CONNECTION_UNKNOWN)
            link_lost(plane, connection)
            return
        datagram_take(plane, &connection.remote, NULL, connection.frame, length)


cdef void listener_serve(PlaneState *plane, Connection *connection, uint32_t events) noexcept nogil:
    """Do what epoll reported of a connection; it may be gone afterwards."""
    if events & EPOLLOUT:
        connection_send(plane, connection)
    if events & ~EPOLLOUT:
        _read(plane, connection)


cdef void _end_late(PlaneState *plane, Connection *first) noexcept nogil:
    cdef Connection *connection = first
    cdef Connection *next
    while connection != NULL:
        next = connection.next
        if plane.now_ns >= connection_until(plane, connection):
            drop(plane, connection.transport, DROP_CONNECTION_UNKNOWN)
            link_lost(plane, connection)
        connection = next


cdef void listener_look(PlaneState *plane) noexcept nogil:
    """End the connections whose time is over, twice a second; called at every tick."""
    if plane.now_ns < plane.next_look_ns:
        return
    plane.next_look_ns = plane.now_ns + LOOK_NS
    _end_late(plane, plane.strangers)
    _end_late(plane, plane.connections)
    if plane.listener_rests:
        _watch(plane, True)


cdef void listener_close(PlaneState *plane) noexcept nogil:
    """End all connections; the thread has stopped."""
    while plane.strangers != NULL:
        link_lost(plane, plane.strangers)
    while plane.connections != NULL:
        link_lost(plane, plane.connections)
