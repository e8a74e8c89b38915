# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, freethreading_compatible=False
"""Give one viewer's route unbroken numbers while its input changes: layers, a publisher that came back, pause, resume.

Every stretch of one input is a segment: a constant distance from input to output numbers. Segments own disjoint ranges
of output numbers, so two different inputs can never leave under one number. This is what keeps SRTP's nonces unique
(AES-GCM breaks when one is used twice, RFC 7714 section 8.1), and what lets a NACK be traced to the input packet.
Holes in the input stay holes in the output, so that the viewer sees and asks for what is missing. A packet that fills a
hole of an earlier segment gets that hole's number.

Pictures of upper temporal ids may be left out (RFC 7741 section 4.2): each gap ends a segment, numbers and PictureIDs
go on behind it. Which ids pass is a property of the segment. So a packet that comes late, for which a number has been
kept because nobody knew what it was, is sent without its payload under that number, and again so when asked for.

The core touches only the struct it is given: no clock, no allocation, no Python object. One thread.
Obligations of the owner: call `rewrite_switch` before the first packet of every stretch, also when a route resumes and
when the input's extended numbers jump (RECEIVE_RESTART); give each input packet once; for a retransmission rewrite the
cached input packet again with the `rewrite_find` functions, which yields the same bytes.
"""

from libc.string cimport memset

from media.plane.codec cimport Vp8Descriptor, codec_vp8_descriptor

cdef enum:
    # The farthest step that still is forward in 32-bit timestamp arithmetic; a longer pause is shortened to it.
    MAX_TIMESTAMP_STEP = 0x7fffffff
    PICTURE_IDS = 0x8000
    TEMPORAL_ALL = 7

cdef int64_t SECOND_NS = 1_000_000_000
cdef int64_t NEVER = 0x7fffffffffffffff


cdef void rewrite_init(Rewrite *r, uint16_t first_sequence, uint32_t first_timestamp,
                       uint32_t clock_rate) noexcept nogil:
    """Begin an outgoing stream whose first packet gets `first_sequence` and `first_timestamp`; `clock_rate` in Hz."""
    memset(r, 0, sizeof(Rewrite))
    r.first_in_ext = NEVER
    r.start_out_ext = 65536 + <int64_t>first_sequence
    r.last_out_ext = r.start_out_ext - 1
    r.start_timestamp = first_timestamp
    r.last_timestamp = first_timestamp - 1
    r.clock_rate = clock_rate
    r.last_picture = -1
    r.last_tl0 = -1
    r.temporal = r.temporal_wanted = TEMPORAL_ALL


cdef uint32_t _elapsed_ticks(const Rewrite *r, int64_t arrival_ns) noexcept nogil:
    cdef int64_t elapsed_ns = arrival_ns - r.last_arrival_ns
    cdef int64_t ticks
    if elapsed_ns <= 0:
        return 1
    # The cap comes first: an hour of pause is far from overflowing, a forged clock is not.
    if elapsed_ns / SECOND_NS > MAX_TIMESTAMP_STEP:
        return MAX_TIMESTAMP_STEP
    ticks = elapsed_ns / SECOND_NS * r.clock_rate + elapsed_ns % SECOND_NS * r.clock_rate / SECOND_NS
    if ticks < 1:
        return 1
    return <uint32_t>(ticks if ticks < MAX_TIMESTAMP_STEP else MAX_TIMESTAMP_STEP)


cdef void rewrite_switch(Rewrite *r, uint64_t stream_key, int64_t first_in_ext, uint32_t first_in_timestamp,
                         int64_t arrival_ns) noexcept nogil:
    """Begin the next segment at the input packet `first_in_ext`.

    It gets the number after the highest given out, and a timestamp later than the latest given out by the time between
    their arrivals, at least one tick.
    """
    cdef bint sent_any = r.last_out_ext >= r.start_out_ext
    cdef Segment *s = &r.segments[r.newest]
    cdef uint32_t timestamp = r.start_timestamp
    if sent_any:
        timestamp = r.last_timestamp + _elapsed_ticks(r, arrival_ns)
    else:
        r.last_arrival_ns = arrival_ns
    if r.segment_count and r.last_out_ext >= s.first_out_ext:
        s.last_out_ext = r.last_out_ext
        r.newest = (r.newest + 1) % REWRITE_SEGMENTS
        s = &r.segments[r.newest]
    if r.segment_count < r.newest + 1:
        r.segment_count = r.newest + 1
    s.stream_key = stream_key
    s.first_in_ext = first_in_ext
    s.first_out_ext = r.last_out_ext + 1
    s.last_out_ext = r.last_out_ext
    s.timestamp_offset = timestamp - first_in_timestamp
    s.picture_known = 0
    s.tl0_known = 0
    s.temporal = r.temporal = r.temporal_wanted
    r.skips = 0
    r.stream_key = stream_key
    r.first_in_ext = first_in_ext
    r.sequence_offset = s.first_out_ext - first_in_ext
    r.timestamp_offset = s.timestamp_offset
    r.matched = r.newest


cdef Segment *_cut(Rewrite *r, int64_t first_in_ext, int64_t first_out_ext) noexcept nogil:
    """Let the newest segment go on as another one, with a number not given out yet; return it."""
    cdef Segment *s = &r.segments[r.newest]
    if first_out_ext > s.first_out_ext:
        s.last_out_ext = first_out_ext - 1
        r.newest = (r.newest + 1) % REWRITE_SEGMENTS
        r.segments[r.newest] = s[0]
        s = &r.segments[r.newest]
    if r.segment_count < r.newest + 1:
        r.segment_count = r.newest + 1
    s.first_in_ext = first_in_ext
    s.first_out_ext = first_out_ext
    s.last_out_ext = first_out_ext - 1
    r.last_out_ext = first_out_ext - 1
    r.first_in_ext = first_in_ext
    r.sequence_offset = first_out_ext - first_in_ext
    r.matched = r.newest
    return s


cdef int _temporal_from(const Rewrite *r, uint32_t in_timestamp, int temporal, bint opens,
                        bint starts_keyframe) noexcept nogil:
    """Return the highest temporal id that passes from this packet on.

    Down is between any two pictures; up is at a keyframe, or a step where a picture of the next id needs the lowest
    only.
    """
    if r.temporal_wanted > r.temporal:
        if starts_keyframe:
            return r.temporal_wanted
        return temporal if opens and temporal == r.temporal + 1 else r.temporal
    if in_timestamp + r.timestamp_offset == r.last_timestamp or (r.skips and in_timestamp == r.skipped_timestamp):
        return r.temporal
    return r.temporal_wanted


cdef bint rewrite_leaves_out(Rewrite *r, uint64_t stream_key, int64_t in_ext, uint32_t in_timestamp, int temporal,
                             bint opens, bint starts_keyframe) noexcept nogil:
    """Tell whether a packet is left out; then it gets no number. To be asked before `rewrite_packet`.

    `opens`: it begins a picture that needs none but those of the lowest temporal id. What comes late has a number
    already, see `rewrite_empties`.
    """
    cdef int64_t out_ext = in_ext + r.sequence_offset
    cdef int limit
    cdef Segment *s
    if stream_key != r.stream_key or out_ext <= r.last_out_ext or out_ext - r.last_out_ext > REWRITE_REACH:
        return False
    limit = _temporal_from(r, in_timestamp, temporal, opens, starts_keyframe)
    if limit != r.temporal:
        s = _cut(r, in_ext, out_ext)
        s.temporal = r.temporal = limit
    if temporal <= r.temporal:
        return False
    s = _cut(r, in_ext + 1, out_ext)
    if s.picture_known and not (r.skips and in_timestamp == r.skipped_timestamp):
        s.picture_offset -= 1
    r.skips = 1
    r.skipped_timestamp = in_timestamp
    return True


cdef int rewrite_earlier(Rewrite *r, uint64_t stream_key, int64_t in_ext, uint32_t in_timestamp,
                         uint16_t *out_sequence, uint32_t *out_timestamp) noexcept nogil:
    """Take a packet for the newest finished segment that covers it: it fills a hole there."""
    cdef int back, place
    cdef int64_t out_ext
    cdef Segment *s
    for back in range(1, r.segment_count):
        place = (r.newest + REWRITE_SEGMENTS - back) % REWRITE_SEGMENTS
        s = &r.segments[place]
        if s.stream_key != stream_key or in_ext < s.first_in_ext:
            continue
        out_ext = s.first_out_ext + (in_ext - s.first_in_ext)
        if out_ext > s.last_out_ext:
            continue
        if r.last_out_ext - out_ext > REWRITE_REACH:
            return REWRITE_TOO_OLD
        r.matched = place
        out_sequence[0] = <uint16_t>out_ext
        out_timestamp[0] = in_timestamp + s.timestamp_offset
        return REWRITE_OK
    return REWRITE_OTHER_STREAM


cdef int _find(const Rewrite *r, uint16_t out_sequence, int64_t *out_ext) noexcept nogil:
    """Return the place of the segment that owns `out_sequence`, or a negative RewriteResult."""
    cdef uint16_t behind = <uint16_t>(<uint16_t>r.last_out_ext - out_sequence)
    cdef int back, place
    cdef const Segment *s
    out_ext[0] = r.last_out_ext - behind
    if behind > REWRITE_REACH:
        return REWRITE_TOO_OLD
    for back in range(r.segment_count):
        place = (r.newest + REWRITE_SEGMENTS - back) % REWRITE_SEGMENTS
        s = &r.segments[place]
        if out_ext[0] >= s.first_out_ext:
            return place
    return REWRITE_TOO_OLD


cdef int rewrite_find(const Rewrite *r, uint16_t out_sequence, uint64_t *stream_key, int64_t *in_ext) noexcept nogil:
    """Name the input packet that went out, or would have, under a number; 0, or negative when history has lost it."""
    cdef int64_t out_ext = 0
    cdef int place = _find(r, out_sequence, &out_ext)
    if place < 0:
        return place
    stream_key[0] = r.segments[place].stream_key
    in_ext[0] = r.segments[place].first_in_ext + (out_ext - r.segments[place].first_out_ext)
    return REWRITE_OK


cdef int rewrite_find_timestamp(const Rewrite *r, uint16_t out_sequence, uint32_t in_timestamp,
                                uint32_t *out_timestamp) noexcept nogil:
    """Repeat the timestamp rewriting of a packet that went out under `out_sequence`; 0 or negative."""
    cdef int64_t out_ext = 0
    cdef int place = _find(r, out_sequence, &out_ext)
    if place < 0:
        return place
    out_timestamp[0] = in_timestamp + r.segments[place].timestamp_offset
    return REWRITE_OK


cdef bint rewrite_find_empty(const Rewrite *r, uint16_t out_sequence, int temporal) noexcept nogil:
    """Whether a packet of this temporal id that went out under `out_sequence` had no payload there."""
    cdef int64_t out_ext = 0
    cdef int place = _find(r, out_sequence, &out_ext)
    return place >= 0 and temporal > r.segments[place].temporal


cdef void _write_vp8(const Segment *s, const Vp8Descriptor *d, uint8_t *payload) noexcept nogil:
    cdef int picture
    if d.picture_id >= 0:
        picture = (d.picture_id + s.picture_offset) & (PICTURE_IDS - 1)
        if d.picture_id_bits == 15:
            payload[d.picture_id_at] = 0x80 | <uint8_t>(picture >> 8)
            payload[d.picture_id_at + 1] = <uint8_t>picture
        else:
            payload[d.picture_id_at] = <uint8_t>(picture & 0x7f)
    if d.tl0_picture_index >= 0:
        payload[d.tl0_at] = <uint8_t>(d.tl0_picture_index + s.tl0_offset)


cdef void _continue_vp8(Rewrite *r, Segment *s, const Vp8Descriptor *d) noexcept nogil:
    """Fix the segment's offsets at its first picture and follow the latest ones."""
    cdef int ahead
    if d.picture_id >= 0:
        if not s.picture_known:
            s.picture_known = 1
            s.picture_offset = 0 if r.last_picture < 0 else <uint16_t>((r.last_picture + 1 - d.picture_id)
                                                                       & (PICTURE_IDS - 1))
            if r.last_picture < 0:
                r.last_picture = d.picture_id
        # A 7-bit PictureID moves the 15-bit count by its own, shorter distance.
        ahead = (d.picture_id + s.picture_offset - r.last_picture) & ((1 << d.picture_id_bits) - 1)
        if ahead < 1 << (d.picture_id_bits - 1):
            r.last_picture = (r.last_picture + ahead) & (PICTURE_IDS - 1)
    if d.tl0_picture_index >= 0:
        if not s.tl0_known:
            s.tl0_known = 1
            s.tl0_offset = 0 if r.last_tl0 < 0 else <uint8_t>(r.last_tl0 + 1 - d.tl0_picture_index)
            if r.last_tl0 < 0:
                r.last_tl0 = d.tl0_picture_index
        ahead = (d.tl0_picture_index + s.tl0_offset - r.last_tl0) & 0xff
        if ahead < 0x80:
            r.last_tl0 = (r.last_tl0 + ahead) & 0xff


cdef int rewrite_vp8(Rewrite *r, uint8_t *payload, int length) noexcept nogil:
    """Rewrite PictureID and TL0PICIDX (RFC 7741 section 4.2) of the packet `rewrite_packet` just took, in place.

    Return 0, or -1 when the descriptor is malformed: drop it. An empty (padding) payload is fine.
    """
    cdef Vp8Descriptor d
    cdef Segment *s = &r.segments[r.matched]
    if length == 0:
        return 0
    if codec_vp8_descriptor(payload, length, &d) != 0:
        return -1
    if r.matched == r.newest:
        _continue_vp8(r, s, &d)
    _write_vp8(s, &d, payload)
    return 0


cdef int rewrite_find_vp8(const Rewrite *r, uint16_t out_sequence, uint8_t *payload, int length) noexcept nogil:
    """Repeat the payload rewriting of a packet that went out under `out_sequence`, in place; 0 or negative."""
    cdef Vp8Descriptor d
    cdef int64_t out_ext = 0
    cdef int place = _find(r, out_sequence, &out_ext)
    if place < 0:
        return place
    if length == 0:
        return 0
    if codec_vp8_descriptor(payload, length, &d) != 0:
        return -1
    _write_vp8(&r.segments[place], &d, payload)
    return 0


RESULTS = {0: "ok", -1: "other_stream", -2: "jump", -3: "too_old"}


cdef class RewriteView:
    """View for tests, tools and fuzzers; the plane calls the functions above."""

    cdef Rewrite state

    def __cinit__(self, uint16_t first_sequence, uint32_t first_timestamp, uint32_t clock_rate):
        rewrite_init(&self.state, first_sequence, first_timestamp, clock_rate)

    def switch(self, uint64_t stream_key, int64_t first_in_ext, uint32_t first_in_timestamp, int64_t arrival_ns):
        rewrite_switch(&self.state, stream_key, first_in_ext, first_in_timestamp, arrival_ns)

    def packet(self, uint64_t stream_key, int64_t in_ext, uint32_t in_timestamp, int64_t arrival_ns):
        cdef uint16_t sequence = 0
        cdef uint32_t timestamp = 0
        cdef int result = rewrite_packet(&self.state, stream_key, in_ext, in_timestamp, arrival_ns, &sequence,
                                         &timestamp)
        return RESULTS[result], sequence, timestamp

    def run(self, uint64_t stream_key, int64_t first_in_ext, int64_t count):
        """Feed `count` packets in order; return the last outgoing sequence number."""
        cdef uint16_t sequence = 0
        cdef uint32_t timestamp = 0
        cdef int64_t i
        with nogil:
            for i in range(count):
                rewrite_packet(&self.state, stream_key, first_in_ext + i, <uint32_t>(i * 900), i * 10_000_000,
                               &sequence, &timestamp)
        return sequence

    def limit(self, int temporal):
        """Let temporal ids pass up to this one, as soon as the pictures allow it."""
        self.state.temporal_wanted = temporal

    def leaves_out(self, uint64_t stream_key, int64_t in_ext, uint32_t in_timestamp, int temporal, opens=False,
                   starts_keyframe=False):
        return rewrite_thins(&self.state, temporal) and bool(
            rewrite_leaves_out(&self.state, stream_key, in_ext, in_timestamp, temporal, opens, starts_keyframe)
        )

    def empties(self, int temporal):
        return bool(rewrite_empties(&self.state, temporal))

    def find_empty(self, uint16_t out_sequence, int temporal):
        return bool(rewrite_find_empty(&self.state, out_sequence, temporal))

    def find(self, uint16_t out_sequence):
        cdef uint64_t stream_key = 0
        cdef int64_t in_ext = 0
        if rewrite_find(&self.state, out_sequence, &stream_key, &in_ext) != 0:
            return None
        return stream_key, in_ext

    def find_timestamp(self, uint16_t out_sequence, uint32_t in_timestamp):
        cdef uint32_t timestamp = 0
        if rewrite_find_timestamp(&self.state, out_sequence, in_timestamp, &timestamp) != 0:
            return None
        return timestamp

    def timestamp(self, uint32_t in_timestamp):
        return rewrite_timestamp(&self.state, in_timestamp)

    def vp8(self, bytes payload):
        cdef bytearray copy = bytearray(payload)
        if rewrite_vp8(&self.state, <uint8_t *>copy, <int>len(copy)) != 0:
            return None
        return bytes(copy)

    def find_vp8(self, uint16_t out_sequence, bytes payload):
        cdef bytearray copy = bytearray(payload)
        if rewrite_find_vp8(&self.state, out_sequence, <uint8_t *>copy, <int>len(copy)) != 0:
            return None
        return bytes(copy)

    @property
    def last_out_ext(self):
        return self.state.last_out_ext
