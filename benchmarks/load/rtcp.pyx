# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, freethreading_compatible=False
"""Write the RTCP that a browser sends, from what it received.

Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1), receiver and sender reports
(RFC 3550 section 6.4), REMB (draft-alvestrand-rmcat-remb-03). All of it plain: the caller protects and sends.
Times are CLOCK_MONOTONIC nanoseconds and arguments.
"""

from libc.string cimport memset

from benchmarks.load.linux cimport put16, put24, put32

cdef enum:
    TICK_NS = 250000           # a feedback delta's unit
    REFERENCE_NS = 64000000    # the reference time's unit
    SYMBOLS_PER_CHUNK = 7
    LONGEST_RUN = 8191
    STATUS_LOST = 0
    STATUS_SMALL = 1
    STATUS_LARGE = 2
    NTP_EPOCH_OFFSET_S = 2208988800


cdef inline int64_t _unwrap(int64_t highest, uint16_t sequence) noexcept nogil:
    """The value congruent to `sequence` that is nearest to `highest`."""
    return highest + <int16_t>(<uint16_t>(sequence - <uint16_t>(highest & 0xFFFF)))


cdef void arrivals_start(Arrivals *self) noexcept nogil:
    memset(self, 0, sizeof(Arrivals))
    self.base = -1


cdef void arrivals_note(Arrivals *self, uint16_t sequence, int64_t now_ns) noexcept nogil:
    """Note one arrival. What is older than the last feedback is passed over; a jump beyond the room begins anew."""
    cdef int64_t unwrapped, at
    if self.base < 0:
        self.base = self.highest = 0x10000 + sequence
        self.at_ns[self.highest & (ARRIVAL_SLOTS - 1)] = now_ns
        return
    unwrapped = _unwrap(self.highest, sequence)
    if unwrapped < self.base:
        return
    if unwrapped - self.base >= ARRIVAL_SLOTS:
        arrivals_start(self)
        arrivals_note(self, sequence, now_ns)
        return
    at = self.highest + 1
    while at < unwrapped:
        self.at_ns[at & (ARRIVAL_SLOTS - 1)] = 0
        at += 1
    if unwrapped > self.highest:
        self.highest = unwrapped
    self.at_ns[unwrapped & (ARRIVAL_SLOTS - 1)] = now_ns


cdef int _chunks_write(uint8_t *out, const uint8_t *status, int count) noexcept nogil:
    """Write run-length and two-bit vector chunks for `count` statuses; returns the bytes written."""
    cdef int at = 0, written = 0, run, i
    cdef uint32_t chunk
    while at < count:
        run = 1
        while at + run < count and run < LONGEST_RUN and status[at + run] == status[at]:
            run += 1
        if run >= SYMBOLS_PER_CHUNK or at + run == count:
            put16(out + written, (<uint32_t>status[at] << 13) | <uint32_t>run)
            at += run
        else:
            chunk = 0xC000
            for i in range(SYMBOLS_PER_CHUNK):
                if at + i < count:
                    chunk |= <uint32_t>status[at + i] << (2 * (SYMBOLS_PER_CHUNK - 1 - i))
            put16(out + written, chunk)
            at += SYMBOLS_PER_CHUNK
        written += 2
    return written


cdef struct Taken:
    # What one feedback packet tells: of each sequence number from the base whether and when it came.
    int count
    int64_t reference                    # of the first arrival, in REFERENCE_NS
    uint8_t status[FEEDBACK_STATUSES]
    int16_t delta[FEEDBACK_STATUSES]     # in TICK_NS since the arrival before, where it came


cdef int64_t _first_arrival(const Arrivals *self, int count) noexcept nogil:
    """When the first that came of the next `count` sequence numbers came; 0 when none did."""
    cdef int i
    cdef int64_t at_ns
    for i in range(count):
        at_ns = self.at_ns[(self.base + i) & (ARRIVAL_SLOTS - 1)]
        if at_ns != 0:
            return at_ns
    return 0


cdef void _take(Arrivals *self, Taken *taken) noexcept nogil:
    """Take the next statuses out of the arrivals; a step too large for a delta is told as lost."""
    cdef int64_t previous, at_ns, ticks
    cdef int i
    while self.at_ns[self.base & (ARRIVAL_SLOTS - 1)] == 0 and self.highest - self.base >= FEEDBACK_STATUSES:
        self.base += 1
    taken.count = <int>min(self.highest - self.base + 1, FEEDBACK_STATUSES)
    taken.reference = _first_arrival(self, taken.count) // REFERENCE_NS
    previous = taken.reference * (REFERENCE_NS // TICK_NS)
    for i in range(taken.count):
        at_ns = self.at_ns[(self.base + i) & (ARRIVAL_SLOTS - 1)]
        self.at_ns[(self.base + i) & (ARRIVAL_SLOTS - 1)] = 0
        ticks = at_ns // TICK_NS - previous
        if at_ns == 0 or ticks < -32768 or ticks > 32767:
            taken.status[i] = STATUS_LOST
            continue
        previous += ticks
        taken.delta[i] = <int16_t>ticks
        taken.status[i] = STATUS_SMALL if 0 <= ticks <= 255 else STATUS_LARGE


cdef int _deltas_write(uint8_t *out, const Taken *taken) noexcept nogil:
    """Write one byte for a small delta, two for a large one; returns the bytes written."""
    cdef int i, written = 0
    for i in range(taken.count):
        if taken.status[i] == STATUS_SMALL:
            out[written] = <uint8_t>taken.delta[i]
            written += 1
        elif taken.status[i] == STATUS_LARGE:
            put16(out + written, <uint16_t>taken.delta[i])
            written += 2
    return written


cdef int _padded(uint8_t *packet, int length) noexcept nogil:
    """Bring a packet to whole words; returns its bytes. Its last byte counts the padding (RFC 3550 section 6.4.1)."""
    cdef int missing = -length & 3
    if missing:
        packet[0] |= 0x20
        memset(packet + length, 0, missing)
        packet[length + missing - 1] = <uint8_t>missing
    return length + missing


cdef int feedback_write(Arrivals *self, uint8_t *out, uint32_t from_ssrc, uint32_t media_ssrc) noexcept nogil:
    """Write one feedback packet on what came since the last; returns its bytes, 0 when nothing came.

    `out` has room for RTCP_BUFFER_BYTES. More than FEEDBACK_STATUSES are left for the next call.
    """
    cdef Taken taken
    cdef int length
    if self.base < 0 or self.base > self.highest:
        return 0
    _take(self, &taken)
    out[0] = 0x80 | 15
    out[1] = 205
    put32(out + 4, from_ssrc)
    put32(out + 8, media_ssrc)
    put16(out + 12, <uint32_t>(self.base & 0xFFFF))
    put16(out + 14, <uint32_t>taken.count)
    put24(out + 16, <uint32_t>(taken.reference & 0xFFFFFF))
    out[19] = self.feedback_count
    length = 20 + _chunks_write(out + 20, taken.status, taken.count)
    length = _padded(out, length + _deltas_write(out + length, &taken))
    put16(out + 2, <uint32_t>(length // 4 - 1))
    self.base += taken.count
    self.feedback_count += 1
    return length


cdef void reception_start(
        Reception *self, uint32_t ssrc, uint8_t payload_type, uint32_t clock_rate_hz) noexcept nogil:
    memset(self, 0, sizeof(Reception))
    self.ssrc = ssrc
    self.payload_type = payload_type
    self.clock_rate_hz = clock_rate_hz
    self.first_sequence = -1


cdef void reception_note(
        Reception *self, uint16_t sequence, uint32_t timestamp, int length_bytes, int64_t now_ns) noexcept nogil:
    """Count one RTP packet of this stream and update its jitter (RFC 3550 appendix A.8)."""
    cdef int64_t unwrapped, at, transit, difference
    if self.first_sequence < 0:
        self.first_sequence = self.highest_sequence = unwrapped = 0x10000 + sequence
    else:
        unwrapped = _unwrap(self.highest_sequence, sequence)
    if unwrapped > self.highest_sequence:
        at = max(self.highest_sequence + 1, unwrapped - HISTORY_PACKETS)
        while at <= unwrapped:
            self.seen[(at & (HISTORY_PACKETS - 1)) >> 6] &= ~(<uint64_t>1 << (at & 63))
            at += 1
        self.highest_sequence = unwrapped
    elif unwrapped <= self.highest_sequence - HISTORY_PACKETS:
        self.late += 1
        return
    elif self.seen[(unwrapped & (HISTORY_PACKETS - 1)) >> 6] & (<uint64_t>1 << (unwrapped & 63)):
        self.duplicates += 1
        return
    elif self.packets:
        self.late += 1
        self.first_sequence = min(self.first_sequence, unwrapped)
    self.seen[(unwrapped & (HISTORY_PACKETS - 1)) >> 6] |= <uint64_t>1 << (unwrapped & 63)
    transit = <int64_t>(now_ns * 1e-9 * self.clock_rate_hz) - timestamp
    if self.packets:
        difference = <int32_t>(transit - self.last_transit_ticks)
        if difference < 0:
            difference = -difference
        self.jitter_ticks += (difference - self.jitter_ticks) / 16.0
    self.last_transit_ticks = transit
    self.packets += 1
    self.bytes += length_bytes


cdef int receiver_report_write(Reception *self, uint8_t *out, uint32_t from_ssrc, int64_t now_ns) noexcept nogil:
    """Write a receiver report with this stream's block; returns its 32 bytes."""
    cdef int64_t expected = self.highest_sequence - self.first_sequence + 1
    cdef int64_t received = <int64_t>self.packets
    cdef int64_t lost = expected - received
    cdef int64_t interval = expected - self.expected_prior
    cdef int64_t interval_lost = interval - (received - self.received_prior)
    self.expected_prior = expected
    self.received_prior = received
    out[0] = 0x81
    out[1] = 201
    put16(out + 2, 7)
    put32(out + 4, from_ssrc)
    put32(out + 8, self.ssrc)
    out[12] = <uint8_t>((interval_lost << 8) // interval) if interval > 0 and interval_lost > 0 else 0
    put24(out + 13, <uint32_t>max(-0x800000, min(0x7FFFFF, lost)) & 0xFFFFFF)
    # Unwrapping starts one cycle up, so that a late packet of the cycle before still has a place.
    put32(out + 16, <uint32_t>(self.highest_sequence - 0x10000))
    put32(out + 20, <uint32_t>self.jitter_ticks)
    put32(out + 24, self.last_report_middle)
    put32(out + 28, <uint32_t>((now_ns - self.last_report_at_ns) * 65536 // 1000000000)
          if self.last_report_middle else 0)
    return 32


cdef int remb_write(uint8_t *out, uint32_t from_ssrc, uint32_t media_ssrc, uint32_t rate_bps) noexcept nogil:
    """Write a receiver-estimated maximum bitrate for one stream; returns its 24 bytes."""
    cdef uint32_t exponent = 0
    while (rate_bps >> exponent) > 0x3FFFF:
        exponent += 1
    out[0] = 0x80 | 15
    out[1] = 206
    put16(out + 2, 5)
    put32(out + 4, from_ssrc)
    put32(out + 8, 0)
    put32(out + 12, 0x52454D42)
    put32(out + 16, (<uint32_t>1 << 24) | (exponent << 18) | (rate_bps >> exponent))
    put32(out + 20, media_ssrc)
    return 24


cdef int sender_report_write(
        uint8_t *out, uint32_t ssrc, int64_t wall_ns, uint32_t timestamp, uint32_t packets,
        uint32_t octets) noexcept nogil:
    """Write a sender report (wall_ns: UTC in Unix nanoseconds) and a CNAME; returns the bytes of both."""
    cdef uint32_t i
    out[0] = 0x80
    out[1] = 200
    put16(out + 2, 6)
    put32(out + 4, ssrc)
    put32(out + 8, <uint32_t>(wall_ns // 1000000000 + NTP_EPOCH_OFFSET_S))
    put32(out + 12, <uint32_t>(((wall_ns % 1000000000) << 32) // 1000000000))
    put32(out + 16, timestamp)
    put32(out + 20, packets)
    put32(out + 24, octets)
    out[28] = 0x81
    out[29] = 202
    put16(out + 30, 3)
    put32(out + 32, ssrc)
    out[36] = 1
    out[37] = 4
    for i in range(4):
        out[38 + i] = <uint8_t>(97 + ((ssrc >> (4 * i)) & 15))
    out[42] = out[43] = 0
    return 44


# ---- view for tests ------------------------------------------------------------------------------------------------


cdef class Viewer:
    """One viewer's reception of one stream, as Python sees it: note packets, take the reports that follow."""

    cdef Arrivals arrivals
    cdef Reception reception

    def __init__(self, ssrc: int, clock_rate_hz: int = 90000):
        arrivals_start(&self.arrivals)
        reception_start(&self.reception, ssrc, 96, clock_rate_hz)

    def note_arrival(self, transport_sequence: int, now_ns: int) -> None:
        arrivals_note(&self.arrivals, <uint16_t>transport_sequence, now_ns)

    def note_packet(self, sequence: int, timestamp: int, length_bytes: int, now_ns: int) -> None:
        reception_note(&self.reception, <uint16_t>sequence, <uint32_t>timestamp, length_bytes, now_ns)

    def feedback(self, from_ssrc: int) -> bytes:
        cdef uint8_t out[RTCP_BUFFER_BYTES]
        cdef int length = feedback_write(&self.arrivals, out, <uint32_t>from_ssrc, self.reception.ssrc)
        return out[:length]

    def receiver_report(self, from_ssrc: int, now_ns: int) -> bytes:
        cdef uint8_t out[RTCP_BUFFER_BYTES]
        cdef int length = receiver_report_write(&self.reception, out, <uint32_t>from_ssrc, now_ns)
        return out[:length]

    @property
    def counts(self) -> dict:
        return {
            "packets": self.reception.packets, "bytes": self.reception.bytes,
            "duplicates": self.reception.duplicates, "late": self.reception.late,
            "lost": self.reception.highest_sequence - self.reception.first_sequence + 1
            - <int64_t>self.reception.packets
            if self.reception.packets else 0,
        }


def remb(from_ssrc: int, media_ssrc: int, rate_bps: int) -> bytes:
    """The bytes of a REMB, for tests."""
    cdef uint8_t out[RTCP_BUFFER_BYTES]
    cdef int length = remb_write(out, <uint32_t>from_ssrc, <uint32_t>media_ssrc, <uint32_t>rate_bps)
    return out[:length]


def sender_report(ssrc: int, wall_ns: int, timestamp: int, packets: int, octets: int) -> bytes:
    """The bytes of a sender report with CNAME, for tests."""
    cdef uint8_t out[RTCP_BUFFER_BYTES]
    cdef int length = sender_report_write(
        out, <uint32_t>ssrc, wall_ns, <uint32_t>timestamp, <uint32_t>packets, <uint32_t>octets)
    return out[:length]
