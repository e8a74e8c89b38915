"""Where peers' TCP connections come in; see listener.pyx."""

from libc.stdint cimport uint32_t

from media.plane.model cimport Connection, PlaneState

cdef void listener_accept(PlaneState *plane) noexcept nogil
cdef void listener_take(PlaneState *plane, int fd, int family) noexcept nogil
cdef void listener_serve(PlaneState *plane, Connection *connection, uint32_t events) noexcept nogil
cdef void listener_look(PlaneState *plane) noexcept nogil
cdef void listener_close(PlaneState *plane) noexcept nogil
