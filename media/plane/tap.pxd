"""A tap: a stream's packets written to a worker's ring; see tap.pyx."""

from media.plane.model cimport PacketSlot, PlaneState, Stream

cdef void tap_packet(PlaneState *plane, Stream *stream, const PacketSlot *slot) noexcept nogil
