# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, freethreading_compatible=False
"""Make RTP packets of a traffic shape: right in size, time, header and NAL unit type; nothing in them to decode."""

from libc.stdint cimport uint8_t, uint16_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from benchmarks.load.linux cimport put16, put32

cdef enum:
    # RTP header, extension header and transport-wide sequence number: what a shape's sizes count beside the payload.
    COUNTED_OVERHEAD_BYTES = 20
    NAL_SLICE = 1
    NAL_IDR = 5
    NAL_STAP_A = 24
    NAL_FU_A = 28
    NAL_IMPORTANT = 0x60
    # What a slice begins with: first_mb_in_slice 0, slice_type I or P (ITU-T H.264 section 7.3.3).
    SLICE_I = 0x88
    SLICE_P = 0xDA
    OPUS_CONFIGURATION = 0x78    # hybrid, full band, 20 ms, mono, one frame

# STAP-A with the parameter sets of a 1280x720 constrained baseline stream (RFC 6184 section 5.7.1).
cdef bytes PARAMETER_SETS = bytes.fromhex("78" "000a" "6742c01fda014016e840" "0004" "68ce3c80")
cdef const uint8_t *_parameter_sets = PARAMETER_SETS
cdef int _parameter_sets_bytes = len(PARAMETER_SETS)


cdef int schedule_fill(Schedule *self, shape) except -1:
    """Lay out a `Shape`; free with `schedule_free`. Raises ValueError for packets beyond our buffers."""
    cdef int at = 0, i
    cdef Slot *slot
    if any(len(burst.sizes) > MAX_BURST_PACKETS for burst in shape.bursts):
        raise ValueError(f"{shape.name}: more than {MAX_BURST_PACKETS} packets in a burst")
    if any(not MIN_RTP_BYTES <= size <= MAX_RTP_BYTES - 100 for burst in shape.bursts for size in burst.sizes):
        raise ValueError(f"{shape.name}: packet size out of {MIN_RTP_BYTES} to {MAX_RTP_BYTES - 100} bytes")
    self.period_ns = shape.period_ns
    self.clock_rate_hz = shape.clock_rate_hz
    self.video = shape.kind == "video"
    self.slot_count = len(shape.bursts)
    self.slots = <Slot *>calloc(self.slot_count, sizeof(Slot))
    self.sizes = <uint16_t *>calloc(shape.packets, sizeof(uint16_t))
    if self.slots == NULL or self.sizes == NULL:
        raise MemoryError
    for i, burst in enumerate(shape.bursts):
        slot = &self.slots[i]
        slot.at_ns = burst.at_ns
        slot.timestamp = burst.timestamp
        slot.first = at
        slot.count = len(burst.sizes)
        slot.marker = burst.marker
        slot.keyframe = burst.keyframe
        slot.starts_frame = burst.starts_frame
        for size in burst.sizes:
            self.sizes[at] = size
            at += 1
    return 0


cdef void schedule_free(Schedule *self) noexcept:
    free(self.slots)
    free(self.sizes)
    self.slots = NULL
    self.sizes = NULL


cdef void _video_head(
        uint8_t *payload, int length, int place, bint starts, bint ends, bint keyframe) noexcept nogil:
    """Write what a server reads of an H.264 payload: parameter sets, or the header of a slice or its fragment.

    `starts`, `ends`: the burst begins its frame, the packet ends it. The first packet of a keyframe has a slice of its
    own behind the parameter sets (a fragment cannot be aggregated); the others are fragments of the next slice.
    """
    cdef uint8_t slice = NAL_IDR if keyframe else NAL_SLICE
    cdef bint first = starts and place == (1 if keyframe else 0)
    cdef int at
    if starts and keyframe and place == 0:
        memcpy(payload, _parameter_sets, _parameter_sets_bytes)
        at = _parameter_sets_bytes
        put16(payload + at, length - at - 2)
        payload[at + 2] = NAL_IMPORTANT | NAL_IDR
        payload[at + 3] = SLICE_I
    elif first and ends:
        payload[0] = NAL_IMPORTANT | slice
        if place == 0:
            payload[1] = SLICE_P
    else:
        payload[0] = NAL_IMPORTANT | NAL_FU_A
        payload[1] = slice | (0x80 if first else 0) | (0x40 if ends else 0)
        if first and place == 0:
            payload[2] = SLICE_P


cdef int packet_write(
        uint8_t *out, const Header *header, const Schedule *schedule, const Slot *slot, int place,
        bint keyframe) noexcept nogil:
    """Write packet `place` of a slot, header extensions as `header` asks; returns its length in bytes."""
    cdef int payload = schedule.sizes[slot.first + place] - COUNTED_OVERHEAD_BYTES
    cdef int at = 12, extension
    cdef bint last = place == slot.count - 1
    out[0] = 0x80
    out[1] = header.payload_type | (0x80 if last and slot.marker and schedule.video else 0)
    put16(out + 2, header.sequence)
    put32(out + 4, header.timestamp)
    put32(out + 8, header.ssrc)
    if header.transport_cc_id or header.audio_level_id:
        out[0] |= 0x10
        put16(out + 12, 0xBEDE)
        extension = 16
        if header.transport_cc_id:
            out[extension] = <uint8_t>(header.transport_cc_id << 4 | 1)
            put16(out + extension + 1, header.transport_sequence)
            extension += 3
        if header.audio_level_id:
            out[extension] = <uint8_t>(header.audio_level_id << 4)
            out[extension + 1] = 30
            extension += 2
        while extension & 3:
            out[extension] = 0
            extension += 1
        put16(out + 14, (extension - 16) // 4)
        at = extension
    memset(out + at, 0x5A, payload)
    if schedule.video:
        _video_head(out + at, payload, place, slot.starts_frame, last and slot.marker, keyframe)
    else:
        out[at] = OPUS_CONFIGURATION
    return at + payload


def packets(shape, int ssrc=1, int payload_type=96, int transport_cc_id=0, int audio_level_id=0) -> list:
    """All packets of one period, as a sender would write them; for tests."""
    cdef Schedule schedule
    cdef Header header
    cdef uint8_t out[MAX_RTP_BYTES]
    cdef int i, place, length
    made = []
    schedule_fill(&schedule, shape)
    memset(&header, 0, sizeof(header))
    header.ssrc = ssrc
    header.payload_type = payload_type
    header.transport_cc_id = transport_cc_id
    header.audio_level_id = audio_level_id
    for i in range(schedule.slot_count):
        header.timestamp = schedule.slots[i].timestamp
        for place in range(schedule.slots[i].count):
            length = packet_write(
                out, &header, &schedule, &schedule.slots[i], place, schedule.slots[i].keyframe)
            made.append(out[:length])
            header.sequence += 1
            header.transport_sequence += 1
    schedule_free(&schedule)
    return made
