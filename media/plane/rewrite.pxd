"""Continuity of one outgoing SSRC while its input stream is switched. See rewrite.pyx."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum RewriteResult:
    REWRITE_OK = 0
    REWRITE_OTHER_STREAM = -1   # no segment of that stream covers it: drop
    REWRITE_JUMP = -2           # too far ahead of the last one: call rewrite_switch first
    REWRITE_TOO_OLD = -3        # its number is too far behind to be sent, or has left the history

cdef enum:
    REWRITE_SEGMENTS = 64       # where pictures are left out, each gap ends one: 4 s of 15 a second
    # Less than half the sequence space, so that SRTP's guess of the rollover counter (RFC 3711 3.3.1) stays ours.
    REWRITE_REACH = 16384

ctypedef struct Segment:
    uint64_t stream_key
    int64_t first_in_ext
    int64_t first_out_ext
    int64_t last_out_ext        # of a finished segment
    uint32_t timestamp_offset   # out - in, modulo 2**32
    uint16_t picture_offset     # out - in, modulo 2**15
    uint8_t tl0_offset          # out - in, modulo 2**8
    uint8_t picture_known
    uint8_t tl0_known
    uint8_t temporal            # highest temporal id that passes

ctypedef struct Rewrite:
    # of the newest segment
    uint64_t stream_key
    int64_t first_in_ext
    int64_t sequence_offset     # out - in
    int64_t last_out_ext        # highest number given out
    int64_t last_arrival_ns     # of the packet with last_timestamp
    uint32_t timestamp_offset
    uint32_t last_timestamp     # latest given out
    int32_t matched             # place of the segment that took the last packet
    int32_t newest              # place of the newest segment
    int32_t segment_count
    uint32_t clock_rate
    uint8_t temporal            # highest temporal id that passes in the newest segment
    uint8_t temporal_wanted     # what it is to become, where the pictures allow it
    uint8_t skips               # a picture of this stretch has been left out
    uint32_t skipped_timestamp  # the last such
    int64_t start_out_ext       # the very first number
    uint32_t start_timestamp
    int32_t last_picture        # latest PictureID given out, or -1
    int32_t last_tl0            # latest TL0PICIDX given out, or -1
    Segment segments[REWRITE_SEGMENTS]

cdef void rewrite_init(Rewrite *r, uint16_t first_sequence, uint32_t first_timestamp,
                       uint32_t clock_rate) noexcept nogil
cdef void rewrite_switch(Rewrite *r, uint64_t stream_key, int64_t first_in_ext, uint32_t first_in_timestamp,
                         int64_t arrival_ns) noexcept nogil
cdef int rewrite_find(const Rewrite *r, uint16_t out_sequence, uint64_t *stream_key, int64_t *in_ext) noexcept nogil
cdef int rewrite_find_timestamp(const Rewrite *r, uint16_t out_sequence, uint32_t in_timestamp,
                                uint32_t *out_timestamp) noexcept nogil
cdef int rewrite_vp8(Rewrite *r, uint8_t *payload, int length) noexcept nogil
cdef int rewrite_find_vp8(const Rewrite *r, uint16_t out_sequence, uint8_t *payload, int length) noexcept nogil
cdef bint rewrite_leaves_out(Rewrite *r, uint64_t stream_key, int64_t in_ext, uint32_t in_timestamp, int temporal,
                             bint opens, bint starts_keyframe) noexcept nogil
cdef bint rewrite_find_empty(const Rewrite *r, uint16_t out_sequence, int temporal) noexcept nogil
cdef int rewrite_earlier(Rewrite *r, uint64_t stream_key, int64_t in_ext, uint32_t in_timestamp,
                         uint16_t *out_sequence, uint32_t *out_timestamp) noexcept nogil


cdef inline int rewrite_packet(Rewrite *r, uint64_t stream_key, int64_t in_ext, uint32_t in_timestamp,
                               int64_t arrival_ns, uint16_t *out_sequence, uint32_t *out_timestamp) noexcept nogil:
    """Give one input packet its outgoing number and timestamp; 0, or a negative RewriteResult: drop it.

    Each (stream_key, in_ext) may be given once only.
    """
    cdef int64_t out_ext
    cdef uint32_t timestamp
    if stream_key != r.stream_key or in_ext < r.first_in_ext:
        return rewrite_earlier(r, stream_key, in_ext, in_timestamp, out_sequence, out_timestamp)
    out_ext = in_ext + r.sequence_offset
    if out_ext > r.last_out_ext:
        if out_ext - r.last_out_ext > REWRITE_REACH:
            return REWRITE_JUMP
        r.last_out_ext = out_ext
    elif r.last_out_ext - out_ext > REWRITE_REACH:
        return REWRITE_TOO_OLD
    timestamp = in_timestamp + r.timestamp_offset
    if <int32_t>(timestamp - r.last_timestamp) > 0:
        r.last_timestamp = timestamp
        r.last_arrival_ns = arrival_ns
    r.matched = r.newest
    out_sequence[0] = <uint16_t>out_ext
    out_timestamp[0] = timestamp
    return REWRITE_OK


cdef inline bint rewrite_thins(const Rewrite *r, int temporal) noexcept nogil:
    """Whether `rewrite_leaves_out` must be asked for a packet of this temporal id."""
    return temporal > r.temporal or r.temporal != r.temporal_wanted


cdef inline bint rewrite_empties(const Rewrite *r, int temporal) noexcept nogil:
    """Whether the packet that `rewrite_packet` just took fills its place only, without its payload."""
    return temporal > r.segments[r.matched].temporal


cdef inline uint32_t rewrite_timestamp(const Rewrite *r, uint32_t in_timestamp) noexcept nogil:
    """Map a timestamp of the newest segment's input, as a sender report needs."""
    return in_timestamp + r.timestamp_offset
