# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, freethreading_compatible=False
"""Packets over a byte stream (RFC 4571): each behind its length of two bytes, as ICE-TCP wants them (RFC 6544).

A reader puts frames together from whatever pieces the network makes of them. A queue holds frames until they are sent;
those that have not been begun may be forgotten, never half a one. Cores: no I/O, no clock; memory is the caller's.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memmove, memset


cdef int frame_read(FrameReader *reader, const uint8_t **data, const uint8_t *end) noexcept nogil:
    """Take bytes from `data` on until a frame is whole: return its length, or a FrameVerdict.

    Null frames are passed over (RFC 4571 section 2). After FRAME_TOO_LARGE the stream cannot be read on.
    """
    cdef int taken
    while True:
        if reader.length_bytes < FRAME_LENGTH_BYTES:
            if data[0] == end:
                return FRAME_MORE
            reader.length = (reader.length << 8) | data[0][0]
            data[0] += 1
            reader.length_bytes += 1
            reader.have = 0
            continue
        if reader.length > reader.capacity:
            return FRAME_TOO_LARGE
        taken = reader.length - reader.have
        if taken > end - data[0]:
            taken = <int>(end - data[0])
        memcpy(reader.frame + reader.have, data[0], taken)
        data[0] += taken
        reader.have += taken
        if reader.have < reader.length:
            return FRAME_MORE
        taken = reader.length
        reader.length = 0
        reader.length_bytes = 0
        if taken:
            return taken


cdef uint8_t *frame_room(FrameQueue *queue, int length) noexcept nogil:
    """Return `length` writable bytes for the next frame, NULL when so many bytes wait that there is no place."""
    if queue.last + FRAME_LENGTH_BYTES + length > queue.capacity and queue.first:
        memmove(queue.bytes, queue.bytes + queue.first, queue.last - queue.first)
        queue.whole -= queue.first
        queue.last -= queue.first
        queue.mark -= queue.first if queue.mark else 0
        queue.first = 0
    if queue.last + FRAME_LENGTH_BYTES + length > queue.capacity:
        return NULL
    return queue.bytes + queue.last + FRAME_LENGTH_BYTES


cdef void frame_commit(FrameQueue *queue, int length, int64_t now_ns) noexcept nogil:
    """Add the frame that was written where `frame_room` said."""
    queue.bytes[queue.last] = <uint8_t>(length >> 8)
    queue.bytes[queue.last + 1] = <uint8_t>length
    queue.last += FRAME_LENGTH_BYTES + length
    if queue.mark == 0:
        queue.mark = queue.last
        queue.marked_ns = now_ns


cdef inline int _frame_bytes(const FrameQueue *queue, int at) noexcept nogil:
    return FRAME_LENGTH_BYTES + (queue.bytes[at] << 8 | queue.bytes[at + 1])


cdef void frame_sent(FrameQueue *queue, int count, int64_t now_ns) noexcept nogil:
    """The first `count` bytes have gone."""
    queue.first += count
    if queue.first == queue.last:
        queue.first = queue.whole = queue.last = queue.mark = 0
        return
    while queue.whole < queue.first:
        queue.whole += _frame_bytes(queue, queue.whole)
    if queue.first >= queue.mark:
        queue.mark = queue.last
        queue.marked_ns = now_ns


cdef bint frame_waits(const FrameQueue *queue, int64_t longer_than_ns, int64_t now_ns) noexcept nogil:
    """Whether what was in the queue so long ago has not all gone."""
    return queue.mark != 0 and now_ns - queue.marked_ns > longer_than_ns


cdef int _kept_bytes(const FrameQueue *queue, FrameTest keeps, const void *about) noexcept nogil:
    cdef int at = queue.whole
    cdef int kept = 0
    cdef int size
    while at < queue.last:
        size = _frame_bytes(queue, at)
        if keeps(about, queue.bytes + at + FRAME_LENGTH_BYTES, size - FRAME_LENGTH_BYTES):
            kept += size
        at += size
    return kept


cdef int frame_forget(FrameQueue *queue, FrameTest keeps, const void *about, int most_bytes,
                      int64_t now_ns) noexcept nogil:
    """Take out the frames that have not been begun, but for those that `keeps` wants; return how many.

    Of these the newest stay, up to `most_bytes` of them.
    """
    cdef int count = 0
    cdef int at = queue.whole
    cdef int end = queue.last
    cdef int waiting = _kept_bytes(queue, keeps, about)
    cdef int size
    queue.last = queue.whole
    while at < end:
        size = _frame_bytes(queue, at)
        if not keeps(about, queue.bytes + at + FRAME_LENGTH_BYTES, size - FRAME_LENGTH_BYTES):
            count += 1
        elif waiting > most_bytes:
            waiting -= size
            count += 1
        else:
            memmove(queue.bytes + queue.last, queue.bytes + at, size)
            queue.last += size
        at += size
    queue.mark = 0
    if queue.last > queue.whole:
        queue.mark = queue.last
        queue.marked_ns = now_ns
    elif queue.first == queue.last:
        queue.first = queue.whole = queue.last = 0
    return count


# --- view for tests, tools and fuzzers ------------------------------------------------------------------------------

cdef class FrameReaderView:
    """A reader of frames of at most `capacity` bytes."""
    cdef FrameReader reader

    def __cinit__(self, int capacity):
        self.reader.capacity = capacity
        self.reader.frame = <uint8_t *>malloc(max(1, capacity))
        if self.reader.frame == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.reader.frame)

    def read(self, bytes data):
        """Return the frames that become whole; raises ValueError for one that is too large."""
        cdef const uint8_t *at = data
        cdef const uint8_t *end = at + len(data)
        cdef int length
        frames = []
        while True:
            length = frame_read(&self.reader, &at, end)
            if length == FRAME_TOO_LARGE:
                raise ValueError("the frame is too large")
            if length == FRAME_MORE:
                return frames
            frames.append((<const char *>self.reader.frame)[:length])


cdef bint _begins_with(const void *about, const uint8_t *frame, int length) noexcept nogil:
    return length > 0 and frame[0] == (<const int *>about)[0]


cdef class FrameQueueView:
    """A queue of `capacity` bytes."""
    cdef FrameQueue queue

    def __cinit__(self, int capacity):
        self.queue.capacity = capacity
        self.queue.bytes = <uint8_t *>malloc(max(1, capacity))
        if self.queue.bytes == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.queue.bytes)

    def put(self, bytes frame, int64_t now_ns=0):
        """Add a frame; False when there is no room."""
        cdef uint8_t *room = frame_room(&self.queue, <int>len(frame))
        if room == NULL:
            return False
        memcpy(room, <const char *>frame, len(frame))
        frame_commit(&self.queue, <int>len(frame), now_ns)
        return True

    def take(self, int most, int64_t now_ns=0):
        """Send at most so many bytes."""
        cdef int count = min(most, self.queue.last - self.queue.first)
        sent = (<const char *>self.queue.bytes + self.queue.first)[:count]
        frame_sent(&self.queue, count, now_ns)
        return sent

    def waits(self, int64_t longer_than_ns, int64_t now_ns):
        return frame_waits(&self.queue, longer_than_ns, now_ns)

    def forget(self, int kept=-1, int most_bytes=0, int64_t now_ns=0):
        """Take out what has not been begun, but for frames whose first byte is `kept`."""
        return frame_forget(&self.queue, _begins_with, <const void *>&kept, most_bytes, now_ns)

    def __len__(self):
        return self.queue.last - self.queue.first
