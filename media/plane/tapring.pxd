"""Declarations of the shared-memory ring towards a worker process; see tapring.pyx for layout and protocol."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    TAP_LAYOUT_VERSION = 1
    TAP_RECORD_VERSION = 2
    TAP_HEADER_PAGE_BYTES = 4096
    TAP_RECORD_HEADER_BYTES = 72
    TAP_RID_BYTES = 16
    TAP_PACKET_MAX_BYTES = 65535
    TAP_CAPACITY_MIN_BYTES = 4096

# Words of the header page.
cdef enum:
    WORD_MAGIC = 0
    WORD_VERSION = 1
    WORD_POLICY = 2
    WORD_CAPACITY = 3
    WORD_WRITER = 8
    WORD_TAIL = 9
    WORD_WRITTEN = 10
    WORD_DROPPED = 11
    WORD_DROPPED_BYTES = 12
    WORD_REFUSED = 13
    WORD_CLOSED = 14
    WORD_READER = 16
    WORD_READER_ORDINAL = 17
    WORD_READER_GENERATION = 18
    WORD_LOST = 19
    WORD_WAITING = 24

# "HSTAPRNG" in memory on a little-endian machine
cdef inline uint64_t tap_magic() noexcept nogil:
    return <uint64_t>0x474E525041545348

cdef enum TapPolicy:
    TAP_DROP_NEWEST = 1         # recorder: what is in the ring stays, a gap mark tells what did not fit
    TAP_DROP_OLDEST = 2         # mixer: the newest always fits, the oldest is overwritten

cdef enum TapKind:
    TAP_KIND_FILLER = 0         # to the end of the memory; never shown to anybody
    TAP_KIND_RTP = 1
    TAP_KIND_CLOCK = 2          # when it was captured (tapclock.pxd)
    TAP_KIND_GAP = 3            # written by the ring itself

cdef enum TapResult:
    TAP_WRITTEN = 0
    TAP_DROPPED = 1             # ring full (TAP_DROP_NEWEST); counted, and a gap mark will follow
    TAP_REFUSED = 2             # impossible kind or length, or larger than a quarter of the ring; counted

# As it lies in the ring; natural alignment leaves no holes, TAP_RECORD_HEADER_BYTES in all.
ctypedef struct RecordHeader:
    uint32_t record_bytes
    uint8_t version
    uint8_t kind
    uint16_t flags
    uint64_t ordinal
    uint64_t route
    int64_t monotonic_ns
    int64_t wall_ns
    uint32_t ssrc
    uint32_t sequence
    uint8_t rid[TAP_RID_BYTES]
    uint32_t packet_bytes
    uint32_t lost_records

# What the caller says about a packet.
ctypedef struct TapRecord:
    uint64_t route
    int64_t monotonic_ns
    int64_t wall_ns             # UTC
    uint32_t ssrc               # as the publisher sent it, before rewriting
    uint32_t sequence           # the same, extended or not as the plane likes
    uint16_t flags
    uint8_t kind                # TapKind, RTP or CLOCK
    uint8_t rid[TAP_RID_BYTES]  # filled up with zeros

# The writer's end. Positions and sizes live here and are only copied to the shared page, so that a worker that
# scribbles over its ring hurts itself only.
ctypedef struct TapRing:
    uint8_t *map
    uint8_t *data               # map + TAP_HEADER_PAGE_BYTES
    uint64_t *words             # the header page
    uint64_t map_bytes
    uint64_t capacity_bytes
    int policy
    int mem_fd
    int event_fd
    uint64_t position           # end of the last record; grows for ever
    uint64_t tail               # oldest intact record (TAP_DROP_OLDEST)
    uint64_t next_ordinal
    uint64_t written_records
    uint64_t dropped_records
    uint64_t dropped_bytes
    uint64_t refused_records
    uint64_t gap_records        # dropped since the last record that fitted
    int64_t gap_monotonic_ns    # of the first of them
    int64_t gap_wall_ns

cdef int tapring_create(TapRing *t, uint64_t capacity_bytes, int policy) noexcept nogil
cdef void tapring_free(TapRing *t) noexcept nogil
cdef int tapring_write(TapRing *t, const TapRecord *meta, const uint8_t *packet, int length) noexcept nogil
cdef int tapring_write_quiet(TapRing *t, const TapRecord *meta, const uint8_t *packet, int length) noexcept nogil
cdef void tapring_wake(TapRing *t) noexcept nogil
cdef void tapring_close(TapRing *t) noexcept nogil
cdef uint64_t tapring_used_bytes(const TapRing *t) noexcept nogil

cdef class TapRingView:
    cdef TapRing own
    cdef TapRing *ring
    cdef object owner
    cdef object writer          # the plane thread of its taps
    cdef int taps
    @staticmethod
    cdef TapRingView wrap(TapRing *ring, object owner)
