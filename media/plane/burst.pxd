"""When the packets of a stream go out, and to whom first; see burst.pyx."""

from libc.stdint cimport uint32_t

from media.plane.model cimport PacketSlot, PlaneState, Route, Stream


cdef inline PacketSlot *burst_slot(Stream *stream, uint32_t index) noexcept nogil:
    """The packet `index` places after the first one in the stream's queue."""
    return &stream.cache[stream.queue[(stream.first + index) & stream.cache_mask]]


cdef void burst_make_room(PlaneState *plane, Stream *stream, const PacketSlot *slot) noexcept nogil
cdef void burst_add(PlaneState *plane, Stream *stream, PacketSlot *slot) noexcept nogil
cdef void burst_send(PlaneState *plane, Stream *stream) noexcept nogil
cdef void burst_due(PlaneState *plane) noexcept nogil
cdef void burst_serve(PlaneState *plane) noexcept nogil
cdef void burst_forget(PlaneState *plane, Stream *stream) noexcept nogil
cdef void burst_skip(PlaneState *plane, const Route *route) noexcept nogil
