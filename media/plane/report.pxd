"""Outbound RTCP; see report.pyx."""

from media.plane.model cimport PlaneState

cdef enum:
    TICK_NS = 5000000           # how often publishers are looked after

cdef void report_tick(PlaneState *plane) noexcept nogil
