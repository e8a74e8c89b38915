# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Sound with the sounds before it in one packet (RFC 2198): what is lost comes again 20 ms later.

An answer to a NACK comes a round trip later, too late for speech on a long link. The core writes blocks and reads
those of publishers; which sounds they are is the caller's. It touches what it is given only; raises nothing, allocates
nothing.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

cdef enum:
    BLOCK_MOST = 1023           # ten bits
    BEFORE_MOST = 16383         # fourteen: 341 ms of Opus
    # All sounds of a packet: with header and tag it fits every path, and the room it is written to. Speech is 80 bytes.
    SOUNDS_MOST = 1200


cdef void redundancy_begin(RedBlocks *blocks, int newest_bytes) noexcept nogil:
    """Begin a packet whose newest sound is so large; what a publisher sends may leave no room beside it."""
    blocks.count = 0
    blocks.size_bytes = 1
    blocks.most_bytes = SOUNDS_MOST - newest_bytes


cdef bint redundancy_add(RedBlocks *blocks, const uint8_t *payload, int length, uint32_t before) noexcept nogil:
    """Add a former sound, the oldest first; False: it does not fit and is left out. `payload` is kept, not copied."""
    cdef RedBlock *block
    if blocks.count == REDUNDANCY_MOST or length <= 0 or length > BLOCK_MOST or not 0 < before <= BEFORE_MOST:
        return False
    if blocks.size_bytes + 4 + length > blocks.most_bytes:
        return False
    block = &blocks.blocks[blocks.count]
    block.payload = payload
    block.length = length
    block.before = before
    blocks.count += 1
    blocks.size_bytes += 4 + length
    return True


cdef int redundancy_write(const RedBlocks *blocks, uint8_t number, uint8_t *out) noexcept nogil:
    """Write all headers and the former sounds, of payload type `number`; the newest comes behind. Return the bytes."""
    cdef uint8_t *at = out
    cdef const RedBlock *block
    cdef int index
    for index in range(blocks.count):
        block = &blocks.blocks[index]
        at[0] = 0x80 | number
        at[1] = <uint8_t>(block.before >> 6)
        at[2] = <uint8_t>((block.before << 2) | <uint32_t>(block.length >> 8))
        at[3] = <uint8_t>block.length
        at += 4
    at[0] = number
    at += 1
    for index in range(blocks.count):
        block = &blocks.blocks[index]
        memcpy(at, block.payload, block.length)
        at += block.length
    return <int>(at - out)


cdef int redundancy_read(const uint8_t *payload, int length, RedFound *found) noexcept nogil:
    """Find the sounds of a packet; 0, or -1 for lengths that exceed it, blocks of several formats, or too many."""
    cdef int at = 0
    cdef int index
    found.count = 0
    while True:
        if at >= length or (found.count and (payload[at] & 0x7F) != found.number):
            return -1
        found.number = payload[at] & 0x7F
        if not payload[at] & 0x80:
            break
        if at + 4 > length or found.count == REDUNDANCY_READ:
            return -1
        found.blocks[found.count].before = (<uint32_t>payload[at + 1] << 6) | (payload[at + 2] >> 2)
        found.blocks[found.count].length = ((payload[at + 2] & 3) << 8) | payload[at + 3]
        found.count += 1
        at += 4
    at += 1
    for index in range(found.count):
        found.blocks[index].payload = payload + at
        at += found.blocks[index].length
    found.newest = payload + at
    found.newest_length = length - at
    return 0 if at <= length else -1


def read(bytes payload):
    """Give [(payload type, timestamp units before, sound)], the newest last; None where it is refused."""
    cdef RedFound found
    cdef int index
    if redundancy_read(<const uint8_t *>payload, <int>len(payload), &found) < 0:
        return None
    blocks = [
        (found.number, found.blocks[index].before, found.blocks[index].payload[:found.blocks[index].length])
        for index in range(found.count)
    ]
    return [*blocks, (found.number, 0, found.newest[:found.newest_length])]


def written(former, int number, int newest_bytes=0):
    """Write blocks of (payload, timestamp units before), the oldest first. Return which fit, and the bytes."""
    cdef RedBlocks blocks
    cdef uint8_t out[2048]
    cdef bytes payload
    redundancy_begin(&blocks, newest_bytes)
    fits = [bool(redundancy_add(&blocks, <const uint8_t *>payload, <int>len(payload), before))
            for payload, before in former]
    return fits, out[:redundancy_write(&blocks, <uint8_t>number, out)]
