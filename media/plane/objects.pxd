"""Handles of tracks, publications and routes for control; see objects.pyx."""

from libc.stdint cimport uint64_t

from media.plane.model cimport Publication, Route, Track
from media.plane.thread cimport PlaneThread
from media.plane.transport cimport PlaneTransport

cdef class PlaneTrack:
    cdef Track *state
    cdef readonly PlaneThread thread
    cdef readonly uint64_t id
    cdef readonly bint is_video
    cdef int closing

cdef class PlanePublication:
    cdef Publication *state
    cdef readonly PlaneTransport transport
    cdef readonly PlaneTrack track
    cdef readonly uint64_t id
    cdef int closing

cdef class PlaneRoute:
    cdef Route *state
    cdef readonly PlaneTransport transport
    cdef readonly PlaneTrack track
    cdef readonly uint64_t id
    cdef int closing
