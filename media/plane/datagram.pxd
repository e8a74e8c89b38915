"""A datagram's first steps; see datagram.pyx."""

from libc.stdint cimport uint8_t

from media.plane.address cimport Address
from media.plane.model cimport PlaneState, Socket, Transport
from media.plane.net cimport msghdr

cdef bint datagram_receive(PlaneState *plane, Socket *socket, int most) noexcept nogil
cdef void datagram_take(PlaneState *plane, const Address *remote, msghdr *header, uint8_t *packet,
                        int length) noexcept nogil
cdef void address_from_name(const void *name, int family, Address *address) noexcept nogil
cdef int address_to_name(const Address *address, int family, void *name) noexcept nogil
cdef int address_to_control(const Address *local, int family, uint8_t *control) noexcept nogil
cdef int receiver_init(PlaneState *plane) noexcept nogil
