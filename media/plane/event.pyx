# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Events from a plane thread to control, over the event ring.

Datagrams for control (STUN, DTLS) may be lost: their protocols repeat them. So they never take the last
`ESSENTIAL_SLOTS` of the ring, which belong to events that are sent once. Should even those run out (control has not
read for long), FREED is retried by its command, and a lost STREAM_BOUND is repaired by control's reading of counters.
So is one that came too fast: a peer that changes SSRCs or says goodbye with every packet fills nobody's ring.
"""

from libc.string cimport memcpy, memset

from media.plane.model cimport DROP_CONTROL_BUSY, DROP_EVENT_RATE, drop
from media.plane.ratelimit cimport bucket_take
from media.plane.ring cimport ring_commit, ring_reserve, ring_reserve_spare

cdef enum:
    ESSENTIAL_SLOTS = 256


cdef void event_datagram(
    PlaneState *plane, EventKind kind, Transport *transport, const Address *remote, const Address *local,
    const uint8_t *data, int length
) noexcept nogil:
    cdef Event *event
    if length > DATAGRAM_CAPACITY:
        return
    event = <Event *>ring_reserve_spare(&plane.events, ESSENTIAL_SLOTS)
    if event == NULL:
        drop(plane, transport, DROP_CONTROL_BUSY)
        return
    event.kind = kind
    event.id = transport.id
    event.object = transport
    event.remote = remote[0]
    event.local = local[0]
    event.length = length
    memcpy(event.data, data, length)
    ring_commit(&plane.events)


cdef void event_stream(PlaneState *plane, EventKind kind, Stream *stream) noexcept nogil:
    cdef Transport *transport = stream.publication.transport
    cdef Event *event
    if not bucket_take(&transport.event_bucket, plane.now_ns):
        drop(plane, transport, DROP_EVENT_RATE)
        return
    event = <Event *>ring_reserve(&plane.events)
    if event == NULL:
        drop(plane, transport, DROP_CONTROL_BUSY)
        return
    event.kind = kind
    event.id = stream.publication.id
    event.object = stream
    event.length = 0
    ring_commit(&plane.events)


cdef bint event_freed(PlaneState *plane, void *object) noexcept nogil:
    """Give an object's memory back; False when the ring is full and the command must be tried again."""
    cdef Event *event = <Event *>ring_reserve(&plane.events)
    if event == NULL:
        return False
    event.kind = EVENT_FREED
    event.id = 0
    event.object = object
    event.length = 0
    ring_commit(&plane.events)
    return True
