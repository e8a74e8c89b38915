"""Parity beside pictures; see flexfec.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    FLEXFEC_PARITIES = 4        # of one group: as many packets in a row may be lost
    FLEXFEC_REACH = 45          # numbers of a group: what a mask of six bytes holds (15 + 31), less one
    FLEXFEC_REMEMBERED = 64     # parities of which is known what they cover
    FLEXFEC_HEADER_BYTES = 24
    FLEXFEC_CAPACITY = 1536

cdef struct Parity:             # of every fourth packet of a group
    uint64_t mask               # bit n: base + n
    int longest                 # bytes behind the RTP header
    uint8_t head[8]             # first two bytes, length behind the header, timestamp
    uint8_t body[FLEXFEC_CAPACITY]

cdef struct Covered:            # by a parity that has left
    uint16_t base
    uint64_t mask               # 0: none yet
    uint64_t asked              # for again

cdef struct FlexFec:
    uint8_t payload_type
    uint32_t ssrc
    uint16_t sequence           # of the next parity
    int percent                 # parities for a hundred packets; 0: none
    int64_t wait_ns             # no group lasts longer, but for its picture's end
    int64_t since_ns            # when the present group began
    uint16_t base               # number of its first packet
    int count                   # its packets; 0: none yet
    int credit                  # parities due, times a hundred
    Parity parities[FLEXFEC_PARITIES]
    Covered covered[FLEXFEC_REMEMBERED]
    uint32_t covered_count

cdef void flexfec_init(FlexFec *f, uint8_t payload_type, uint32_t ssrc, uint16_t sequence) noexcept nogil
cdef void flexfec_set(FlexFec *f, int percent, int64_t wait_ns) noexcept nogil
cdef int flexfec_add(FlexFec *f, const uint8_t *packet, int length, int wide_at, int64_t now_ns) noexcept nogil
cdef int flexfec_close(FlexFec *f) noexcept nogil
cdef void flexfec_begin(FlexFec *f) noexcept nogil
cdef int flexfec_write(FlexFec *f, int index, uint32_t protected_ssrc, uint8_t *out) noexcept nogil
cdef bint flexfec_covers(FlexFec *f, uint16_t sequence) noexcept nogil
