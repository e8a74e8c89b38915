"""A plane thread as control sees it; see thread.pyx."""

from media.plane.command cimport Command, CommandKind
from media.plane.event cimport Event
from media.plane.model cimport PlaneState, Socket, Watch

cdef class PlaneThread:
    cdef PlaneState *state
    cdef readonly int index
    cdef readonly int port
    cdef readonly int tcp_port  # 0: none
    cdef readonly object sockets
    cdef object worker
    cdef dict live              # address -> the object whose memory the thread may still use
    cdef dict named             # the same objects by id
    cdef list collected         # events that wait for `events()`
    cdef int _watch(self, int fd, Watch *watch) except -1
    cdef int _fill_socket(self, Socket *filled, opened, host) except -1
    cdef Command *begin(self, CommandKind kind, void *object) except NULL
    cdef Command *_wait_for_room(self) except NULL
    cdef int commit(self) except -1
    cdef int order(self, CommandKind kind, void *object) except -1
    cdef int adopt(self, object owner, void *object) except -1
    cdef int _collect(self) except -1
    cdef object _event(self, Event *event)
