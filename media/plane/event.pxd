"""What a plane thread tells control; see event.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from media.plane.address cimport Address
from media.plane.model cimport DATAGRAM_CAPACITY, PlaneState, Stream, Transport

cdef enum EventKind:
    EVENT_STUN = 1              # data: the request; addresses: where from, where to
    EVENT_DTLS = 2              # data: the datagram
    EVENT_FREED = 3             # object: the pointer whose memory is control's again
    EVENT_STREAM_BOUND = 4      # object: Stream*; id: its publication
    EVENT_BYE = 5               # object: Stream*; id: its publication

cdef struct Event:
    int kind
    int length
    uint64_t id                 # of the transport or publication
    void *object
    Address remote
    Address local
    uint8_t data[DATAGRAM_CAPACITY]

cdef void event_datagram(
    PlaneState *plane, EventKind kind, Transport *transport, const Address *remote, const Address *local,
    const uint8_t *data, int length
) noexcept nogil
cdef void event_stream(PlaneState *plane, EventKind kind, Stream *stream) noexcept nogil
cdef bint event_freed(PlaneState *plane, void *object) noexcept nogil
