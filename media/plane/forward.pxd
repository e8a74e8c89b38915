"""What one route gets of a stream; see forward.pyx."""

from libc.stdint cimport uint8_t, uint16_t

from media.plane.model cimport PacketSlot, PlaneState, Route, Stream

cdef void forward_served(PlaneState *plane, Route *route, Stream *stream) noexcept nogil
cdef void forward_waited(PlaneState *plane, Route *route, const PacketSlot *slot, uint8_t padding,
                         bint begins) noexcept nogil
cdef void forward_again(PlaneState *plane, Route *route, uint16_t sequence) noexcept nogil
