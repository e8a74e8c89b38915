"""Padding that tries whether a link carries more. See probe.pyx."""

from libc.stdint cimport int64_t

from media.plane.model cimport PlaneState, Transport

cdef void probe_set(PlaneState *plane, Transport *transport, int64_t bps) noexcept nogil
cdef void probe_due(PlaneState *plane) noexcept nogil
cdef void probe_forget(PlaneState *plane, Transport *transport) noexcept nogil
