"""One packet as the load saw it leave or arrive; `records.DTYPE` is the same layout for numpy."""

from libc.stdint cimport int64_t, uint16_t, uint32_t

cdef struct Record:
    int64_t at_ns        # CLOCK_REALTIME
    uint32_t path        # index of the viewer, or of the flow that sent it
    uint32_t ssrc
    uint32_t timestamp
    uint16_t sequence
    uint16_t length_bytes
