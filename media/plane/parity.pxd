"""Parities of a route on their way; see parity.pyx."""

from media.plane.model cimport PlaneState, Route

cdef void parity_send(PlaneState *plane, Route *route, int count) noexcept nogil
