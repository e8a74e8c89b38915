# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, freethreading_compatible=False
"""RTCP writing for the plane, and the NTP arithmetic that reports need.

Touches nothing but the bytes and structs it is given. Every writer returns the bytes written, or 0 when the
capacity is short or an argument cannot be written; then the buffer's contents are undefined up to the
capacity.
"""

from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from media.plane.rtp cimport write16, write32

cdef enum:
    TYPE_SR = 200
    TYPE_RR = 201
    TYPE_SDES = 202
    TYPE_BYE = 203
    TYPE_RTPFB = 205
    TYPE_PSFB = 206
    TYPE_XR = 207
    FORMAT_NACK = 1
    FORMAT_PLI = 1
    FORMAT_FIR = 4
    FORMAT_APPLICATION = 15
    BLOCK_RRTR = 4
    BLOCK_DLRR = 5
    SDES_CNAME = 1
    REPORT_BYTES = 24
    MAX_REPORTS = 31            # five bits of count
    SENDER_INFO_END = 28
    FEEDBACK_HEADER = 12
    MAX_MANTISSA = 0x3FFFF      # 18 bits

cdef int64_t NTP_UNIX_SECONDS = 2208988800      # from 1900 to 1970
cdef uint64_t HALF = <uint64_t>1 << 31


cdef inline void write_header(uint8_t *out, int count, int packet_type, int size) noexcept nogil:
    out[0] = 0x80 | count
    out[1] = packet_type
    write16(out + 2, (size >> 2) - 1)


cdef inline void write64(uint8_t *out, uint64_t value) noexcept nogil:
    write32(out, value >> 32)
    write32(out + 4, <uint32_t>value)


cdef void write_reports(uint8_t *out, const RtcpReport *blocks, int n) noexcept nogil:
    cdef int i
    cdef int32_t lost
    for i in range(n):
        lost = blocks[i].cumulative_lost
        lost = 0x7FFFFF if lost > 0x7FFFFF else -0x800000 if lost < -0x800000 else lost
        write32(out, blocks[i].ssrc)
        write32(out + 4, (<uint32_t>blocks[i].fraction_lost << 24) | (<uint32_t>lost & 0xFFFFFF))
        write32(out + 8, blocks[i].highest_sequence)
        write32(out + 12, blocks[i].jitter)
        write32(out + 16, blocks[i].lsr)
        write32(out + 20, blocks[i].dlsr)
        out += REPORT_BYTES


cdef int rtcp_write_sr(
    uint8_t *out, int capacity, uint32_t ssrc, uint64_t ntp, uint32_t rtp_timestamp, uint32_t packets,
    uint32_t octets, const RtcpReport *blocks, int n
) noexcept nogil:
    """Sender report (RFC 3550 section 6.4.1) with `n` <= 31 report blocks."""
    cdef int size = SENDER_INFO_END + REPORT_BYTES * n
    if n < 0 or n > MAX_REPORTS or size > capacity:
        return 0
    write_header(out, n, TYPE_SR, size)
    write32(out + 4, ssrc)
    write64(out + 8, ntp)
    write32(out + 16, rtp_timestamp)
    write32(out + 20, packets)
    write32(out + 24, octets)
    write_reports(out + SENDER_INFO_END, blocks, n)
    return size


cdef int rtcp_write_rr(
    uint8_t *out, int capacity, uint32_t ssrc, const RtcpReport *blocks, int n
) noexcept nogil:
    """Receiver report (RFC 3550 section 6.4.2) with `n` <= 31 report blocks; none is valid."""
    cdef int size = 8 + REPORT_BYTES * n
    if n < 0 or n > MAX_REPORTS or size > capacity:
        return 0
    write_header(out, n, TYPE_RR, size)
    write32(out + 4, ssrc)
    write_reports(out + 8, blocks, n)
    return size


cdef int rtcp_write_cname(
    uint8_t *out, int capacity, uint32_t ssrc, const uint8_t *cname, int length
) noexcept nogil:
    """SDES with one chunk holding a CNAME of 1 to 255 bytes (RFC 3550 section 6.5.1)."""
    cdef int size = (10 + length + 4) & ~3      # at least one zero ends the chunk
    if length < 1 or length > 255 or size > capacity:
        return 0
    write_header(out, 1, TYPE_SDES, size)
    write32(out + 4, ssrc)
    out[8] = SDES_CNAME
    out[9] = length
    memcpy(out + 10, cname, length)
    memset(out + 10 + length, 0, size - 10 - length)
    return size


cdef int rtcp_write_bye(uint8_t *out, int capacity, uint32_t ssrc) noexcept nogil:
    """BYE of one SSRC without a reason (RFC 3550 section 6.6)."""
    if capacity < 8:
        return 0
    write_header(out, 1, TYPE_BYE, 8)
    write32(out + 4, ssrc)
    return 8


cdef int write_feedback(
    uint8_t *out, int format, int packet_type, uint32_t sender_ssrc, uint32_t media_ssrc, int size
) noexcept nogil:
    write_header(out, format, packet_type, size)
    write32(out + 4, sender_ssrc)
    write32(out + 8, media_ssrc)
    return size


cdef int rtcp_write_nack(
    uint8_t *out, int capacity, uint32_t sender_ssrc, uint32_t media_ssrc, const uint16_t *sequences, int n
) noexcept nogil:
    """Generic NACK (RFC 4585 section 6.2.1) of `n` >= 1 sequences, ascending modulo 2**16; all or nothing."""
    cdef int size = FEEDBACK_HEADER
    cdef int i
    cdef uint16_t distance, pid = 0, blp = 0
    if capacity > 65536:
        capacity = 65536
    if n < 1 or size + 4 > capacity:
        return 0
    for i in range(n):
        distance = sequences[i] - pid
        if i > 0 and distance <= 16:
            if distance > 0:
                blp |= 1 << (distance - 1)
                write16(out + size - 2, blp)
            continue
        if size + 4 > capacity:
            return 0
        pid = sequences[i]
        blp = 0
        write16(out + size, pid)
        write16(out + size + 2, blp)
        size += 4
    return write_feedback(out, FORMAT_NACK, TYPE_RTPFB, sender_ssrc, media_ssrc, size)


cdef int rtcp_write_pli(uint8_t *out, int capacity, uint32_t sender_ssrc, uint32_t media_ssrc) noexcept nogil:
    """Picture loss indication (RFC 4585 section 6.3.1)."""
    if capacity < FEEDBACK_HEADER:
        return 0
    return write_feedback(out, FORMAT_PLI, TYPE_PSFB, sender_ssrc, media_ssrc, FEEDBACK_HEADER)


cdef int rtcp_write_fir(
    uint8_t *out, int capacity, uint32_t sender_ssrc, uint32_t media_ssrc, uint8_t command_sequence
) noexcept nogil:
    """Full intra request (RFC 5104 section 4.3.1); only a new request has a new `command_sequence`."""
    if capacity < FEEDBACK_HEADER + 8:
        return 0
    write32(out + 12, media_ssrc)
    write32(out + 16, <uint32_t>command_sequence << 24)
    return write_feedback(out, FORMAT_FIR, TYPE_PSFB, sender_ssrc, 0, FEEDBACK_HEADER + 8)


cdef int rtcp_write_remb(
    uint8_t *out, int capacity, uint32_t sender_ssrc, uint64_t bps, const uint32_t *ssrcs, int n
) noexcept nogil:
    """Receiver estimated maximum bitrate of `n` 1 to 255 streams together (draft-alvestrand-rmcat-remb-03 section 2.2).

    The rate is rounded down to 18 bits.
    """
    cdef int size = FEEDBACK_HEADER + 8 + 4 * n
    cdef int exponent = 0
    cdef int i
    if n < 1 or n > 255 or size > capacity:
        return 0
    while bps > MAX_MANTISSA:
        bps >>= 1
        exponent += 1
    memcpy(out + 12, b"REMB", 4)
    write32(out + 16, (<uint32_t>n << 24) | (<uint32_t>exponent << 18) | <uint32_t>bps)
    for i in range(n):
        write32(out + 20 + 4 * i, ssrcs[i])
    return write_feedback(out, FORMAT_APPLICATION, TYPE_PSFB, sender_ssrc, 0, size)


cdef int rtcp_write_rrtr(uint8_t *out, int capacity, uint32_t ssrc, uint64_t ntp) noexcept nogil:
    """XR with a receiver reference time block (RFC 3611 section 4.4)."""
    if capacity < 20:
        return 0
    write_header(out, 0, TYPE_XR, 20)
    write32(out + 4, ssrc)
    write32(out + 8, (<uint32_t>BLOCK_RRTR << 24) | 2)
    write64(out + 12, ntp)
    return 20


cdef int rtcp_write_dlrr(
    uint8_t *out, int capacity, uint32_t ssrc, uint32_t receiver_ssrc, uint32_t lrr, uint32_t dlrr
) noexcept nogil:
    """XR with a DLRR block of one sub-block (RFC 3611 section 4.5); `dlrr` in 1/65536 s."""
    if capacity < 24:
        return 0
    write_header(out, 0, TYPE_XR, 24)
    write32(out + 4, ssrc)
    write32(out + 8, (<uint32_t>BLOCK_DLRR << 24) | 3)
    write32(out + 12, receiver_ssrc)
    write32(out + 16, lrr)
    write32(out + 20, dlrr)
    return 24


cdef uint64_t ntp_from_utc_us(int64_t utc_us) noexcept nogil:
    """NTP 32.32 of microseconds since 1970; eras wrap (RFC 5905 section 6)."""
    cdef int64_t seconds = utc_us // 1000000
    cdef int64_t rest = utc_us - seconds * 1000000
    if rest < 0:                    # C division truncates
        rest += 1000000
        seconds -= 1
    return (<uint64_t>(seconds + NTP_UNIX_SECONDS) << 32) | ((<uint64_t>rest << 32) // 1000000)


cdef int64_t utc_us_from_ntp(uint64_t ntp) noexcept nogil:
    """Microseconds since 1970, rounded; seconds below 2**31 are taken for era 1: covers 1968 to 2104."""
    cdef int64_t seconds = ntp >> 32
    cdef uint64_t fraction_us = (<uint64_t><uint32_t>ntp * 1000000 + HALF) >> 32
    if seconds < <int64_t>1 << 31:
        seconds += <int64_t>1 << 32
    return (seconds - NTP_UNIX_SECONDS) * 1000000 + <int64_t>fraction_us


cdef int64_t rtcp_round_trip_ns(uint32_t now_middle, uint32_t lsr, uint32_t dlsr) noexcept nogil:
    """Round trip by RFC 3550 section 6.4.1 from the middle 32 bits of our NTP clock; -1 for none or nonsense.

    The peer rounds, so up to 10 ms below zero count as zero; nothing above 60 s is believed.
    """
    cdef int64_t ticks = <int32_t>(now_middle - lsr - dlsr)
    if lsr == 0 or ticks < -655 or ticks > 60 * 65536:
        return -1
    return 0 if ticks < 0 else ticks * 1000000000 // 65536


cdef class Buffer:
    """Output of exactly `capacity` bytes, so that a sanitizer sees a write behind it."""
    cdef uint8_t *at
    cdef int capacity

    def __cinit__(self, int capacity):
        self.capacity = capacity
        self.at = <uint8_t *>malloc(capacity or 1)
        if self.at == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.at)

    cdef bytes taken(self, int size):
        assert 0 <= size <= self.capacity
        return (<const char *>self.at)[:size]


cdef int fill(RtcpReport *reports, blocks) except -1:
    cdef int n = 0
    for ssrc, fraction_lost, cumulative_lost, highest_sequence, jitter, lsr, dlsr in blocks[:32]:
        reports[n].ssrc = ssrc
        reports[n].fraction_lost = fraction_lost
        reports[n].cumulative_lost = cumulative_lost
        reports[n].highest_sequence = highest_sequence
        reports[n].jitter = jitter
        reports[n].lsr = lsr
        reports[n].dlsr = dlsr
        n += 1
    return n


# Views for tests and tools: the packet, or b"" where the writer returns 0.

def write_sr(ssrc, ntp, rtp_timestamp, packets, octets, blocks=(), capacity=1500):
    cdef RtcpReport reports[32]
    cdef Buffer out = Buffer(capacity)
    cdef int n = fill(reports, blocks)
    return out.taken(rtcp_write_sr(out.at, capacity, ssrc, ntp, rtp_timestamp, packets, octets, reports, n))


def write_rr(ssrc, blocks=(), capacity=1500):
    cdef RtcpReport reports[32]
    cdef Buffer out = Buffer(capacity)
    cdef int n = fill(reports, blocks)
    return out.taken(rtcp_write_rr(out.at, capacity, ssrc, reports, n))


def write_cname(ssrc, bytes cname, capacity=1500):
    cdef Buffer out = Buffer(capacity)
    cdef const char *name = cname
    return out.taken(rtcp_write_cname(out.at, capacity, ssrc, <const uint8_t *>name, len(cname)))


def write_bye(ssrc, capacity=1500):
    cdef Buffer out = Buffer(capacity)
    return out.taken(rtcp_write_bye(out.at, capacity, ssrc))


def write_nack(sender_ssrc, media_ssrc, sequences, capacity=1500):
    cdef Buffer out = Buffer(capacity)
    cdef uint16_t *wanted = <uint16_t *>malloc(2 * len(sequences) or 1)
    try:
        for i, sequence in enumerate(sequences):
            wanted[<int>i] = sequence
        return out.taken(rtcp_write_nack(out.at, capacity, sender_ssrc, media_ssrc, wanted, len(sequences)))
    finally:
        free(wanted)


def write_pli(sender_ssrc, media_ssrc, capacity=1500):
    cdef Buffer out = Buffer(capacity)
    return out.taken(rtcp_write_pli(out.at, capacity, sender_ssrc, media_ssrc))


def write_fir(sender_ssrc, media_ssrc, command_sequence, capacity=1500):
    cdef Buffer out = Buffer(capacity)
    return out.taken(rtcp_write_fir(out.at, capacity, sender_ssrc, media_ssrc, command_sequence))


def write_remb(sender_ssrc, bps, ssrcs, capacity=1500):
    cdef Buffer out = Buffer(capacity)
    cdef uint32_t *listed = <uint32_t *>malloc(4 * len(ssrcs) or 1)
    try:
        for i, ssrc in enumerate(ssrcs):
            listed[<int>i] = ssrc
        return out.taken(rtcp_write_remb(out.at, capacity, sender_ssrc, bps, listed, len(ssrcs)))
    finally:
        free(listed)


def write_rrtr(ssrc, ntp, capacity=1500):
    cdef Buffer out = Buffer(capacity)
    return out.taken(rtcp_write_rrtr(out.at, capacity, ssrc, ntp))


def write_dlrr(ssrc, receiver_ssrc, lrr, dlrr, capacity=1500):
    cdef Buffer out = Buffer(capacity)
    return out.taken(rtcp_write_dlrr(out.at, capacity, ssrc, receiver_ssrc, lrr, dlrr))


def ntp_from_us(utc_us):
    return ntp_from_utc_us(utc_us)


def us_from_ntp(ntp):
    return utc_us_from_ntp(ntp)


def middle32(ntp):
    return ntp_middle32(ntp)


def round_trip_ns(now_middle, lsr, dlsr):
    return rtcp_round_trip_ns(now_middle, lsr, dlsr)
