"""Handles of a track's copies: taps to workers, mirrors to other plane threads; see copies.pyx."""

from media.plane.handle cimport PlaneHandle
from media.plane.model cimport Mirror, Tap
from media.plane.objects cimport PlaneTrack
from media.plane.tapring cimport TapRingView

cdef class PlaneTap(PlaneHandle):
    cdef Tap *state
    cdef readonly PlaneTrack track
    cdef readonly TapRingView ring

cdef class PlaneMirror(PlaneHandle):
    cdef Mirror *state
    cdef readonly PlaneTrack near
    cdef readonly PlaneTrack far
    cdef int held               # by how many threads
