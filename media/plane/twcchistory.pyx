# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, freethreading_compatible=False
"""Transport-wide feedback from a viewer: which of our packets arrived, and when by the viewer's clock.

Touches nothing but the structs and bytes it is given; the caller's clock is monotonic nanoseconds. A
feedback packet is walked once before anything is believed, so that a refused one has no effect; it may
speak only of packets that were sent, which bounds the work it can cause. Feedback without receive times
(transport-wide-cc-02) is not asked for and is refused as truncated.
"""

from typing import NamedTuple

from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from media.plane.rtp cimport read16, read32

cdef enum:
    TICK_US = 250
    HEADER = 20
    SYMBOL_LOST = 0
    SYMBOL_SMALL = 1                # delta of one byte, 0 to 255 ticks
    SYMBOL_LARGE = 2                # delta of two bytes, signed
    SYMBOL_RESERVED = 3
    RUN_CAPACITY = 0x1FFF
    ONE_BIT_CAPACITY = 14
    TWO_BIT_CAPACITY = 7
    SLOT_FREE = 0
    SLOT_SENT = 1
    SLOT_LOST = 2
    SLOT_RECEIVED = 3


cdef void twcc_history_init(TwccHistory *history, uint16_t first_sequence) noexcept nogil:
    """Forget everything; `first_sequence` is what the first packet gets."""
    memset(history, 0, sizeof(TwccHistory))
    history.next_sequence = first_sequence


cdef uint16_t twcc_sent(TwccHistory *history, int64_t now_ns, int size_bytes) noexcept nogil:
    """Remember a packet that is being sent; the transport-wide sequence it must carry."""
    cdef uint16_t sequence = history.next_sequence
    cdef int slot = sequence & (TWCC_HISTORY - 1)
    history.slots[slot].sent_ns = now_ns
    history.slots[slot].size_bytes = 0 if size_bytes < 0 else 0xFFFF if size_bytes > 0xFFFF else size_bytes
    history.slots[slot].state = SLOT_SENT
    history.next_sequence += 1
    history.sent += 1
    return sequence


cdef int check_header(const TwccHistory *history, const uint8_t *packet, int length, int *end) noexcept nogil:
    cdef int padding = 0
    cdef uint32_t back
    if length < HEADER + 2:
        return TWCC_TOO_SHORT
    if packet[0] >> 6 != 2 or packet[0] & 0x1F != 15 or packet[1] != 205:
        return TWCC_NOT_FEEDBACK
    if 4 * (read16(packet + 2) + 1) != length:
        return TWCC_BAD_LENGTH
    if packet[0] & 0x20:
        padding = packet[length - 1]
        if padding == 0 or padding > length - HEADER - 2:
            return TWCC_BAD_PADDING
    end[0] = length - padding
    if read16(packet + 14) == 0:
        return TWCC_EMPTY
    # Everything from the base on must have been sent, or it is forged; this bounds the work as well.
    back = <uint16_t>(history.next_sequence - read16(packet + 12))
    if back == 0 or read16(packet + 14) > back or back > history.sent:
        return TWCC_UNSENT
    return TWCC_OK


cdef inline int chunk_span(uint16_t chunk, int left) noexcept nogil:
    """How many symbols a chunk says, of the `left` that the status count leaves."""
    cdef int span = TWO_BIT_CAPACITY
    if not chunk & 0x8000:
        span = chunk & RUN_CAPACITY
    elif not chunk & 0x4000:
        span = ONE_BIT_CAPACITY
    return span if span < left else left


cdef inline int chunk_symbol(uint16_t chunk, int i) noexcept nogil:
    if not chunk & 0x8000:
        return (chunk >> 13) & 3
    if not chunk & 0x4000:
        return (chunk >> (ONE_BIT_CAPACITY - 1 - i)) & 1
    return (chunk >> 2 * (TWO_BIT_CAPACITY - 1 - i)) & 3


cdef int check_chunks(const uint8_t *packet, int end, int *deltas_at) noexcept nogil:
    """Walk all chunks before anything is believed; where the deltas start."""
    cdef int left = read16(packet + 14)
    cdef int at = HEADER
    cdef int64_t deltas = 0
    cdef int span, symbol, i
    cdef uint16_t chunk
    while left > 0:
        if at + 2 > end:
            return TWCC_TRUNCATED
        chunk = read16(packet + at)
        at += 2
        span = chunk_span(chunk, left)
        left -= span
        if not chunk & 0x8000:
            symbol = chunk_symbol(chunk, 0)
            if symbol == SYMBOL_RESERVED:
                return TWCC_RESERVED
            deltas += <int64_t>symbol * span
            continue
        for i in range(span):
            symbol = chunk_symbol(chunk, i)
            if symbol == SYMBOL_RESERVED:
                return TWCC_RESERVED
            deltas += symbol
    if at + deltas > end:
        return TWCC_TRUNCATED
    deltas_at[0] = at
    return TWCC_OK


cdef void follow_reference(TwccHistory *history, const uint8_t *packet, TwccReport *out) noexcept nogil:
    """Unwrap the reference time (24 bits of 64 ms) against the last one; count feedback that went missing."""
    cdef uint32_t reference = read32(packet + 16) >> 8
    cdef uint8_t count = packet[19]
    cdef int step
    if history.has_feedback:
        step = <int>((reference - history.last_reference) << 8) >> 8
        history.reference_ticks += <uint64_t>(<int64_t>step * 256)
        step = <uint8_t>(count - history.last_feedback_count - 1)
        if step < 128:                  # else repeated or overtaken
            out.missed_feedback = step
            history.last_feedback_count = count
    else:
        history.reference_ticks = <uint64_t>reference << 8
        history.has_feedback = 1
        history.last_feedback_count = count
    history.last_reference = reference


cdef void take_result(
    TwccHistory *history, uint16_t sequence, bint received, uint64_t ticks, TwccReport *out
) noexcept nogil:
    cdef int slot = sequence & (TWCC_HISTORY - 1)
    cdef TwccResult *result
    if received:
        if history.slots[slot].state == SLOT_RECEIVED:
            out.duplicates += 1
            return
        if history.slots[slot].state == SLOT_LOST:
            out.late += 1
        history.slots[slot].state = SLOT_RECEIVED
        out.received += 1
        out.bytes += history.slots[slot].size_bytes
        out.round_trip_ns = history.slots[slot].sent_ns       # turned into a difference at the end
    else:
        if history.slots[slot].state != SLOT_SENT:
            return
        history.slots[slot].state = SLOT_LOST
        out.lost += 1
        out.lost_bytes += history.slots[slot].size_bytes
    if out.count >= out.capacity:
        out.omitted += 1
        return
    result = out.results + out.count
    out.count += 1
    result.sent_ns = history.slots[slot].sent_ns
    result.arrival_us = <int64_t>(ticks * TICK_US) if received else 0
    result.sequence = sequence
    result.size_bytes = history.slots[slot].size_bytes
    result.received = received


cdef void take_chunks(
    TwccHistory *history, const uint8_t *packet, int deltas_at, TwccReport *out
) noexcept nogil:
    """Go through a checked packet; `back` is how far a sequence lies behind the next one to be sent."""
    cdef int left = read16(packet + 14)
    cdef int back = <uint16_t>(history.next_sequence - read16(packet + 12))
    cdef const uint8_t *delta = packet + deltas_at
    cdef uint64_t ticks = history.reference_ticks
    cdef int at = HEADER
    cdef int span, symbol, i, skip
    cdef uint16_t chunk
    while left > 0:
        chunk = read16(packet + at)
        at += 2
        span = chunk_span(chunk, left)
        left -= span
        i = 0
        if not chunk & 0x8000 and chunk_symbol(chunk, 0) == SYMBOL_LOST and back > TWCC_HISTORY:
            skip = back - TWCC_HISTORY      # a run of losses costs nothing where nothing is remembered
            skip = skip if skip < span else span
            out.unknown += skip
            back -= skip
            i = skip
        while i < span:
            symbol = chunk_symbol(chunk, i)
            if symbol == SYMBOL_SMALL:
                ticks += delta[0]
                delta += 1
            elif symbol == SYMBOL_LARGE:
                ticks += <uint64_t><int64_t><int16_t>read16(delta)
                delta += 2
            if back > TWCC_HISTORY:
                out.unknown += 1
            else:
                take_result(history, history.next_sequence - back, symbol != SYMBOL_LOST, ticks, out)
            back -= 1
            i += 1


cdef int twcc_receive(
    TwccHistory *history, const uint8_t *packet, int length, int64_t now_ns, TwccReport *out
) noexcept nogil:
    """Read one feedback packet (with its header) into `out`; TWCC_OK, or a reason and no effect."""
    cdef TwccResult *results = out.results
    cdef int capacity = out.capacity
    cdef int end = 0
    cdef int deltas_at = 0
    cdef int code
    memset(out, 0, sizeof(TwccReport))
    out.results = results
    out.capacity = capacity if results != NULL else 0
    out.round_trip_ns = -1
    code = check_header(history, packet, length, &end)
    if code == TWCC_OK:
        code = check_chunks(packet, end, &deltas_at)
    if code != TWCC_OK:
        return code
    out.first_sequence = read16(packet + 12)
    out.last_sequence = out.first_sequence + read16(packet + 14) - 1
    follow_reference(history, packet, out)
    take_chunks(history, packet, deltas_at, out)
    if out.received > 0:
        out.round_trip_ns = now_ns - out.round_trip_ns
    return TWCC_OK


cdef int64_t twcc_ahead(const TwccHistory *history, uint16_t sequence) noexcept nogil:
    """Return the bytes that were sent behind a packet, as far back as the history remembers."""
    cdef int behind = <uint16_t>(history.next_sequence - sequence - 1)
    cdef int64_t octets = 0
    cdef int back
    for back in range(1, (behind if behind < TWCC_HISTORY else TWCC_HISTORY) + 1):
        octets += history.slots[<uint16_t>(history.next_sequence - back) & (TWCC_HISTORY - 1)].size_bytes
    return octets


class Result(NamedTuple):
    sequence: int
    received: bool
    sent_ns: int
    arrival_us: int
    size_bytes: int


class Report(NamedTuple):
    """`TwccReport` for tests and tools."""

    results: list[Result]
    omitted: int
    received: int
    lost: int
    late: int
    duplicates: int
    unknown: int
    bytes: int
    lost_bytes: int
    missed_feedback: int
    first_sequence: int
    last_sequence: int
    round_trip_ns: int


cdef class History:
    """View of a `TwccHistory` for tests, tools and fuzzers."""

    cdef TwccHistory *state
    cdef TwccResult *results
    cdef int capacity

    def __cinit__(self, first_sequence=0, capacity=TWCC_RESULTS):
        self.capacity = capacity
        self.state = <TwccHistory *>malloc(sizeof(TwccHistory))
        self.results = <TwccResult *>calloc(capacity or 1, sizeof(TwccResult))
        if self.state == NULL or self.results == NULL:
            raise MemoryError
        twcc_history_init(self.state, first_sequence)

    def __dealloc__(self):
        free(self.state)
        free(self.results)

    def sent(self, now_ns, size_bytes):
        return twcc_sent(self.state, now_ns, size_bytes)

    def receive(self, bytes packet, now_ns=0):
        """A `Report`, or the negative `TwccCheck` code."""
        cdef TwccReport report
        cdef int i, code
        cdef uint8_t *copy = <uint8_t *>malloc(len(packet) or 1)
        memcpy(copy, <const char *>packet, len(packet))
        report.results = self.results
        report.capacity = self.capacity
        code = twcc_receive(self.state, copy, len(packet), now_ns, &report)
        free(copy)
        if code != TWCC_OK:
            return code
        results = []
        for i in range(report.count):
            results.append(Result(
                self.results[i].sequence, bool(self.results[i].received), self.results[i].sent_ns,
                self.results[i].arrival_us, self.results[i].size_bytes,
            ))
        return Report(
            results, report.omitted, report.received, report.lost, report.late, report.duplicates,
            report.unknown, report.bytes, report.lost_bytes, report.missed_feedback, report.first_sequence,
            report.last_sequence, report.round_trip_ns,
        )


HISTORY_BYTES = sizeof(TwccHistory)
