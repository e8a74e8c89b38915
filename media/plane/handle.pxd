"""What all handles of control have in common; see handle.pyx."""

from libc.stdint cimport uint64_t

from media.plane.command cimport Command, CommandKind
from media.plane.thread cimport PlaneThread

cdef class PlaneHandle:
    cdef void *memory
    cdef readonly PlaneThread thread
    cdef readonly uint64_t id
    cdef str kind
    cdef CommandKind removal
    cdef int closing
    cdef void *own(self, void *memory) except NULL
    cdef int hand_over(self, PlaneThread thread, str kind, CommandKind addition, CommandKind removal) except -1
    cdef Command *begin(self, CommandKind kind) except NULL
