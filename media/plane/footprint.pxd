"""The cache lines of one libsrtp context; see footprint.pyx."""

from libc.stdint cimport uint64_t

cdef extern from * nogil:
    """
    /* The empty statement keeps it: GCC drops calls of a function that does nothing but prefetch as without effect. */
    #define plane_prefetch(address) do { __builtin_prefetch((address), 0, 3); __asm__ volatile(""); } while (0)
    """
    void plane_prefetch(const void *address)

cdef enum:
    LINE_BYTES = 64
    FOOTPRINT_RUNS = 16
    # libsrtp makes an SSRC's context with its first packet; the second time nothing of a first second is missing.
    FOOTPRINT_LESSONS = 2

ctypedef struct Footprint:
    int count                           # 0: not known
    uint64_t runs[FOOTPRINT_RUNS]       # address of the first line, in its low bits how many follow one another

cdef void footprint_learn(Footprint *footprint, const void *context) noexcept nogil


cdef inline void footprint_prefetch(const Footprint *footprint) noexcept nogil:
    """Ask for all lines at once."""
    cdef int index
    cdef uint64_t at, end
    for index in range(footprint.count):
        at = footprint.runs[index] & ~<uint64_t>(LINE_BYTES - 1)
        end = at + (footprint.runs[index] & (LINE_BYTES - 1)) * LINE_BYTES
        while at < end:
            plane_prefetch(<const void *>at)
            at += LINE_BYTES
