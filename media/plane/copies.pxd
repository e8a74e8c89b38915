"""Handles of a track's copies: taps to workers, mirrors to other plane threads; see copies.pyx."""

from libc.stdint cimport uint64_t

from media.plane.model cimport Mirror, Tap
from media.plane.objects cimport PlaneTrack
from media.plane.tapring cimport TapRingView

cdef class PlaneTap:
    cdef Tap *state
    cdef readonly PlaneTrack track
    cdef readonly TapRingView ring
    cdef readonly uint64_t id
    cdef int closing

cdef class PlaneMirror:
    cdef Mirror *state
    cdef readonly PlaneTrack near
    cdef readonly PlaneTrack far
    cdef readonly uint64_t id
    cdef int closing
    cdef int held               # by how many threads
