"""Handles of tracks, publications and routes for control; see objects.pyx."""

from media.plane.handle cimport PlaneHandle
from media.plane.model cimport Publication, Route, Track
from media.plane.transport cimport PlaneTransport

cdef class PlaneTrack(PlaneHandle):
    cdef Track *state
    cdef readonly bint is_video

cdef class PlanePublication(PlaneHandle):
    cdef Publication *state
    cdef readonly PlaneTransport transport
    cdef readonly PlaneTrack track

cdef class PlaneRoute(PlaneHandle):
    cdef Route *state
    cdef set ssrcs
    cdef readonly PlaneTransport transport
    cdef readonly PlaneTrack track
