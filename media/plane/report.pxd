"""Outbound RTCP; see report.pyx."""

from media.plane.model cimport PlaneState

cdef enum:
    TICK_NS = 20000000          # how often publishers are looked after when nothing is urgent

cdef void report_tick(PlaneState *plane) noexcept nogil
