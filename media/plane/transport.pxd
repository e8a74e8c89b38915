"""The handle of one peer's packet path; see transport.pyx."""

from libc.stdint cimport uint64_t

from media.plane.command cimport Command, CommandKind
from media.plane.model cimport Socket, Transport
from media.plane.thread cimport PlaneThread

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
