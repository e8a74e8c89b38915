"""When the packets of a stream go out, and to whom first; see burst.pyx."""

from media.plane.model cimport PacketSlot, PlaneState, Route, Stream

cdef void burst_make_room(PlaneState *plane, Stream *stream, const PacketSlot *slot) noexcept nogil
cdef void burst_add(PlaneState *plane, Stream *stream, PacketSlot *slot) noexcept nogil
cdef void burst_send(PlaneState *plane, Stream *stream) noexcept nogil
cdef void burst_end(PlaneState *plane, Stream *stream) noexcept nogil
cdef void burst_due(PlaneState *plane) noexcept nogil
cdef void burst_serve(PlaneState *plane) noexcept nogil
cdef void burst_forget(PlaneState *plane, Stream *stream) noexcept nogil
cdef void burst_skip(PlaneState *plane, const Route *route) noexcept nogil
