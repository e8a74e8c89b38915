# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, freethreading_compatible=False
"""Ring of fixed-size slots between one producing and one consuming thread of this process.

Carries commands to a plane thread, its events back, and packets between plane threads. No lock and no allocation
after `ring_init`; neither side ever waits for the other.

Producer: `ring_reserve` gives the slot to fill (NULL: full), `ring_commit` hands it over. Reserving again without a
commit gives the same slot. `ring_reserve_spare` also gives NULL when fewer than `keep_free` slots would stay free
behind it: messages that may be lost leave room for those that may not. A producer with many messages uses
`ring_commit_quiet` for each and `ring_wake` once.

Consumer: `ring_peek` gives the oldest slot (NULL: empty), `ring_pop` gives it back; the pointer is dead after that.
To sleep:

    if ring_prepare_wait(r):        # nothing there, and the next commit will write the eventfd
        poll(ring_fd(r) ...)
    ring_finish_wait(r)             # after waking, and also when prepare said no
    ... ring_peek until NULL ...

Ordering. The slot's bytes are written before `head` is stored with release and read after it is loaded with acquire,
so a consumer that sees the index sees the bytes; `tail` does the same the other way round before a slot is reused.

No wake-up is lost. The consumer stores waiting = 1, passes a full fence and then loads `head`; the producer stores
`head`, passes a full fence and then loads `waiting`. The two fences are in one total order, so whoever passes second
sees what the other stored before its own: either the consumer sees the new head and does not sleep, or the producer
sees waiting = 1 and writes the eventfd. (Both may happen: one spurious wake-up.) The producer takes the flag down by
an exchange, so that a sleeping consumer costs one eventfd write, however many commits follow before it runs; a
consumer that is awake costs none.
"""
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from media.plane.atomics cimport (
    exchange_u32,
    fence_full,
    load_acquire_u64,
    load_relaxed_u32,
    load_relaxed_u64,
    store_relaxed_u32,
    store_release_u64,
)

cdef extern from "<stdlib.h>" nogil:
    int posix_memalign(void **memory, size_t alignment, size_t size) noexcept

cdef extern from "<unistd.h>" nogil:
    int close(int fd) noexcept
    ssize_t read(int fd, void *buffer, size_t count) noexcept
    ssize_t write(int fd, const void *buffer, size_t count) noexcept

cdef extern from "<sys/eventfd.h>" nogil:
    enum:
        EFD_CLOEXEC
        EFD_NONBLOCK
    int eventfd(unsigned int initial, int flags) noexcept

cdef extern from "<poll.h>" nogil:
    struct pollfd:
        int fd
        short events
        short revents
    enum:
        POLLIN
    int poll(pollfd *fds, unsigned long count, int timeout_ms) noexcept

cdef extern from "<sched.h>" nogil:
    int sched_yield() noexcept


cdef int ring_init(Ring *r, uint32_t slot_bytes, uint32_t slots) noexcept nogil:
    """Take the memory for `slots` (a power of two, at least 2) of `slot_bytes`; 0, or -1 and nothing taken.

    Slots begin on cache lines. The memory is zeroed, so it is resident before the first packet.
    """
    cdef void *memory = NULL
    memset(r, 0, sizeof(Ring))
    r.event_fd = -1
    if slots < 2 or slots > RING_SLOTS_MAX or slots & (slots - 1) or not 0 < slot_bytes <= RING_SLOT_MAX_BYTES:
        return -1
    r.slot_bytes = slot_bytes
    r.stride_bytes = (slot_bytes + RING_LINE_BYTES - 1) & ~<uint32_t>(RING_LINE_BYTES - 1)
    r.mask = slots - 1
    if posix_memalign(&memory, RING_LINE_BYTES, <size_t>slots * r.stride_bytes) != 0:
        return -1
    memset(memory, 0, <size_t>slots * r.stride_bytes)
    r.slots = <uint8_t *>memory
    r.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
    if r.event_fd < 0:
        ring_free(r)
        return -1
    return 0


cdef void ring_free(Ring *r) noexcept nogil:
    """Give everything back; both sides must have stopped. A ring of zeros or freed before is left alone."""
    if r.slots != NULL:
        free(r.slots)
        if r.event_fd >= 0:
            close(r.event_fd)
    memset(r, 0, sizeof(Ring))
    r.event_fd = -1


cdef int ring_fd(const Ring *r) noexcept nogil:
    """The eventfd that becomes readable for a consumer that prepared to wait; the ring keeps it."""
    return r.event_fd


cdef uint64_t ring_used(const Ring *r) noexcept nogil:
    """Slots committed and not yet popped; from a third thread an estimate within 0..slots."""
    cdef uint64_t tail = load_acquire_u64(&r.tail)
    cdef uint64_t used = load_acquire_u64(&r.head) - tail
    return used if used <= r.mask + 1 else r.mask + 1


# --- producer -------------------------------------------------------------------------------------------------------

cdef inline bint _has_free(Ring *r, uint64_t wanted) noexcept nogil:
    cdef uint64_t slots = r.mask + 1
    if slots - (r.head - r.seen_tail) >= wanted:
        return True
    r.seen_tail = load_acquire_u64(&r.tail)
    return slots - (r.head - r.seen_tail) >= wanted


cdef void *ring_reserve(Ring *r) noexcept nogil:
    """The slot to fill next, or NULL when the ring is full."""
    if not _has_free(r, 1):
        return NULL
    return r.slots + (r.head & r.mask) * r.stride_bytes


cdef void *ring_reserve_spare(Ring *r, uint32_t keep_free) noexcept nogil:
    """The slot to fill next, or NULL when fewer than `keep_free` slots would stay free behind it."""
    if not _has_free(r, <uint64_t>keep_free + 1):
        return NULL
    return r.slots + (r.head & r.mask) * r.stride_bytes


cdef void ring_commit_quiet(Ring *r) noexcept nogil:
    """Hand the reserved slot over without waking anybody; `ring_wake` must follow before the producer rests."""
    store_release_u64(&r.head, r.head + 1)


cdef void ring_wake(Ring *r) noexcept nogil:
    """Write the eventfd if the consumer may be asleep."""
    cdef uint64_t one = 1
    fence_full()
    if load_relaxed_u32(&r.waiting) and exchange_u32(&r.waiting, 0):
        # It can only fail with EAGAIN, when the counter is at its end: then the descriptor is readable anyway.
        write(r.event_fd, &one, sizeof(one))


cdef void ring_commit(Ring *r) noexcept nogil:
    """Hand the reserved slot over and wake the consumer if it may be asleep."""
    ring_commit_quiet(r)
    ring_wake(r)


# --- consumer -------------------------------------------------------------------------------------------------------

cdef void *ring_peek(Ring *r) noexcept nogil:
    """The oldest slot, or NULL when the ring is empty."""
    if r.tail == r.seen_head:
        r.seen_head = load_acquire_u64(&r.head)
        if r.tail == r.seen_head:
            return NULL
    return r.slots + (r.tail & r.mask) * r.stride_bytes


cdef void ring_pop(Ring *r) noexcept nogil:
    """Give the slot that `ring_peek` showed back to the producer; only after a peek that was not NULL."""
    store_release_u64(&r.tail, r.tail + 1)


cdef bint ring_prepare_wait(Ring *r) noexcept nogil:
    """True: the ring is empty and the next commit writes the eventfd. False: there is something, do not sleep."""
    store_relaxed_u32(&r.waiting, 1)
    fence_full()
    if ring_peek(r) == NULL:
        return True
    store_relaxed_u32(&r.waiting, 0)
    return False


cdef void ring_finish_wait(Ring *r) noexcept nogil:
    """Take the flag down and empty the eventfd."""
    cdef uint64_t count
    store_relaxed_u32(&r.waiting, 0)
    read(r.event_fd, &count, sizeof(count))


cdef void ring_put_off(Ring *r) noexcept nogil:
    """Make the eventfd readable: the consumer was refused the wait and takes what is there when its poll returns."""
    cdef uint64_t one = 1
    write(r.event_fd, &one, sizeof(one))


# --- view for control, tests and tools ------------------------------------------------------------------------------

cdef class RingView:
    """One end of a ring for Python: its own (constructor) or one that somebody else keeps (`RingView.wrap`, Cython).

    Messages are whole slots: a shorter one is filled up with zeros, and `pop` returns `slot_bytes` bytes.
    """

    def __cinit__(self, slot_bytes=0, slots=0, first_index=0):
        self.ring = NULL
        self.own.event_fd = -1
        if not slot_bytes and not slots:
            return                  # by wrap, which sets the ring
        if not (0 < slot_bytes <= RING_SLOT_MAX_BYTES and 0 < slots <= RING_SLOTS_MAX):
            raise ValueError("slot size or number of slots out of range")
        if ring_init(&self.own, slot_bytes, slots) != 0:
            raise ValueError("slots must be a power of two, at least 2, and memory must suffice")
        self.own.head = self.own.seen_tail = self.own.tail = self.own.seen_head = first_index
        self.ring = &self.own

    def __init__(self, slot_bytes, slots, first_index=0):
        """Make a ring of its own; `first_index` lets tests begin just before the indexes wrap at 2**64."""
        if self.ring == NULL:
            raise ValueError("slot size or number of slots out of range")

    def __dealloc__(self):
        ring_free(&self.own)

    @staticmethod
    cdef RingView wrap(Ring *ring, object owner):
        """A view of a ring that `owner` keeps alive."""
        cdef RingView view = RingView.__new__(RingView)
        view.ring = ring
        view.owner = owner
        return view

    def _fill(self, bytes message, uint32_t keep_free):
        cdef uint8_t *slot
        cdef size_t length = len(message)
        if length > self.ring.slot_bytes:
            raise ValueError("the message is larger than a slot")
        slot = <uint8_t *>ring_reserve_spare(self.ring, keep_free)
        if slot == NULL:
            return False
        memcpy(slot, <const uint8_t *>message, length)
        memset(slot + length, 0, self.ring.slot_bytes - length)
        ring_commit(self.ring)
        return True

    def push(self, bytes message):
        """Producer: False when the ring is full."""
        return self._fill(message, 0)

    def push_spare(self, bytes message, uint32_t keep_free):
        """Producer: False when fewer than `keep_free` slots would stay free."""
        return self._fill(message, keep_free)

    def pop(self):
        """Consumer: the oldest message, or None."""
        cdef uint8_t *slot = <uint8_t *>ring_peek(self.ring)
        if slot == NULL:
            return None
        message = slot[: self.ring.slot_bytes]
        ring_pop(self.ring)
        return message

    def prepare_wait(self):
        return bool(ring_prepare_wait(self.ring))

    def finish_wait(self):
        ring_finish_wait(self.ring)

    def fileno(self):
        """The eventfd, for an event loop; the ring keeps it."""
        return ring_fd(self.ring)

    def __len__(self):
        return ring_used(self.ring)


def produce_numbers(RingView view, uint64_t count, uint32_t batch, bint lockstep):
    """Test loop without the GIL: commit `count` slots full of their own number, waking once per `batch`.

    In lockstep each commit falls into the moment when the consumer, having emptied the ring, is about to sleep, and
    none follows that would make up for a wake-up lost.
    """
    cdef uint64_t number, word, spins, words = view.ring.slot_bytes // 8
    cdef uint64_t *slot
    cdef Ring *ring = view.ring
    with nogil:
        for number in range(count):
            slot = <uint64_t *>ring_reserve(ring)
            while slot == NULL:
                ring_wake(ring)
                sched_yield()
                slot = <uint64_t *>ring_reserve(ring)
            for word in range(words):
                slot[word] = number + word
            ring_commit_quiet(ring)
            if number % batch == batch - 1:
                ring_wake(ring)
            spins = 0
            while lockstep and ring_used(ring):
                spins += 1
                if spins % 1024 == 0:
                    sched_yield()
            spins = number % 32         # try all moments of the consumer's way to sleep
            while lockstep and spins:
                spins -= ring_used(ring) + 1
        ring_wake(ring)


def consume_numbers(RingView view, uint64_t count, int patience_ms):
    """Test loop without the GIL: `(received, wrong, sleeps, lost wake-ups)` of what produce_numbers sends.

    Sleeps whenever the ring is empty. A sleep of `patience_ms` that ends without the eventfd although something is
    there is a lost wake-up; one with nothing there ends the loop.
    """
    cdef uint64_t received = 0, wrong = 0, sleeps = 0, lost = 0
    cdef uint64_t word, words = view.ring.slot_bytes // 8
    cdef uint64_t *slot
    cdef pollfd waiter
    cdef Ring *ring = view.ring
    with nogil:
        while received < count:
            slot = <uint64_t *>ring_peek(ring)
            if slot == NULL:
                if ring_prepare_wait(ring):
                    waiter.fd = ring_fd(ring)
                    waiter.events = POLLIN
                    waiter.revents = 0
                    sleeps += 1
                    if poll(&waiter, 1, patience_ms) == 0:
                        if ring_peek(ring) == NULL:
                            break
                        lost += 1
                ring_finish_wait(ring)
                continue
            for word in range(words):
                if slot[word] != received + word:
                    wrong += 1
            received += 1
            ring_pop(ring)
    return received, wrong, sleeps, lost
