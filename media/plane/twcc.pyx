# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, freethreading_compatible=False
"""Transport-wide feedback towards a publisher: what arrived when.

Touches nothing but the structs and bytes it is given; the caller's clock is monotonic nanoseconds. Behaves
as libwebrtc where the draft is silent: a feedback starts at the first sequence not yet reported, so that
losses between two are seen; a packet that comes late is reported by a feedback that goes back to it; the
first delta is taken from the reference time rounded down; padding sets the header's P bit.
"""

from libc.stdlib cimport free, malloc
from libc.string cimport memset

from media.plane.rtp cimport write16, write32

cdef enum:
    TICK_NS = 250000
    HEADER = 20
    SYMBOL_LOST = 0
    SYMBOL_SMALL = 1                # delta of one byte, 0 to 255 ticks
    SYMBOL_LARGE = 2                # delta of two bytes, signed
    RUN_CAPACITY = 0x1FFF
    ONE_BIT_CAPACITY = 14
    TWO_BIT_CAPACITY = 7

# What one feedback packet will say, before it is known how much of it fits.
cdef struct Symbols:
    uint8_t kinds[TWCC_WINDOW]
    int16_t deltas[TWCC_WINDOW]     # of received ones, by position
    int count


cdef inline bint is_received(const TwccRecorder *recorder, int64_t sequence) noexcept nogil:
    cdef int slot = sequence & (TWCC_WINDOW - 1)
    return (recorder.received[slot >> 6] >> (slot & 63)) & 1


cdef void twcc_recorder_init(TwccRecorder *recorder) noexcept nogil:
    """Forget everything; the first recorded packet is the first that is reported on."""
    memset(recorder, 0, sizeof(TwccRecorder))


cdef void restart(TwccRecorder *recorder, uint16_t sequence) noexcept nogil:
    memset(recorder.received, 0, sizeof(recorder.received))
    recorder.next_report = sequence
    recorder.end = sequence
    recorder.unreported = 0
    recorder.has_stray = 0


cdef void forget_between(TwccRecorder *recorder, int64_t start, int64_t end) noexcept nogil:
    """Clear the bits that sequences `start` to `end` - 1 take over; at most a window of them."""
    cdef int slot
    while start < end:
        slot = start & (TWCC_WINDOW - 1)
        if slot & 63 == 0 and end - start >= 64:
            recorder.received[slot >> 6] = 0
            start += 64
        else:
            recorder.received[slot >> 6] &= ~(<uint64_t>1 << (slot & 63))
            start += 1


cdef bint make_room(TwccRecorder *recorder, uint16_t sequence, int64_t *extended) noexcept nogil:
    """Place `sequence` in the window, moving or restarting the window as needed; false for a stray."""
    cdef int64_t at
    if not recorder.started:
        recorder.started = 1
        restart(recorder, sequence)
    at = recorder.end + <int16_t>(sequence - <uint16_t>recorder.end)
    if at - recorder.end >= TWCC_WINDOW - 1:    # nothing that was known would stay in the window
        recorder.restarts += 1
        restart(recorder, sequence)
        at = sequence
    elif recorder.end - at > TWCC_WINDOW:
        # One packet may have lingered in the network; two in a row are a publisher that counts anew.
        if not recorder.has_stray or sequence != recorder.stray:
            recorder.stray = sequence + 1
            recorder.has_stray = 1
            recorder.strays += 1
            return False
        recorder.restarts += 1
        restart(recorder, sequence)
        at = sequence
    if at >= recorder.end:
        forget_between(recorder, recorder.end, at + 1)
        recorder.end = at + 1
        if recorder.next_report < recorder.end - TWCC_WINDOW:
            recorder.next_report = recorder.end - TWCC_WINDOW
    extended[0] = at
    return True


cdef void twcc_record(TwccRecorder *recorder, uint16_t sequence, int64_t arrival_ns) noexcept nogil:
    """Note an arrival. Duplicates keep the first time; a jump by more than the window restarts the record."""
    cdef int64_t at = 0
    cdef int slot
    if arrival_ns < 0 or not make_room(recorder, sequence, &at):
        return
    recorder.has_stray = 0
    slot = at & (TWCC_WINDOW - 1)
    if is_received(recorder, at):
        recorder.duplicates += 1
        return
    recorder.received[slot >> 6] |= <uint64_t>1 << (slot & 63)
    recorder.arrival_ticks[slot] = <uint32_t>((arrival_ns + TICK_NS // 2) // TICK_NS)
    recorder.unreported += 1
    if at < recorder.next_report:
        recorder.next_report = at


cdef uint32_t gather(const TwccRecorder *recorder, Symbols *symbols) noexcept nogil:
    """Fill the symbols of all that is to report and whose times fit; the reference time in 64 ms units."""
    cdef int64_t at = recorder.next_report
    cdef uint32_t reference, last, ticks
    cdef int delta
    cdef int n = 0
    while at < recorder.end and not is_received(recorder, at):
        symbols.kinds[n] = SYMBOL_LOST
        n += 1
        at += 1
    reference = recorder.arrival_ticks[at & (TWCC_WINDOW - 1)] >> 8
    last = reference << 8
    while at < recorder.end:
        if is_received(recorder, at):
            ticks = recorder.arrival_ticks[at & (TWCC_WINDOW - 1)]
            delta = <int>(ticks - last)
            if delta < -0x8000 or delta > 0x7FFF:
                break
            last = ticks
            symbols.deltas[n] = delta
            symbols.kinds[n] = SYMBOL_SMALL if 0 <= delta <= 255 else SYMBOL_LARGE
        else:
            symbols.kinds[n] = SYMBOL_LOST
        n += 1
        at += 1
    symbols.count = n
    return reference


cdef int plan_chunk(const Symbols *symbols, int at, int end, uint16_t *chunk) noexcept nogil:
    """Choose the chunk that says most from `at`, of the symbols before `end`; how many it says.

    A vector that is not full must be the packet's last chunk; it always reaches `end`.
    """
    cdef const uint8_t *kinds = symbols.kinds + at
    cdef int left = end - at
    cdef int run = 1
    cdef int span = 0
    cdef int i
    while run < left and run < RUN_CAPACITY and kinds[run] == kinds[0]:
        run += 1
    if run < ONE_BIT_CAPACITY and run < left:
        while span < left and span < ONE_BIT_CAPACITY and kinds[span] != SYMBOL_LARGE:
            span += 1
        if span == ONE_BIT_CAPACITY or span == left:
            chunk[0] = 0x8000
            for i in range(span):
                chunk[0] |= kinds[i] << (ONE_BIT_CAPACITY - 1 - i)
            return span
        if run < TWO_BIT_CAPACITY:
            span = left if left < TWO_BIT_CAPACITY else TWO_BIT_CAPACITY
            chunk[0] = 0xC000
            for i in range(span):
                chunk[0] |= kinds[i] << 2 * (TWO_BIT_CAPACITY - 1 - i)
            return span
    chunk[0] = (<uint16_t>kinds[0] << 13) | run
    return run


cdef int twcc_build(
    TwccRecorder *recorder, uint8_t *out, int capacity, uint32_t sender_ssrc, uint32_t media_ssrc
) noexcept nogil:
    """Write one feedback packet; its length, or 0 for nothing to report or less than TWCC_MIN_CAPACITY.

    Call until it returns 0: what does not fit one packet is left to the next.
    """
    cdef Symbols symbols
    cdef uint16_t chunk = 0
    cdef uint32_t reference
    cdef int chunks = 0, said = 0, deltas = 0
    cdef int covered, size, i
    if recorder.next_report >= recorder.end or capacity < TWCC_MIN_CAPACITY:
        return 0
    reference = gather(recorder, &symbols)
    capacity &= ~3
    while said < symbols.count:
        # A chunk is cut short where its deltas would not fit; then it is the last.
        size = HEADER + 2 * (chunks + 1) + deltas
        covered = said
        while covered < symbols.count and size + symbols.kinds[covered] <= capacity:
            size += symbols.kinds[covered]      # the symbol is the width of its delta
            covered += 1
        if covered == said:
            break
        covered = plan_chunk(&symbols, said, covered, &chunk)
        write16(out + HEADER + 2 * chunks, chunk)
        chunks += 1
        for i in range(said, said + covered):
            deltas += symbols.kinds[i]
        said += covered
        if chunk & 0x8000 and covered < (TWO_BIT_CAPACITY if chunk & 0x4000 else ONE_BIT_CAPACITY):
            break
    size = write_deltas(out, HEADER + 2 * chunks, &symbols, said)
    write_header(out, size, sender_ssrc, media_ssrc)
    write16(out + 12, <uint16_t>recorder.next_report)
    write16(out + 14, said)
    write32(out + 16, (reference << 8) | recorder.feedback_count)
    recorder.feedback_count += 1
    recorder.next_report += said
    if recorder.next_report >= recorder.end:
        recorder.unreported = 0
    return (size + 3) & ~3


cdef int write_deltas(uint8_t *out, int size, const Symbols *symbols, int n) noexcept nogil:
    cdef int i
    for i in range(n):
        if symbols.kinds[i] == SYMBOL_SMALL:
            out[size] = symbols.deltas[i]
            size += 1
        elif symbols.kinds[i] == SYMBOL_LARGE:
            write16(out + size, <uint16_t>symbols.deltas[i])
            size += 2
    return size


cdef void write_header(uint8_t *out, int size, uint32_t sender_ssrc, uint32_t media_ssrc) noexcept nogil:
    cdef int padding = -size & 3
    if padding > 0:
        memset(out + size, 0, padding)
        out[size + padding - 1] = padding
    out[0] = 0x8F | (0x20 if padding else 0)
    out[1] = 205
    write16(out + 2, (size + padding) // 4 - 1)
    write32(out + 4, sender_ssrc)
    write32(out + 8, media_ssrc)


cdef class Recorder:
    """View of a `TwccRecorder` for tests, tools and fuzzers."""

    cdef TwccRecorder *state

    def __cinit__(self):
        self.state = <TwccRecorder *>malloc(sizeof(TwccRecorder))
        if self.state == NULL:
            raise MemoryError
        twcc_recorder_init(self.state)

    def __dealloc__(self):
        free(self.state)

    def record(self, sequence, arrival_ns):
        twcc_record(self.state, sequence, arrival_ns)

    def build(self, capacity=1200, sender_ssrc=1, media_ssrc=2):
        cdef uint8_t *out = <uint8_t *>malloc(capacity or 1)
        try:
            return (<const char *>out)[:twcc_build(self.state, out, capacity, sender_ssrc, media_ssrc)]
        finally:
            free(out)

    @property
    def counters(self):
        return {
            "unreported": self.state.unreported, "duplicates": self.state.duplicates,
            "strays": self.state.strays, "restarts": self.state.restarts,
        }


RECORDER_BYTES = sizeof(TwccRecorder)
