"""A track carried to another plane thread; see bridge.pyx."""

from libc.stdint cimport uint8_t, uint32_t

from media.plane.model cimport IDENTIFIER_CAPACITY, Mirror, PacketSlot, PlaneState, Stream
from media.plane.senderclock cimport SenderClock, StreamClock

cdef enum:
    BRIDGE_SLOTS = 512
    BRIDGE_REQUEST_SLOTS = 64

cdef struct BridgeRecord:
    int layer
    uint32_t ssrc
    uint8_t rid[IDENTIFIER_CAPACITY]
    StreamClock clock
    SenderClock sender_clock
    PacketSlot slot                 # last: only `payload_length` bytes of its payload are copied

cdef void bridge_packet(PlaneState *plane, Mirror *mirror, const Stream *stream, const PacketSlot *slot) noexcept nogil
cdef void bridge_want_keyframe(PlaneState *plane, Mirror *mirror, int layer) noexcept nogil
cdef void bridge_drain_down(PlaneState *plane, Mirror *mirror) noexcept nogil
cdef void bridge_drain_up(PlaneState *plane, Mirror *mirror) noexcept nogil
