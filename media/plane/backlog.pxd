"""Pictures that wait for room in a viewer's link; see backlog.pyx."""

from libc.stdint cimport uint8_t

from media.plane.model cimport PacketSlot, PlaneState, Route, Stream, Transport

cdef enum:
    BACKLOG_TURN_NS = 5000000       # between two looks at what waits

cdef bint backlog_passes(PlaneState *plane, Route *route, Stream *stream) noexcept nogil
cdef void backlog_add(PlaneState *plane, Route *route, Stream *stream, const PacketSlot *slot, uint8_t padding,
                      bint begins) noexcept nogil
cdef void backlog_begin(PlaneState *plane, Transport *transport) noexcept nogil
cdef void backlog_serve(PlaneState *plane) noexcept nogil
cdef void backlog_forget_route(PlaneState *plane, Route *route) noexcept nogil
cdef void backlog_forget_stream(PlaneState *plane, Stream *stream) noexcept nogil
cdef void backlog_forget_transport(PlaneState *plane, Transport *transport) noexcept nogil
