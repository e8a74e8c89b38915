"""The handle of one peer's packet path; see transport.pyx."""

from libc.stdint cimport uint8_t

from media.plane.estimate cimport Estimate
from media.plane.handle cimport PlaneHandle
from media.plane.model cimport Socket, Transport
from media.plane.pacer cimport Pacer
from media.plane.twcc cimport TwccHistory, TwccRecorder
from media.plane.uplink cimport Uplink

cdef class PlaneTransport(PlaneHandle):
    cdef Transport *state
    cdef Socket own_socket
    cdef readonly object keys
    cdef list former_keys
    cdef readonly object socket
    cdef int max_ssrcs
    cdef set held_ssrcs         # of its routes
    cdef object spent_ssrcs     # of routes that were closed, sent under the present keys
    cdef dict extensions        # ("received" or "sent", ExtensionKind) -> id
    cdef TwccRecorder *arrivals
    cdef Uplink *uplink
    cdef TwccHistory *sends
    cdef Estimate *link
    cdef Pacer *pacer           # with `link`
    cdef int estimate_uplink(self) except -1
    cdef void _free_tables(self) noexcept
    cdef void _write_extensions(self, uint8_t *kinds, uint8_t *ids)
    cdef int hold_ssrcs(self, set ssrcs) except -1
    cdef int release_ssrcs(self, set ssrcs) except -1
