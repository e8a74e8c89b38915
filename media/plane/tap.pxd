"""A tap: a stream's packets written to a worker's ring; see tap.pyx."""

from media.plane.model cimport PacketSlot, PlaneState, Stream, Tap

cdef void tap_packet(PlaneState *plane, Tap *tap, Stream *stream, const PacketSlot *slot) noexcept nogil
