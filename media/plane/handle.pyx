# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""What all handles of control have in common: memory that is lent to a plane thread and comes back.

A handle's memory belongs to its plane thread from `hand_over` until the thread has answered `close()`; the thread keeps
the handle alive that long. Counters are read while the thread writes them: each is one aligned word.
"""

from libc.stdlib cimport free

from media.plane.memory cimport count_live, next_id
from media.plane.names import PlaneError


cdef class PlaneHandle:
    """One object of a plane thread. `close()` gives it back; a handle that is closed takes no more orders."""

    cdef void *own(self, void *memory) except NULL:
        """Keep memory that the handle frees at its end. Raises MemoryError for NULL."""
        if memory == NULL:
            raise MemoryError
        self.memory = memory
        self.id = next_id()
        return memory

    cdef int hand_over(self, PlaneThread thread, str kind, CommandKind addition, CommandKind removal) except -1:
        """Give the filled memory to the thread; nothing that may fail must follow."""
        self.kind = kind
        self.removal = removal
        self.thread = thread
        thread.adopt(self, self.memory)
        count_live(kind, 1)
        return thread.order(addition, self.memory)

    cdef Command *begin(self, CommandKind kind) except NULL:
        """Begin an order about this object. Raises PlaneError after `close()`."""
        if self.closing:
            raise PlaneError(f"the {self.kind} has been closed")
        return self.thread.begin(kind, self.memory)

    def close(self):
        """Give the object back; what points to it is best closed first."""
        if not self.closing:
            self.thread.order(self.removal, self.memory)
            self.closing = 1

    def _freed(self):
        """The thread has answered, or has ended."""
        self.closing = 1
        count_live(self.kind, -1)

    def __dealloc__(self):
        free(self.memory)
