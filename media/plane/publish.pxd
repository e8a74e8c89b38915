"""Inbound RTP; see publish.pyx."""

from libc.stdint cimport uint8_t

from media.plane.model cimport PlaneState, Transport

cdef void publish_packet(PlaneState *plane, Transport *transport, uint8_t *packet, int length) noexcept nogil
