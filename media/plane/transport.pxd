"""The handle of one peer's packet path; see transport.pyx."""

from media.plane.handle cimport PlaneHandle
from media.plane.model cimport Socket, Transport

cdef class PlaneTransport(PlaneHandle):
    cdef Transport *state
    cdef Socket own_socket
    cdef readonly object keys
    cdef list former_keys
    cdef readonly object socket
    cdef int max_ssrcs
    cdef set held_ssrcs         # of its routes
    cdef set spent_ssrcs        # of routes that were closed, sent under the present keys
    cdef void _free_tables(self) noexcept
    cdef int hold_ssrcs(self, set ssrcs) except -1
    cdef int release_ssrcs(self, set ssrcs) except -1
