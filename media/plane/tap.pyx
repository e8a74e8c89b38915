# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""A tap writes a stream's packets, as they came and in the clear, to a worker's shared-memory ring.

Recorder and mixer are ordinary subscribers whose far end is a ring; what they do not read in time is theirs to lose
(counted in the ring), never the relay's.
"""

from libc.stdint cimport uint8_t
from libc.string cimport memcpy, memset

from media.plane.model cimport PAYLOAD_CAPACITY, Publication, Tap
from media.plane.rtp cimport write16, write32
from media.plane.tapring cimport TAP_KIND_RTP, TapRecord, tapring_write


cdef void _write(PlaneState *plane, Tap *tap, Stream *stream, const PacketSlot *slot) noexcept nogil:
    cdef uint8_t packet[12 + PAYLOAD_CAPACITY]
    cdef Publication *publication = stream.publication
    cdef TapRecord record
    packet[0] = 0x80
    packet[1] = (slot.marker << 7) | slot.codec
    write16(packet + 2, slot.sequence)
    write32(packet + 4, slot.timestamp)
    write32(packet + 8, stream.ssrc)
    memcpy(packet + 12, slot.payload, slot.payload_length)
    memset(&record, 0, sizeof(TapRecord))
    record.kind = TAP_KIND_RTP
    record.route = tap.id
    record.monotonic_ns = slot.arrival_ns
    record.wall_ns = slot.arrival_ns + plane.wall_offset_ns
    record.flags = slot.starts_keyframe
    record.ssrc = stream.ssrc
    record.sequence = slot.sequence
    memcpy(record.rid, publication.rids[stream.layer], sizeof(record.rid))
    tapring_write(tap.ring, &record, packet, 12 + slot.payload_length)


cdef void tap_packet(PlaneState *plane, Stream *stream, const PacketSlot *slot) noexcept nogil:
    """Write a packet to the ring of every tap that takes its layer."""
    cdef Tap *tap = stream.track.taps
    while tap != NULL:
        if tap.layer < 0 or tap.layer == stream.layer:
            _write(plane, tap, stream, slot)
        tap = tap.next
