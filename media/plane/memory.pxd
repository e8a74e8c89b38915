"""Memory of the plane's objects; see memory.pyx."""

from libc.stdint cimport uint64_t

from media.plane.address cimport Address
from media.plane.model cimport Stream

cdef uint64_t next_id() noexcept
cdef int fill_address(Address *address, object pair) except -1
cdef str ip_text(const Address *address)
cdef Stream *new_stream(bint is_video) except NULL
cdef void free_stream(Stream *stream) noexcept
cdef void *allocate_lines(size_t size) noexcept
cdef int count_live(str kind, int change) except -1
