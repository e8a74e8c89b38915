# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Parity beside pictures (draft-ietf-payload-flexible-fec-scheme-03): what is lost is there again unasked.

Packets of a route come in the order of their numbers and are taken into four parities in turn, so that four in a row
may be lost. A group ends with a picture, when four parities are due, or one and it has lasted long enough; where fewer
are due than four, some are joined. Memory is fixed; the core touches its struct only, raises nothing, allocates
nothing.

Receivers count the transport-wide number as zero, because it differs in a repair (libwebrtc's ZeroMutableExtensions).
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from media.plane.rtp cimport read16, write16, write32

cdef enum:
    FIXED_BYTES = 12            # RTP's header without anything
    WHOLE = 100                 # of credit: one parity
    PACKETS_MOST = 40
    COVERED_FIRST = 0xFFFFFFFD  # the count of parities begins here, so that it wraps where it is seen


cdef void flexfec_init(FlexFec *f, uint8_t payload_type, uint32_t ssrc, uint16_t sequence) noexcept nogil:
    """Begin without any parity."""
    memset(f, 0, sizeof(FlexFec))
    f.payload_type = payload_type
    f.ssrc = ssrc
    f.sequence = sequence
    f.covered_count = COVERED_FIRST


cdef void flexfec_begin(FlexFec *f) noexcept nogil:
    """Begin the next group."""
    cdef int index
    f.count = 0
    for index in range(FLEXFEC_PARITIES):
        f.parities[index].mask = 0
        f.parities[index].longest = 0


cdef void flexfec_set(FlexFec *f, int percent, int64_t wait_ns) noexcept nogil:
    """Send so many parities for a hundred packets from now on, 0: none."""
    if f.percent == 0:
        flexfec_begin(f)
        f.credit = 0
        # The numbers may have gone round meanwhile.
        memset(f.covered, 0, sizeof(f.covered))
    f.percent = percent
    f.wait_ns = wait_ns


cdef void _mix(uint8_t *into, const uint8_t *packet, int length) noexcept nogil:
    cdef uint64_t ours, others
    cdef int index = 0
    while index + 8 <= length:
        memcpy(&ours, into + index, 8)
        memcpy(&others, packet + index, 8)
        ours ^= others
        memcpy(into + index, &ours, 8)
        index += 8
    while index < length:
        into[index] ^= packet[index]
        index += 1


cdef void _take(Parity *p, const uint8_t *packet, int length, int wide_at, int place) noexcept nogil:
    cdef int behind = length - FIXED_BYTES
    cdef uint8_t size[2]
    if p.mask == 0:
        memset(p.head, 0, sizeof(p.head))
    if behind > p.longest:
        memset(p.body + p.longest, 0, behind - p.longest)
        p.longest = behind
    write16(size, <uint16_t>behind)
    _mix(p.head, packet, 2)
    _mix(p.head + 2, size, 2)
    _mix(p.head + 4, packet + 4, 4)
    _mix(p.body, packet + FIXED_BYTES, behind)
    if wide_at:
        _mix(p.body + wide_at - FIXED_BYTES, packet + wide_at, 2)
    p.mask |= <uint64_t>1 << place


cdef int flexfec_add(FlexFec *f, const uint8_t *packet, int length, int wide_at, int64_t now_ns) noexcept nogil:
    """Take an outgoing packet, not yet protected; return how many parities are to be closed and sent now.

    `wide_at`: where its transport-wide number stands, 0: it has none. What comes behind its turn is not covered, nor
    the first packet behind a gap in the numbers that no mask reaches over.
    """
    cdef int place
    if not f.percent or length < FIXED_BYTES or length - FIXED_BYTES > FLEXFEC_CAPACITY:
        return 0
    if f.count == 0:
        f.base = read16(packet + 2)
        f.since_ns = now_ns
    place = <uint16_t>(read16(packet + 2) - f.base)
    if place > FLEXFEC_REACH:
        return flexfec_close(f) if place < 0x8000 else 0
    _take(&f.parities[f.count % FLEXFEC_PARITIES], packet, length, wide_at, place)
    f.count += 1
    f.credit += f.percent
    if place == FLEXFEC_REACH or f.count >= PACKETS_MOST:
        return flexfec_close(f)
    if not packet[1] & 0x80 or f.credit < WHOLE:
        return 0
    if f.credit >= FLEXFEC_PARITIES * WHOLE or now_ns - f.since_ns >= f.wait_ns:
        return flexfec_close(f)
    return 0


cdef void _join(Parity *into, const Parity *p) noexcept nogil:
    if p.mask == 0:
        return
    if p.longest > into.longest:
        memset(into.body + into.longest, 0, p.longest - into.longest)
        into.longest = p.longest
    _mix(into.head, p.head, sizeof(p.head))
    _mix(into.body, p.body, p.longest)
    into.mask |= p.mask


cdef int flexfec_close(FlexFec *f) noexcept nogil:
    """End the group; return how many parities `flexfec_write` gives, the first ones."""
    cdef int count = 4 if f.credit >= 4 * WHOLE else 2 if f.credit >= 2 * WHOLE else 1
    if f.count == 0:
        return 0
    if count > f.count:
        count = f.count if f.count != 3 else 2
    if count <= 2:
        _join(&f.parities[0], &f.parities[2])
        _join(&f.parities[1], &f.parities[3])
    if count == 1:
        _join(&f.parities[0], &f.parities[1])
    f.credit -= count * WHOLE
    if f.credit > FLEXFEC_PARITIES * WHOLE:
        f.credit = FLEXFEC_PARITIES * WHOLE
    return count


cdef int flexfec_write(FlexFec *f, int index, uint32_t protected_ssrc, uint8_t *out) noexcept nogil:
    """Write a parity's payload (section 4.2); return its bytes. Behind the last the caller begins the next group.

    The mask has bits 0 to 14 in two bytes and 15 to 45 in four, each with a leading bit that says: the last.
    """
    cdef Parity *p = &f.parities[index]
    cdef Covered *covered = &f.covered[f.covered_count % FLEXFEC_REMEMBERED]
    cdef uint16_t first = 0
    cdef uint32_t second = 0
    cdef int place
    for place in range(15):
        first |= <uint16_t>((p.mask >> place) & 1) << (14 - place)
    for place in range(31):
        second |= <uint32_t>((p.mask >> (15 + place)) & 1) << (30 - place)
    memcpy(out, p.head, 8)
    out[0] &= 0x3F              # no retransmission, a mask of its own
    out[8] = 1                  # streams
    memset(out + 9, 0, 3)
    write32(out + 12, protected_ssrc)
    write16(out + 16, f.base)
    write16(out + 18, first)
    write32(out + 20, (<uint32_t>1 << 31) | second)
    memcpy(out + FLEXFEC_HEADER_BYTES, p.body, p.longest)
    covered.base = f.base
    covered.mask = p.mask
    covered.asked = 0
    f.covered_count += 1
    return FLEXFEC_HEADER_BYTES + p.longest


cdef bint flexfec_covers(FlexFec *f, uint16_t sequence) noexcept nogil:
    """Whether a packet that is asked for needs no answer: of those that a parity covers it is the first asked for.

    Who asks for it again has missed the parity too.
    """
    cdef int back
    cdef int place
    cdef Covered *covered
    for back in range(FLEXFEC_REMEMBERED):
        covered = &f.covered[(f.covered_count - 1 - back) % FLEXFEC_REMEMBERED]
        place = <uint16_t>(sequence - covered.base)
        if place > FLEXFEC_REACH or not (covered.mask >> place) & 1:
            continue
        if covered.asked:
            return False
        covered.asked = <uint64_t>1 << place
        return True
    return False


cdef class Protector:
    """The core for tests: one stream's parities."""

    cdef FlexFec *f

    def __cinit__(self, int percent, int64_t wait_ns, uint32_t ssrc=77):
        self.f = <FlexFec *>calloc(1, sizeof(FlexFec))
        if self.f == NULL:
            raise MemoryError
        flexfec_init(self.f, 49, ssrc, 0)
        flexfec_set(self.f, percent, wait_ns)

    def __dealloc__(self):
        free(self.f)

    def add(self, bytes packet, int wide_at, int64_t now_ns, uint32_t protected_ssrc):
        """Take a packet; return the payloads of the parities that are sent then."""
        cdef uint8_t out[FLEXFEC_CAPACITY + FLEXFEC_HEADER_BYTES]
        cdef int count = flexfec_add(self.f, <const uint8_t *>packet, <int>len(packet), wide_at, now_ns)
        parities = [out[:flexfec_write(self.f, index, protected_ssrc, out)] for index in range(count)]
        if count:
            flexfec_begin(self.f)
        return parities

    def set(self, int percent, int64_t wait_ns):
        flexfec_set(self.f, percent, wait_ns)

    def covers(self, uint16_t sequence):
        return bool(flexfec_covers(self.f, sequence))
