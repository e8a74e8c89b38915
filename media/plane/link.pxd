"""Linking objects into the plane's lists and tables, and out of them; see link.pyx."""

from libc.stdint cimport uint8_t

from media.plane.address cimport Address
from media.plane.model cimport Connection, Mirror, PlaneState, Publication, Route, Tap, Track, Transport

cdef void link_transport(PlaneState *plane, Transport *transport) noexcept nogil
cdef void link_ready(PlaneState *plane, Transport *transport) noexcept nogil
cdef bint link_address(PlaneState *plane, Transport *transport, const Address *address) noexcept nogil
cdef bint link_holds(PlaneState *plane, const Transport *holder, const Transport *other,
                     const Address *address) noexcept nogil
cdef void link_heard(PlaneState *plane, Transport *transport, const Address *address) noexcept nogil
cdef void unlink_address(PlaneState *plane, Transport *transport, const Address *address) noexcept nogil
cdef void link_lost(PlaneState *plane, Connection *connection) noexcept nogil
cdef void link_ufrag(PlaneState *plane, Transport *transport, const uint8_t *ufrag, int length) noexcept nogil
cdef void unlink_ufrag(PlaneState *plane, Transport *transport, const uint8_t *ufrag, int length) noexcept nogil
cdef void unlink_transport(PlaneState *plane, Transport *transport) noexcept nogil
cdef void link_publication(PlaneState *plane, Publication *publication) noexcept nogil
cdef void unlink_publication(PlaneState *plane, Publication *publication) noexcept nogil
cdef void link_route(PlaneState *plane, Route *route) noexcept nogil
cdef void unlink_route(PlaneState *plane, Route *route) noexcept nogil
cdef void unlink_track(PlaneState *plane, Track *track) noexcept nogil
cdef void link_tap(Tap *tap) noexcept nogil
cdef void unlink_tap(Tap *tap) noexcept nogil
cdef void link_mirror_near(Mirror *mirror) noexcept nogil
cdef void unlink_mirror_near(Mirror *mirror) noexcept nogil
