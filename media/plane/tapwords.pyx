# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, freethreading_compatible=False
"""The reader's atomics on the header page of a tap ring, for media/tap/reader.py (Python has none of its own).

Layout and protocol are described in tapring.pyx. A call costs some tens of nanoseconds.
"""
from libc.stdint cimport uint64_t

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
    tap_magic,
)


cdef class TapWords:
    """Atomic access to the header page of a mapped ring; the reader's half of the protocol.

    `buffer` is a writable mapping of at least a page, kept until `release`. ValueError if it is smaller.
    """
    cdef uint64_t[::1] page
    cdef uint64_t *words

    def __cinit__(self, buffer):
        view = memoryview(buffer)
        if view.nbytes < TAP_HEADER_PAGE_BYTES:
            raise ValueError("no room for a header page")
        self.page = view[:TAP_HEADER_PAGE_BYTES].cast("B").cast("Q")
        self.words = &self.page[0]

    def release(self):
        """Let the mapping go; every later call raises ValueError."""
        self.words = NULL
        self.page = None

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
