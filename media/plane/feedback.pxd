"""Inbound RTCP; see feedback.pyx."""

from libc.stdint cimport uint8_t

from media.plane.model cimport PlaneState, Transport

cdef void feedback_packet(PlaneState *plane, Transport *transport, uint8_t *packet, int length) noexcept nogil
