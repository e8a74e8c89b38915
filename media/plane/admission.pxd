"""The SSRCs a transport has heard; see admission.pyx."""

from libc.stdint cimport uint32_t

from media.plane.model cimport PlaneState, Stream, Transport

cdef Stream *admission_media(Transport *transport, uint32_t ssrc) noexcept nogil
cdef Stream *admission_repair(Transport *transport, uint32_t ssrc) noexcept nogil
cdef bint admission_admits(PlaneState *plane, Transport *transport, uint32_t ssrc) noexcept nogil
cdef bint admission_note(PlaneState *plane, Transport *transport, uint32_t ssrc) noexcept nogil
cdef void admission_bind_media(PlaneState *plane, Stream *stream, uint32_t ssrc) noexcept nogil
cdef void admission_bind_repair(PlaneState *plane, Stream *stream, uint32_t ssrc) noexcept nogil
cdef void admission_release(PlaneState *plane, Stream *stream) noexcept nogil
