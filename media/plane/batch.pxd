"""The outgoing batch of one wake-up; see batch.pyx."""

from libc.stdint cimport uint8_t

from media.plane.model cimport Batch, PlaneState, Transport

cdef enum:
    UDP_IP_BYTES = 28           # what a link carries beside each datagram, over IPv4
    TAG_BYTES = 16              # SRTP's, of AES-GCM

cdef int batch_init(Batch *batch) noexcept nogil
cdef void batch_free(Batch *batch) noexcept nogil
cdef uint8_t *batch_room(PlaneState *plane, Transport *transport, int length) noexcept nogil
cdef void batch_commit(PlaneState *plane, Transport *transport, uint8_t *start, int length) noexcept nogil
cdef void batch_flush(PlaneState *plane) noexcept nogil
