"""Sound with the sounds before it in one packet; see redundancy.pyx."""

from libc.stdint cimport uint8_t, uint32_t

cdef enum:
    REDUNDANCY_MOST = 3         # former sounds in a packet

cdef struct Redundancy:         # of a route
    uint8_t payload_type        # of RED; 0: not agreed
    uint8_t depth               # former sounds in each packet; 0: none

cdef struct RedBlock:
    const uint8_t *payload
    int length
    uint32_t before             # timestamp units by which it is older

cdef struct RedBlocks:
    RedBlock blocks[REDUNDANCY_MOST]
    int count
    int size_bytes              # of all beside the newest sound
    int most_bytes              # that it may become

cdef enum:
    REDUNDANCY_READ = 8         # former sounds of a publisher's packet; more are refused

cdef struct RedFound:           # what a publisher's packet holds
    RedBlock blocks[REDUNDANCY_READ]        # former sounds, the oldest first
    int count
    uint8_t number              # payload type of all
    const uint8_t *newest
    int newest_length

cdef void redundancy_begin(RedBlocks *blocks, int newest_bytes) noexcept nogil
cdef bint redundancy_add(RedBlocks *blocks, const uint8_t *payload, int length, uint32_t before) noexcept nogil
cdef int redundancy_write(const RedBlocks *blocks, uint8_t number, uint8_t *out) noexcept nogil
cdef int redundancy_read(const uint8_t *payload, int length, RedFound *found) noexcept nogil
