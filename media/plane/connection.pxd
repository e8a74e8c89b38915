"""Peers' TCP connections; see connection.pyx."""

from libc.stdint cimport int64_t, uint8_t

from media.plane.address cimport Address
from media.plane.model cimport Connection, PlaneState, Transport

cdef Connection *connection_new(PlaneState *plane, int fd, const Address *remote) noexcept nogil
cdef void connection_name(Connection *connection, Transport *transport) noexcept nogil
cdef Connection *connection_find(const Transport *transport, const Address *address) noexcept nogil
cdef void connection_validate(PlaneState *plane, Connection *connection) noexcept nogil
cdef int64_t connection_until(const PlaneState *plane, const Connection *connection) noexcept nogil
cdef void connection_end(PlaneState *plane, Connection *connection) noexcept nogil
cdef uint8_t *connection_room(PlaneState *plane, Connection *connection, int length) noexcept nogil
cdef void connection_commit(PlaneState *plane, Transport *transport, uint8_t *start, int length) noexcept nogil
cdef void connection_send(PlaneState *plane, Connection *connection) noexcept nogil
cdef void connection_put(PlaneState *plane, Transport *transport, const Address *remote, const uint8_t *packet,
                         int length) noexcept nogil
cdef void connection_flush(PlaneState *plane) noexcept nogil
