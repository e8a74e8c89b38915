"""Handles of the plane's objects for control; see objects.pyx."""

from libc.stdint cimport uint64_t

from media.plane.command cimport Command, CommandKind
from media.plane.model cimport Address, Publication, Route, Socket, Stream, Track, Transport
from media.plane.thread cimport PlaneThread

cdef uint64_t next_id() noexcept
cdef int fill_address(Address *address, object pair) except -1
cdef Stream *new_stream(bint is_video) except NULL
cdef void free_stream(Stream *stream) noexcept
cdef void *allocate_lines(size_t size) noexcept
cdef int count_live(str kind, int change) except -1

cdef class PlaneTransport:
    cdef Transport *state
    cdef Socket own_socket
    cdef readonly PlaneThread thread
    cdef readonly uint64_t id
    cdef readonly object keys
    cdef list former_keys
    cdef readonly object socket
    cdef int closing
    cdef Command *_begin(self, CommandKind kind) except NULL

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
