# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, freethreading_compatible=False
"""Shared-memory ring from one plane thread to one worker process (recorder, mixer).

The memory is a sealed memfd that the worker maps through an inherited descriptor; an eventfd wakes it. The reader's
position lives in the memory, so a worker that was killed is followed by one that goes on where it stopped. The other
half is media/tap/reader.py over media/plane/tapwords.pyx. `TapRing` belongs to one thread; several plane threads have a
ring each.

Layout (native byte order: both ends are one machine). A page of 64-bit words, then `capacity` bytes of data:

    word  0  magic "HSTAPRNG"     1  layout version     2  policy     3  capacity in bytes
          8  writer position      9  tail position     10  written   11  dropped records  12  dropped bytes
         13  refused records     14  closed by the writer
         16  reader position     17  ordinal of the record the reader expects  18  reader generation  19  lost records
         24  reader may be asleep

Positions count bytes since creation and never wrap (2**64); a position modulo the capacity is where the bytes are.
Records are whole multiples of 8 bytes and never split: one that would not fit before the end of the memory is
preceded by a filler, of which only the first 8 bytes count.

    offset 0  u32 bytes of the record with this header and padding      4  u8 version    5  u8 kind    6  u16 flags
           8  u64 ordinal (1 more than that of the record before)       16  u64 route
          24  i64 monotonic ns    32  i64 wall ns (UTC)    40  u32 original SSRC    44  u32 original sequence
          48  16 bytes RID        64  u32 bytes of the packet           68  u32 records lost (gap mark)    72  packet

Policies. TAP_DROP_NEWEST: a record that does not fit is dropped and counted, and before the next one that fits goes a
gap mark with the number dropped and the time of the first. TAP_DROP_OLDEST: the writer moves the tail over the oldest
records first; the reader finds from the ordinals how many it lost.

Ordering. The writer stores its position with release after the record's bytes, and the reader loads it with acquire
before it reads them. A reader gives memory back by a compare-and-exchange of its position (acquire and release),
after it has copied; the writer loads that with acquire before it writes there again (TAP_DROP_NEWEST). Under
TAP_DROP_OLDEST the writer does not wait: it stores the new tail, passes a release fence and then overwrites. The
reader copies, passes an acquire fence and then loads the tail: if it copied any byte of the newer record, the fences
pair and it sees the newer tail, beyond its position, and throws the copy away. On x86-64, which keeps loads in order
and stores in order, the fences only bind the compiler; on aarch64 they are DMB ISH and DMB ISHLD.
Wake-ups are not lost for the reason given in ring.pyx: flag, full fence and position on the one side, position, full
fence and flag on the other.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from media.plane.atomics cimport (
    exchange_u64,
    fence_full,
    fence_release,
    load_acquire_u64,
    load_relaxed_u64,
    store_relaxed_u64,
    store_release_u64,
)

cdef extern from "<sys/mman.h>" nogil:
    enum:
        PROT_READ
        PROT_WRITE
        MAP_SHARED
        MAP_POPULATE
        MFD_CLOEXEC
        MFD_ALLOW_SEALING
    void *MAP_FAILED
    int memfd_create(const char *name, unsigned int flags) noexcept
    void *mmap(void *address, size_t length, int protection, int flags, int fd, long offset) noexcept
    int munmap(void *address, size_t length) noexcept

cdef extern from "<fcntl.h>" nogil:
    enum:
        F_ADD_SEALS
        F_SEAL_SEAL
        F_SEAL_SHRINK
        F_SEAL_GROW
    int fcntl(int fd, int command, ...) noexcept
    int posix_fallocate(int fd, long offset, long length) noexcept

cdef extern from "<unistd.h>" nogil:
    int close(int fd) noexcept
    ssize_t write(int fd, const void *buffer, size_t count) noexcept

cdef extern from "<sys/eventfd.h>" nogil:
    enum:
        EFD_CLOEXEC
        EFD_NONBLOCK
    int eventfd(unsigned int initial, int flags) noexcept

cdef extern from "<sched.h>" nogil:
    int sched_yield() noexcept

cdef uint64_t CAPACITY_MAX_BYTES = <uint64_t>1 << 32

# --- creation -------------------------------------------------------------------------------------------------------

cdef int tapring_create(TapRing *t, uint64_t capacity_bytes, int policy) noexcept nogil:
    """Make a ring of at least `capacity_bytes` (rounded up to whole pages); 0, or -1 and nothing taken.

    All memory is reserved and mapped here, so that the packet path neither faults nor finds it gone. The seals keep
    the worker from shrinking the file under the server.
    """
    cdef void *memory
    memset(t, 0, sizeof(TapRing))
    t.mem_fd = t.event_fd = -1
    if policy != TAP_DROP_NEWEST and policy != TAP_DROP_OLDEST:
        return -1
    if not TAP_CAPACITY_MIN_BYTES <= capacity_bytes <= CAPACITY_MAX_BYTES:
        return -1
    t.policy = policy
    t.capacity_bytes = (capacity_bytes + 4095) & ~<uint64_t>4095
    t.map_bytes = t.capacity_bytes + TAP_HEADER_PAGE_BYTES
    t.mem_fd = memfd_create("huishang-tap", MFD_CLOEXEC | MFD_ALLOW_SEALING)
    t.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
    if (t.mem_fd < 0 or t.event_fd < 0 or posix_fallocate(t.mem_fd, 0, <long>t.map_bytes) != 0
            or fcntl(t.mem_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0):
        tapring_free(t)
        return -1
    memory = mmap(NULL, t.map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, t.mem_fd, 0)
    if memory == MAP_FAILED:
        tapring_free(t)
        return -1
    t.map = <uint8_t *>memory
    t.data = t.map + TAP_HEADER_PAGE_BYTES
    t.words = <uint64_t *>memory
    t.words[WORD_VERSION] = TAP_LAYOUT_VERSION
    t.words[WORD_POLICY] = policy
    t.words[WORD_CAPACITY] = t.capacity_bytes
    store_release_u64(&t.words[WORD_MAGIC], tap_magic())
    return 0


cdef void tapring_free(TapRing *t) noexcept nogil:
    """Unmap and close; a worker that has the memory mapped keeps it. Harmless for a ring of zeros or freed before."""
    if t.map != NULL:
        munmap(t.map, t.map_bytes)
    if t.mem_fd > 0:
        close(t.mem_fd)
    if t.event_fd > 0:
        close(t.event_fd)
    memset(t, 0, sizeof(TapRing))
    t.mem_fd = t.event_fd = -1


cdef uint64_t tapring_used_bytes(const TapRing *t) noexcept nogil:
    """Bytes the reader has not given back; the whole capacity when its position makes no sense."""
    cdef uint64_t used = t.position - load_acquire_u64(&t.words[WORD_READER])
    return used if used <= t.capacity_bytes else t.capacity_bytes


# --- writing --------------------------------------------------------------------------------------------------------

cdef inline uint64_t _record_bytes(int length) noexcept nogil:
    return (<uint64_t>(TAP_RECORD_HEADER_BYTES + length) + 7) & ~<uint64_t>7


cdef inline uint64_t _place(const TapRing *t, uint64_t position, uint64_t record_bytes) noexcept nogil:
    """Where a record goes that may begin at `position`: there, or at the beginning of the memory behind a filler."""
    cdef uint64_t left = t.capacity_bytes - position % t.capacity_bytes
    return position if record_bytes <= left else position + left


cdef void _lay(TapRing *t, uint64_t at, uint64_t record_bytes, const TapRecord *meta, uint8_t kind,
               const uint8_t *packet, int length, uint32_t lost_records) noexcept nogil:
    """Write filler (if `at` is not the present end) and record; the memory must be free. Publishes nothing."""
    cdef uint64_t offset = t.position % t.capacity_bytes
    cdef RecordHeader *header = <RecordHeader *>(t.data + offset)
    if at != t.position:
        header.record_bytes = <uint32_t>(at - t.position)
        header.version = TAP_RECORD_VERSION
        header.kind = TAP_KIND_FILLER
        header.flags = 0
        header = <RecordHeader *>(t.data + at % t.capacity_bytes)
    header.record_bytes = <uint32_t>record_bytes
    header.version = TAP_RECORD_VERSION
    header.kind = kind
    header.flags = meta.flags
    header.ordinal = t.next_ordinal
    header.route = meta.route
    header.monotonic_ns = meta.monotonic_ns
    header.wall_ns = meta.wall_ns
    header.ssrc = meta.ssrc
    header.sequence = meta.sequence
    memcpy(header.rid, meta.rid, TAP_RID_BYTES)
    header.packet_bytes = <uint32_t>length
    header.lost_records = lost_records
    if length > 0:
        memcpy(<uint8_t *>header + TAP_RECORD_HEADER_BYTES, packet, length)
    t.next_ordinal += 1
    t.position = at + record_bytes


cdef void _lay_gap(TapRing *t, uint64_t at) noexcept nogil:
    cdef TapRecord mark
    cdef uint32_t lost_records = 0xFFFFFFFF     # what the field can say at most
    if t.gap_records < lost_records:
        lost_records = <uint32_t>t.gap_records
    memset(&mark, 0, sizeof(mark))
    mark.monotonic_ns = t.gap_monotonic_ns
    mark.wall_ns = t.gap_wall_ns
    _lay(t, at, TAP_RECORD_HEADER_BYTES, &mark, TAP_KIND_GAP, NULL, 0, lost_records)
    t.gap_records = 0


cdef inline void _count_drop(TapRing *t, uint64_t record_bytes) noexcept nogil:
    t.dropped_records += 1
    t.dropped_bytes += record_bytes
    store_relaxed_u64(&t.words[WORD_DROPPED], t.dropped_records)
    store_relaxed_u64(&t.words[WORD_DROPPED_BYTES], t.dropped_bytes)


cdef bint _write_or_drop(TapRing *t, const TapRecord *meta, const uint8_t *packet, int length) noexcept nogil:
    """TAP_DROP_NEWEST: lay the record, with a gap mark before it where one is due, if all of it fits."""
    cdef uint64_t record_bytes = _record_bytes(length)
    cdef uint64_t free_bytes = t.capacity_bytes - tapring_used_bytes(t)
    cdef uint64_t gap_at = t.position
    cdef uint64_t at = t.position
    if t.gap_records:
        gap_at = _place(t, t.position, TAP_RECORD_HEADER_BYTES)
        at = gap_at + TAP_RECORD_HEADER_BYTES
    at = _place(t, at, record_bytes)
    if at + record_bytes - t.position > free_bytes:
        if t.gap_records == 0:
            t.gap_monotonic_ns = meta.monotonic_ns
            t.gap_wall_ns = meta.wall_ns
        t.gap_records += 1
        _count_drop(t, record_bytes)
        return False
    if t.gap_records:
        _lay_gap(t, gap_at)
    _lay(t, at, record_bytes, meta, meta.kind, packet, length, 0)
    return True


cdef void _advance_tail(TapRing *t, uint64_t end) noexcept nogil:
    """TAP_DROP_OLDEST: give up the oldest records until everything up to `end` fits, and say so before overwriting.

    Lengths are read back from memory that the worker can write, so they are checked; where they are wrong the whole
    content is given up, and the reader, which checks too, ends.
    """
    cdef uint64_t reader = load_acquire_u64(&t.words[WORD_READER])
    cdef RecordHeader *header
    cdef uint64_t offset, record_bytes
    if end - t.tail <= t.capacity_bytes:
        return
    while end - t.tail > t.capacity_bytes and t.tail < t.position:
        offset = t.tail % t.capacity_bytes
        header = <RecordHeader *>(t.data + offset)
        record_bytes = header.record_bytes
        if record_bytes < 8 or record_bytes & 7 or record_bytes > t.position - t.tail:
            t.tail = t.position
            break
        if t.tail >= reader and header.kind != TAP_KIND_FILLER:
            _count_drop(t, record_bytes)
        t.tail += record_bytes
    store_release_u64(&t.words[WORD_TAIL], t.tail)
    fence_release()


cdef int tapring_write_quiet(TapRing *t, const TapRecord *meta, const uint8_t *packet, int length) noexcept nogil:
    """Write a record without waking the reader; a TapResult. `tapring_wake` must follow at the end of the batch.

    `length` 0 to TAP_PACKET_MAX_BYTES. Nothing is kept of `meta` and `packet`.
    """
    cdef uint64_t record_bytes, at
    if (length < 0 or length > TAP_PACKET_MAX_BYTES or meta.kind < TAP_KIND_RTP or meta.kind > TAP_KIND_CLOCK
            or _record_bytes(length) > t.capacity_bytes // 4):
        # A quarter, so that gap mark, two fillers and the record always fit an empty ring.
        t.refused_records += 1
        store_relaxed_u64(&t.words[WORD_REFUSED], t.refused_records)
        return TAP_REFUSED
    if t.policy == TAP_DROP_NEWEST:
        if not _write_or_drop(t, meta, packet, length):
            return TAP_DROPPED
    else:
        record_bytes = _record_bytes(length)
        at = _place(t, t.position, record_bytes)
        _advance_tail(t, at + record_bytes)
        _lay(t, at, record_bytes, meta, meta.kind, packet, length, 0)
    t.written_records += 1
    store_relaxed_u64(&t.words[WORD_WRITTEN], t.written_records)
    store_release_u64(&t.words[WORD_WRITER], t.position)
    return TAP_WRITTEN


cdef void tapring_wake(TapRing *t) noexcept nogil:
    """Write the eventfd if the reader may be asleep."""
    cdef uint64_t one = 1
    fence_full()
    if load_relaxed_u64(&t.words[WORD_WAITING]) and exchange_u64(&t.words[WORD_WAITING], 0):
        write(t.event_fd, &one, sizeof(one))


cdef int tapring_write(TapRing *t, const TapRecord *meta, const uint8_t *packet, int length) noexcept nogil:
    """Write a record and wake the reader if it may be asleep; a TapResult."""
    cdef int result = tapring_write_quiet(t, meta, packet, length)
    if result == TAP_WRITTEN:
        tapring_wake(t)
    return result


cdef void tapring_close(TapRing *t) noexcept nogil:
    """Say that nothing more comes (after a last gap mark, if one is due and fits) and wake the reader."""
    cdef uint64_t at
    if t.gap_records:
        at = _place(t, t.position, TAP_RECORD_HEADER_BYTES)
        if at + TAP_RECORD_HEADER_BYTES - t.position <= t.capacity_bytes - tapring_used_bytes(t):
            _lay_gap(t, at)
            store_release_u64(&t.words[WORD_WRITER], t.position)
    store_release_u64(&t.words[WORD_CLOSED], 1)
    tapring_wake(t)


# --- view for control, tests and tools ------------------------------------------------------------------------------

assert sizeof(RecordHeader) == TAP_RECORD_HEADER_BYTES

LAYOUT_VERSION = TAP_LAYOUT_VERSION
RECORD_VERSION = TAP_RECORD_VERSION
HEADER_PAGE_BYTES = TAP_HEADER_PAGE_BYTES
RECORD_HEADER_BYTES = TAP_RECORD_HEADER_BYTES
PACKET_MAX_BYTES = TAP_PACKET_MAX_BYTES
DROP_NEWEST = TAP_DROP_NEWEST
DROP_OLDEST = TAP_DROP_OLDEST
WRITTEN = TAP_WRITTEN
DROPPED = TAP_DROPPED
REFUSED = TAP_REFUSED


cdef class TapRingView:
    """A tap ring for Python: its own (constructor), or one that somebody else keeps (`TapRingView.wrap`, Cython).

    The constructor makes the memory; raises ValueError for an impossible capacity or policy, MemoryError when the
    kernel refuses.
    """

    def __cinit__(self, capacity_bytes=0, policy=0, first_position=0):
        self.ring = NULL
        self.own.mem_fd = self.own.event_fd = -1
        if not capacity_bytes and not policy:
            return                  # by wrap, which sets the ring
        if not TAP_CAPACITY_MIN_BYTES <= capacity_bytes <= CAPACITY_MAX_BYTES:
            raise ValueError("capacity out of range")
        if policy not in (TAP_DROP_NEWEST, TAP_DROP_OLDEST) or first_position % 8:
            raise ValueError("unknown policy or crooked position")
        if tapring_create(&self.own, capacity_bytes, policy) != 0:
            raise MemoryError("the kernel gave no memory or descriptors for a tap ring")
        self.own.position = self.own.tail = first_position
        for word in (WORD_WRITER, WORD_TAIL, WORD_READER):
            store_release_u64(&self.own.words[<int>word], first_position)
        self.ring = &self.own

    def __init__(self, capacity_bytes, policy, first_position=0):
        """`first_position` (a multiple of 8) lets tests begin anywhere in the memory."""
        if self.ring == NULL:
            raise ValueError("capacity out of range")

    def __dealloc__(self):
        tapring_free(&self.own)

    @staticmethod
    cdef TapRingView wrap(TapRing *ring, object owner):
        """A view of a ring that `owner` keeps alive."""
        cdef TapRingView view = TapRingView.__new__(TapRingView)
        view.ring = ring
        view.owner = owner
        return view

    def fds(self):
        """`(memfd, eventfd)` to hand to the worker; the ring keeps them."""
        return self.ring.mem_fd, self.ring.event_fd

    def write(self, bytes packet, *, kind=1, route=0, monotonic_ns=0, wall_ns=0, flags=0, ssrc=0, sequence=0,
              bytes rid=b"", wake=True):
        """Write one record: WRITTEN, DROPPED or REFUSED."""
        cdef TapRecord meta
        if len(rid) > TAP_RID_BYTES:
            raise ValueError("a RID has at most 16 bytes here")
        memset(&meta, 0, sizeof(meta))
        meta.kind, meta.route, meta.flags = kind, route, flags
        meta.monotonic_ns, meta.wall_ns = monotonic_ns, wall_ns
        meta.ssrc, meta.sequence = ssrc, sequence
        memcpy(meta.rid, <const uint8_t *>rid, len(rid))
        if wake:
            return tapring_write(self.ring, &meta, packet, <int>len(packet))
        return tapring_write_quiet(self.ring, &meta, packet, <int>len(packet))

    def wake(self):
        tapring_wake(self.ring)

    def close(self):
        """Tell the reader that nothing more comes."""
        tapring_close(self.ring)

    def counters(self):
        """Records and bytes so far, and how full the ring is."""
        return {
            "written_records": self.ring.written_records,
            "dropped_records": self.ring.dropped_records,
            "dropped_bytes": self.ring.dropped_bytes,
            "refused_records": self.ring.refused_records,
            "used_bytes": tapring_used_bytes(self.ring),
            "capacity_bytes": self.ring.capacity_bytes,
        }

    def write_numbered(self, uint64_t first, uint64_t count, bint patient):
        """Test loop without the GIL: records whose packet and length follow from their number; returns the drops.

        Record n has sequence n (modulo 2**32) and a packet of n % 150 words, word i being n * 1000003 + i. A patient
        writer writes a dropped record again until it fits (and counts it as dropped each time).
        """
        cdef uint64_t packet[150]
        cdef uint64_t number, word, dropped = 0
        cdef TapRecord meta
        cdef TapRing *ring = self.ring
        memset(&meta, 0, sizeof(meta))
        meta.kind = TAP_KIND_RTP
        with nogil:
            for number in range(first, first + count):
                for word in range(number % 150):
                    packet[word] = number * 1000003 + word
                meta.sequence = <uint32_t>number
                while tapring_write(ring, &meta, <const uint8_t *>packet, <int>(8 * (number % 150))) != TAP_WRITTEN:
                    dropped += 1
                    if not patient:
                        break
                    sched_yield()
        return dropped
