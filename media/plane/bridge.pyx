# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""A track carried from the plane thread that receives it to one that has viewers of it.

SRTP contexts belong to one thread, so packets cross in the clear, once per thread however many viewers it has, over a
ring of their own; keyframe requests come back over another. The far side keeps its own cache and answers its viewers'
NACKs from it; taps of the far track see what they would see on the near one. A full ring loses packets of that
thread's viewers and taps only, counted where the track is published.
"""

from libc.string cimport memcpy

from media.plane.burst cimport burst_add, burst_make_room
from media.plane.keyframe cimport keyframe_want
from media.plane.model cimport DROP_BRIDGE_FULL, PAYLOAD_CAPACITY, drop
from media.plane.ring cimport ring_commit, ring_peek, ring_pop, ring_reserve
from media.plane.tap cimport tap_packet

cdef enum:
    DRAIN_LIMIT = 256           # packets taken in one wake-up; the ring reports the rest again
    REQUEST_PAUSE_NS = 50000000


cdef void bridge_packet(PlaneState *plane, Mirror *mirror, const Stream *stream, const PacketSlot *slot) noexcept nogil:
    cdef BridgeRecord *record = <BridgeRecord *>ring_reserve(&mirror.down)
    if record == NULL:
        drop(plane, NULL, DROP_BRIDGE_FULL)
        return
    record.layer = stream.layer
    record.ssrc = stream.ssrc
    memcpy(record.rid, stream.publication.rids[stream.layer], sizeof(record.rid))
    record.clock = stream.clock
    record.sender_clock = stream.sender_clock[0]
    memcpy(&record.slot, slot, sizeof(PacketSlot) - PAYLOAD_CAPACITY + slot.payload_length)
    ring_commit(&mirror.down)


cdef void bridge_want_keyframe(PlaneState *plane, Mirror *mirror, int layer) noexcept nogil:
    cdef Stream *stream = mirror.far_publication.streams[layer]
    cdef int *request
    if stream.keyframe_asked_ns and plane.now_ns - stream.keyframe_asked_ns < REQUEST_PAUSE_NS:
        return
    request = <int *>ring_reserve(&mirror.up)
    if request == NULL:
        return
    stream.keyframe_asked_ns = plane.now_ns
    request[0] = layer
    ring_commit(&mirror.up)


cdef void bridge_drain_up(PlaneState *plane, Mirror *mirror) noexcept nogil:
    cdef int *request = <int *>ring_peek(&mirror.up)
    while request != NULL:
        keyframe_want(plane, mirror.near, request[0])
        ring_pop(&mirror.up)
        request = <int *>ring_peek(&mirror.up)


cdef void _take(PlaneState *plane, Mirror *mirror, const BridgeRecord *record) noexcept nogil:
    cdef Stream *stream = mirror.far_publication.streams[record.layer]
    cdef PacketSlot *slot
    stream.key = record.slot.key
    stream.ssrc = record.ssrc
    memcpy(mirror.far_publication.rids[record.layer], record.rid, sizeof(record.rid))
    stream.codec = record.slot.codec
    stream.clock = record.clock
    mirror.sender_clock = record.sender_clock
    slot = &stream.cache[record.slot.ext & stream.cache_mask]
    burst_make_room(plane, stream, slot)
    memcpy(slot, &record.slot, sizeof(PacketSlot) - PAYLOAD_CAPACITY + record.slot.payload_length)
    stream.packets += 1
    stream.octets += slot.payload_length
    stream.last_packet_ns = plane.now_ns
    if slot.starts_keyframe:
        stream.keyframe_asked_ns = 0    # the next wish is a new one, however soon it comes
    tap_packet(plane, stream, slot)
    burst_add(plane, stream, slot)


cdef void bridge_drain_down(PlaneState *plane, Mirror *mirror) noexcept nogil:
    cdef BridgeRecord *record
    cdef int taken = 0
    record = <BridgeRecord *>ring_peek(&mirror.down)
    while record != NULL and taken < DRAIN_LIMIT:
        _take(plane, mirror, record)
        ring_pop(&mirror.down)
        taken += 1
        record = <BridgeRecord *>ring_peek(&mirror.down)
