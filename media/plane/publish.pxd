"""Inbound RTP; see publish.pyx."""

from libc.stdint cimport uint8_t, uint32_t

from media.plane.model cimport PlaneState, Stream, Transport

cdef void publish_packet(PlaneState *plane, Transport *transport, uint8_t *packet, int length) noexcept nogil
cdef bint publish_admits(PlaneState *plane, Transport *transport, uint32_t ssrc) noexcept nogil
cdef void publish_note(Transport *transport, uint32_t ssrc) noexcept nogil
cdef Stream *publish_stream(Transport *transport, uint32_t ssrc) noexcept nogil
