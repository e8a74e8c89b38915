# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Which memory libsrtp reads for one transport, so that all of it can be asked for before libsrtp does.

A context is a dozen pieces of memory, each found through the one before, some seventy cache lines. Between two pictures
of a viewer a relay goes through megabytes for others, so libsrtp waits for piece after piece: of the 2.3 us that it
took for a packet of sound to each of a hundred viewers, 1.2 were waiting. It has no call that tells where the pieces
are. They are learnt once for each viewer, by following whatever looks like a pointer from the context on, and
prefetched while the viewer before is served.

What is learnt is a hint and nothing else: to prefetch any address is harmless, and memory is read through
process_vm_readv (2), which fails where a pointer would fault. Where that call is forbidden, or the allocator is not
glibc's, little or nothing is found, and forwarding is as slow as without.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint64_t

from media.plane.net cimport iovec

cdef extern from "<sys/uio.h>" nogil:
    ssize_t process_vm_readv(int pid, const iovec *local, unsigned long local_count, const iovec *remote,
                             unsigned long remote_count, unsigned long flags)

cdef extern from "<unistd.h>" nogil:
    int getpid()

cdef enum:
    MOST_LINES = 72
    MOST_PIECES = 48
    MOST_DEPTH = 7              # pieces between the context and the cipher's key schedule, and some more
    PIECE_WORDS = 512           # none of libsrtp's or the cipher's is larger
    # How glibc keeps a piece (malloc.c, "struct malloc_chunk"): the word before it is its size, flags in three bits.
    SIZE_BYTES = 8
    SIZE_FLAGS = 7
    LEAST_CHUNK = 32
    ALIGNMENT = 16

cdef uint64_t FIRST_ADDRESS = 1 << 16
cdef uint64_t LAST_ADDRESS = <uint64_t>1 << 47

cdef struct Walk:
    int pid
    int line_count
    int piece_count
    uint64_t lines[MOST_LINES]          # in ascending order
    uint64_t pieces[MOST_PIECES]        # that were walked through


cdef bint _read(const Walk *walk, uint64_t address, void *out, size_t length) noexcept nogil:
    cdef iovec here, there
    here.iov_base, here.iov_len = out, length
    there.iov_base, there.iov_len = <void *>address, length
    return process_vm_readv(walk.pid, &here, 1, &there, 1, 0) == <ssize_t>length


cdef void _add_line(Walk *walk, uint64_t address) noexcept nogil:
    """Put the line of this address in its place, unless it is there or the room is used up."""
    cdef uint64_t line = address & ~<uint64_t>(LINE_BYTES - 1)
    cdef int place = walk.line_count
    cdef int index
    while place > 0 and walk.lines[place - 1] >= line:
        place -= 1
    if walk.line_count == MOST_LINES or (place < walk.line_count and walk.lines[place] == line):
        return
    for index in range(walk.line_count, place, -1):
        walk.lines[index] = walk.lines[index - 1]
    walk.lines[place] = line
    walk.line_count += 1


cdef bint _enter(Walk *walk, uint64_t piece) noexcept nogil:
    """Whether this piece is to be walked through: not again, and not without end."""
    cdef int index
    for index in range(walk.piece_count):
        if walk.pieces[index] == piece:
            return False
    if walk.piece_count == MOST_PIECES:
        return False
    walk.pieces[walk.piece_count] = piece
    walk.piece_count += 1
    return True


cdef void _walk(Walk *walk, uint64_t piece, int depth) noexcept nogil:
    """Note the lines of what may be a piece of allocated memory, then those of what it points to."""
    cdef uint64_t words[PIECE_WORDS]
    cdef uint64_t length, index
    if piece % ALIGNMENT or piece < FIRST_ADDRESS or piece >= LAST_ADDRESS:
        return
    if not _read(walk, piece - SIZE_BYTES, &length, SIZE_BYTES):
        return
    length &= ~<uint64_t>SIZE_FLAGS
    if length < LEAST_CHUNK or length > PIECE_WORDS * SIZE_BYTES or length % ALIGNMENT or not _enter(walk, piece):
        return
    length -= SIZE_BYTES
    if not _read(walk, piece, words, length):
        return
    for index in range((length + LINE_BYTES - 1) // LINE_BYTES):
        _add_line(walk, piece + index * LINE_BYTES)
    _add_line(walk, piece + length - 1)
    if depth:
        for index in range(length // SIZE_BYTES):
            _walk(walk, words[index], depth - 1)


cdef void footprint_learn(Footprint *footprint, const void *context) noexcept nogil:
    """Find the lines of a context, as many as there is room for. Costs about 20 us."""
    cdef Walk walk
    cdef uint64_t *run = NULL
    cdef uint64_t run_lines = 0
    cdef int index
    walk.pid = getpid()
    walk.line_count = 0
    walk.piece_count = 0
    _walk(&walk, <uint64_t>context, MOST_DEPTH)
    footprint.count = 0
    for index in range(walk.line_count):
        if run_lines and run_lines < LINE_BYTES - 1 and walk.lines[index] == walk.lines[index - 1] + LINE_BYTES:
            run[0] += 1
            run_lines += 1
            continue
        if footprint.count == FOOTPRINT_RUNS:
            return
        run = &footprint.runs[footprint.count]
        run[0] = walk.lines[index] | 1
        run_lines = 1
        footprint.count += 1


def footprint_of(context):
    """The lines of a context at this address, for tests: pairs of address and lines that follow one another."""
    cdef Footprint footprint
    footprint_learn(&footprint, <const void *><size_t>context)
    return [(footprint.runs[index] & ~<uint64_t>(LINE_BYTES - 1), footprint.runs[index] & (LINE_BYTES - 1))
            for index in range(footprint.count)]
