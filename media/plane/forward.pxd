"""Fan-out from a stream to its routes, and resending to one; see forward.pyx."""

from libc.stdint cimport int64_t, uint16_t

from media.plane.model cimport PacketSlot, PlaneState, Route, Stream

cdef void forward_burst(PlaneState *plane, Stream *stream) noexcept nogil
cdef void forward_make_room(PlaneState *plane, Stream *stream, const PacketSlot *slot) noexcept nogil
cdef void forward_enqueue(PlaneState *plane, Stream *stream, PacketSlot *slot) noexcept nogil
cdef void forward_due(PlaneState *plane) noexcept nogil
cdef void forward_forget(PlaneState *plane, Stream *stream) noexcept nogil
cdef void forward_again(PlaneState *plane, Route *route, uint16_t sequence) noexcept nogil
