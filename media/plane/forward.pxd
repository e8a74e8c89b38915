"""What one route gets of a stream; see forward.pyx."""

from libc.stdint cimport uint16_t

from media.plane.model cimport PlaneState, Route, Stream

cdef void forward_served(PlaneState *plane, Route *route, Stream *stream) noexcept nogil
cdef void forward_again(PlaneState *plane, Route *route, uint16_t sequence) noexcept nogil
