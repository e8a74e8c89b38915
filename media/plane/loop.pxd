"""The loop of a plane thread; see loop.pyx."""

from media.plane.model cimport PlaneState

cdef void plane_loop(PlaneState *plane) noexcept nogil
