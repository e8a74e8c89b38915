"""Packets over a byte stream; see framing.pyx."""

from libc.stdint cimport int64_t, uint8_t

cdef enum:
    FRAME_LENGTH_BYTES = 2

cdef enum FrameVerdict:
    FRAME_MORE = 0                  # all bytes are used up, and the frame is not whole yet
    FRAME_TOO_LARGE = -1

cdef struct FrameReader:
    uint8_t *frame                  # where the present one is put together
    int capacity
    int length                      # of the present one, as far as it has come
    int length_bytes                # of that length that have come
    int have

cdef struct FrameQueue:             # frames that wait to be sent, one behind the other in `bytes`
    uint8_t *bytes
    int capacity
    int first                       # the next byte to send
    int whole                       # the first frame that has not been begun
    int last                        # behind the last frame
    int mark                        # where the end was at `marked_ns`; 0: no mark
    int64_t marked_ns

# Whether a frame is worth more than the others; `about` is the caller's.
ctypedef bint (*FrameTest)(const void *about, const uint8_t *frame, int length) noexcept nogil

cdef int frame_read(FrameReader *reader, const uint8_t **data, const uint8_t *end) noexcept nogil
cdef uint8_t *frame_room(FrameQueue *queue, int length) noexcept nogil
cdef void frame_commit(FrameQueue *queue, int length, int64_t now_ns) noexcept nogil
cdef void frame_sent(FrameQueue *queue, int count, int64_t now_ns) noexcept nogil
cdef bint frame_waits(const FrameQueue *queue, int64_t longer_than_ns, int64_t now_ns) noexcept nogil
cdef int frame_forget(FrameQueue *queue, FrameTest keeps, const void *about, int most_bytes,
                      int64_t now_ns) noexcept nogil
