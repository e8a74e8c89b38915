# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""A tap writes a stream's packets, as they came and in the clear, to a worker's shared-memory ring.

Recorder and mixer are ordinary subscribers whose far end is a ring; what they do not read in time is theirs to lose
(counted in the ring), never the relay's. Between the packets they are told when those were captured (`tapclock`): with
each sender report, and before the packet from which on it is known better. Nothing is done for a track without taps.
"""

from libc.stdint cimport uint8_t
from libc.string cimport memcpy, memset

from media.plane.model cimport PAYLOAD_CAPACITY, Publication
from media.plane.rtp cimport write16, write32
from media.plane.tapclock cimport TapClock, TapClockTold, tapclock_due
from media.plane.tapring cimport TAP_KIND_CLOCK, TAP_KIND_RTP, TAP_WRITTEN, TapRecord, tapring_write


cdef void _begin(PlaneState *plane, const Tap *tap, const Stream *stream, TapRecord *record) noexcept nogil:
    memset(record, 0, sizeof(TapRecord))
    record.route = tap.id
    record.ssrc = stream.ssrc
    record.monotonic_ns = plane.now_ns
    record.wall_ns = plane.now_ns + plane.wall_offset_ns
    memcpy(record.rid, stream.publication.rids[stream.layer], sizeof(record.rid))


cdef void _write_clock(PlaneState *plane, Tap *tap, const Stream *stream) noexcept nogil:
    """Tell when the stream's packets were captured, if that is due."""
    cdef TapClockTold *told = &tap.told[stream.layer]
    cdef TapClock clock
    cdef TapRecord record
    # While the ring is full the packets that are lost count; with the first that fits again this is due still.
    if tap.ring.gap_records:
        return
    if not tapclock_due(
        told, &stream.clock, stream.sender_clock, stream.ssrc, stream.key, plane.now_ns, &clock
    ):
        return
    _begin(plane, tap, stream, &record)
    record.kind = TAP_KIND_CLOCK
    if tapring_write(tap.ring, &record, <const uint8_t *>&clock, sizeof(clock)) == TAP_WRITTEN:
        told.key = stream.key
        told.told_ns = plane.now_ns
        told.clock = clock


cdef void _write_packet(PlaneState *plane, Tap *tap, const Stream *stream, const PacketSlot *slot) noexcept nogil:
    cdef uint8_t packet[12 + PAYLOAD_CAPACITY]
    cdef TapRecord record
    packet[0] = 0x80
    packet[1] = (slot.marker << 7) | slot.codec
    write16(packet + 2, slot.sequence)
    write32(packet + 4, slot.timestamp)
    write32(packet + 8, stream.ssrc)
    memcpy(packet + 12, slot.payload, slot.payload_length)
    _begin(plane, tap, stream, &record)
    record.kind = TAP_KIND_RTP
    record.monotonic_ns = slot.arrival_ns
    record.wall_ns = slot.arrival_ns + plane.wall_offset_ns
    record.flags = slot.starts_keyframe
    record.sequence = slot.sequence
    tapring_write(tap.ring, &record, packet, 12 + slot.payload_length)


cdef inline bint _takes(const Tap *tap, const Stream *stream) noexcept nogil:
    return tap.layer < 0 or tap.layer == stream.layer


cdef void tap_packet(PlaneState *plane, Stream *stream, const PacketSlot *slot) noexcept nogil:
    """Write a packet to the ring of every tap that takes its layer."""
    cdef Tap *tap = stream.track.taps
    while tap != NULL:
        if _takes(tap, stream):
            _write_clock(plane, tap, stream)
            _write_packet(plane, tap, stream, slot)
        tap = tap.next


cdef void tap_report(PlaneState *plane, Stream *stream) noexcept nogil:
    """A sender report of the stream was taken: tell every tap that takes its layer."""
    cdef Tap *tap = stream.track.taps
    while tap != NULL:
        if _takes(tap, stream) and stream.track.publication == stream.publication:
            _write_clock(plane, tap, stream)
        tap = tap.next


cdef void tap_begin(PlaneState *plane, Tap *tap) noexcept nogil:
    """Tell a new tap what is known already."""
    cdef Publication *publication = tap.track.publication
    cdef int layer
    if publication == NULL:
        return
    for layer in range(publication.layer_count):
        if publication.streams[layer].key and _takes(tap, publication.streams[layer]):
            _write_clock(plane, tap, publication.streams[layer])
