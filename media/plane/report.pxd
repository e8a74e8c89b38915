"""Outbound RTCP; see report.pyx."""

from media.plane.model cimport PlaneState

cdef enum:
    # How often publishers are looked after when nothing is urgent: as soon as packets wake the thread anyway, since a
    # wake-up of its own costs more than the tick, and at the latest.
    TICK_NS = 20000000
    TICK_LATEST_NS = 40000000

cdef void report_tick(PlaneState *plane) noexcept nogil
