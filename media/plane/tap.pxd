"""A tap: a stream's packets written to a worker's ring; see tap.pyx."""

from media.plane.model cimport PacketSlot, PlaneState, Stream, Tap

cdef void tap_begin(PlaneState *plane, Tap *tap) noexcept nogil
cdef void tap_packet(PlaneState *plane, Stream *stream, const PacketSlot *slot) noexcept nogil
cdef void tap_report(PlaneState *plane, Stream *stream) noexcept nogil
