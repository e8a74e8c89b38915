# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, freethreading_compatible=False
"""What media/tap/reader.py does for every packet: atomics on a tap ring's header page (Python has none of its own), and
the way of an ordinary packet out of the ring, which in Python was an eighth of what recording costs.

Layout and protocol are described in tapring.pyx. A call costs some tens of nanoseconds, `packet` some hundreds.
"""
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy

from media.plane.atomics cimport (
    compare_exchange_u64,
    fence_acquire,
    fence_full,
    fetch_add_u64,
    load_acquire_u64,
    load_relaxed_u64,
    store_relaxed_u64,
    store_release_u64,
)
from media.plane.tapring cimport (
    TAP_HEADER_PAGE_BYTES,
    TAP_KIND_RTP,
    TAP_PACKET_MAX_BYTES,
    TAP_RECORD_HEADER_BYTES,
    TAP_RECORD_VERSION,
    TAP_RID_BYTES,
    WORD_CAPACITY,
    WORD_CLOSED,
    WORD_DROPPED,
    WORD_DROPPED_BYTES,
    WORD_LOST,
    WORD_MAGIC,
    WORD_POLICY,
    WORD_READER,
    WORD_READER_GENERATION,
    WORD_READER_ORDINAL,
    WORD_REFUSED,
    WORD_TAIL,
    WORD_VERSION,
    WORD_WAITING,
    WORD_WRITER,
    WORD_WRITTEN,
    RecordHeader,
    tap_magic,
)


cdef class TapWords:
    """Atomic access to the header page of a mapped ring; the reader's half of the protocol.

    `buffer` is a writable mapping of at least a page and what lies behind it, kept until `release`. ValueError if it is
    smaller.
    """
    cdef uint8_t[::1] memory
    cdef uint64_t *words
    cdef const uint8_t *data
    cdef uint64_t capacity

    def __cinit__(self, buffer):
        view = memoryview(buffer)
        if view.nbytes < TAP_HEADER_PAGE_BYTES:
            raise ValueError("no room for a header page")
        self.memory = view.cast("B")
        self.words = <uint64_t *>&self.memory[0]
        self.data = &self.memory[0] + TAP_HEADER_PAGE_BYTES
        self.capacity = view.nbytes - TAP_HEADER_PAGE_BYTES

    def release(self):
        """Let the mapping go; every later call raises ValueError."""
        self.words = NULL
        self.memory = None

    cdef uint64_t *_mapped(self) except NULL:
        if self.words == NULL:
            raise ValueError("the ring is closed")
        return self.words

    def magic(self):
        return load_acquire_u64(&self._mapped()[WORD_MAGIC]) == tap_magic()

    def geometry(self):
        """`(layout version, policy, capacity in bytes)`."""
        cdef uint64_t *words = self._mapped()
        return words[WORD_VERSION], words[WORD_POLICY], words[WORD_CAPACITY]

    def writer_position(self):
        return load_acquire_u64(&self._mapped()[WORD_WRITER])

    def tail_position(self):
        return load_acquire_u64(&self._mapped()[WORD_TAIL])

    def tail_position_after_copy(self):
        """The tail as it is after everything read so far was read."""
        cdef uint64_t *words = self._mapped()
        fence_acquire()
        return load_acquire_u64(&words[WORD_TAIL])

    def reader_position(self):
        return load_acquire_u64(&self._mapped()[WORD_READER])

    def reader_ordinal(self):
        return load_acquire_u64(&self._mapped()[WORD_READER_ORDINAL])

    def advance(self, uint64_t expected, uint64_t position, uint64_t ordinal):
        """Give back what lies before `position`; False when another reader has moved on from `expected`."""
        cdef uint64_t *words = self._mapped()
        if load_relaxed_u64(&words[WORD_READER]) != expected:
            return False
        # Ordinal first: a reader killed between the two leaves a record that is read twice, not a false loss.
        store_release_u64(&words[WORD_READER_ORDINAL], ordinal)
        return bool(compare_exchange_u64(&words[WORD_READER], expected, position))

    def packet(self, uint64_t position):
        """The record at `position` as `TapRecord` has it behind `kind`: flags, ordinal, route, both times, SSRC,
        sequence, RID, lost records, packet.

        None where it is no packet's, or contradicts itself: then the reader looks closely.
        """
        cdef RecordHeader header
        cdef const uint8_t *at
        cdef uint64_t left
        cdef int length = TAP_RID_BYTES
        self._mapped()
        if self.capacity == 0:
            return None
        left = self.capacity - position % self.capacity
        if left < TAP_RECORD_HEADER_BYTES:
            return None
        at = self.data + position % self.capacity
        memcpy(&header, at, sizeof(header))
        if (header.version != TAP_RECORD_VERSION or header.kind != TAP_KIND_RTP
                or header.packet_bytes > TAP_PACKET_MAX_BYTES or header.record_bytes > left
                or header.record_bytes != (TAP_RECORD_HEADER_BYTES + header.packet_bytes + 7) & ~<uint64_t>7):
            return None
        while length and header.rid[length - 1] == 0:
            length -= 1
        return (header.flags, header.ordinal, header.route, header.monotonic_ns, header.wall_ns, header.ssrc,
                header.sequence, header.rid[:length].decode("latin-1"), header.lost_records,
                PyBytes_FromStringAndSize(<const char *>at + TAP_RECORD_HEADER_BYTES, header.packet_bytes))

    def add_lost(self, uint64_t records):
        fetch_add_u64(&self._mapped()[WORD_LOST], records)

    def next_generation(self):
        """Number this reader, from 1."""
        return fetch_add_u64(&self._mapped()[WORD_READER_GENERATION], 1) + 1

    def generation(self):
        return load_acquire_u64(&self._mapped()[WORD_READER_GENERATION])

    def counters(self):
        """`(written, dropped records, dropped bytes, refused, lost)`."""
        cdef uint64_t *words = self._mapped()
        return (load_relaxed_u64(&words[WORD_WRITTEN]), load_relaxed_u64(&words[WORD_DROPPED]),
                load_relaxed_u64(&words[WORD_DROPPED_BYTES]), load_relaxed_u64(&words[WORD_REFUSED]),
                load_relaxed_u64(&words[WORD_LOST]))

    def closed(self):
        return load_acquire_u64(&self._mapped()[WORD_CLOSED]) != 0

    def announce_wait(self):
        """Ask for the eventfd; the writer's position must be looked at once more before sleeping."""
        store_relaxed_u64(&self._mapped()[WORD_WAITING], 1)
        fence_full()

    def end_wait(self):
        store_relaxed_u64(&self._mapped()[WORD_WAITING], 0)
