# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Which SSRCs of a peer are heard: `max_ssrcs` at a time, because libsrtp keeps a context for each that authenticates.

An SSRC that feeds a stream keeps its place. When all are taken, a new one that authenticates gets the place of the
one among the others (replaced, or never bound) that has been silent longest, and libsrtp drops the context of that one:
an encoder may be started anew as often as its owner likes, and a flood costs no more than `max_ssrcs` contexts.

With its context libsrtp forgets what it has received of the SSRC. A packet captured earlier would authenticate again:
it would be taken for a new stream, feed the track, and move a latched port to whoever sent it. So an SSRC that has
lost its place is refused from then on, before libsrtp sees it, as long as these keys hold. `MAX_RETIRED` of them are
remembered; whoever uses up more in one session needs new keys, under which nothing captured authenticates. Without keys
there is nothing to forget.
All this concerns receiving contexts. A sending one is removed with its route (link.pyx): it would count its packets
from zero again, so control never gives its SSRC to another route under the same keys.

Touches the SSRC tables of one transport and its receiving context.
"""

from libc.stdint cimport uintptr_t

from media.plane.model cimport DROP_SSRC_LIMIT, MAX_RETIRED, drop
from media.plane.net cimport htonl
from media.plane.srtp cimport srtp_remove_stream
from media.plane.table cimport (
    ssrc_table_count, ssrc_table_get, ssrc_table_next, ssrc_table_put, ssrc_table_remove,
)


cdef inline void *_idle(PlaneState *plane) noexcept nogil:
    """What the table holds for an SSRC without a stream: its turn, later ones higher; odd, as no pointer is.

    Not the time, which is one for all datagrams of a batch.
    """
    plane.notes += 1
    return <void *><uintptr_t>(plane.notes << 1 | 1)


cdef inline bint _is_idle(const void *value) noexcept nogil:
    return <uintptr_t>value & 1


cdef Stream *admission_media(Transport *transport, uint32_t ssrc) noexcept nogil:
    """Return the stream that this SSRC feeds, NULL for none."""
    cdef void *value = ssrc_table_get(&transport.ssrcs, ssrc)
    return NULL if _is_idle(value) else <Stream *>value


cdef Stream *admission_repair(Transport *transport, uint32_t ssrc) noexcept nogil:
    """Return the stream that this SSRC repairs (RTX), NULL for none."""
    return <Stream *>ssrc_table_get(&transport.rtx_ssrcs, ssrc)


cdef inline bint _known(Transport *transport, uint32_t ssrc) noexcept nogil:
    return ssrc_table_get(&transport.ssrcs, ssrc) != NULL or ssrc_table_get(&transport.rtx_ssrcs, ssrc) != NULL


cdef inline bint _full(PlaneState *plane, Transport *transport) noexcept nogil:
    return ssrc_table_count(&transport.ssrcs) + ssrc_table_count(&transport.rtx_ssrcs) >= <uint32_t>plane.max_ssrcs


cdef inline bint _retired(Transport *transport, uint32_t ssrc) noexcept nogil:
    cdef int index
    for index in range(transport.retired_count):
        if transport.retired[index] == ssrc:
            return True
    return False


cdef bint admission_admits(PlaneState *plane, Transport *transport, uint32_t ssrc) noexcept nogil:
    """Whether a packet of this SSRC may be unprotected. Nobody loses a place yet: the packet may be forged."""
    if _known(transport, ssrc):
        return True
    if _retired(transport, ssrc) or (transport.retired_count == MAX_RETIRED and _full(plane, transport)):
        drop(plane, transport, DROP_SSRC_LIMIT)
        return False
    return True


cdef void _retire(Transport *transport, uint32_t ssrc) noexcept nogil:
    if transport.srtp_receiver == NULL:
        return
    srtp_remove_stream(transport.srtp_receiver, htonl(ssrc))
    # There is room: when there is none, `admission_admits` refuses what could lead here.
    transport.retired[transport.retired_count] = ssrc
    transport.retired_count += 1


cdef bint _give_up_oldest(Transport *transport) noexcept nogil:
    """Make room; False when every SSRC feeds a stream."""
    cdef uint32_t index = 0
    cdef uint32_t ssrc, oldest = 0
    cdef void *value
    cdef uintptr_t heard = 0
    while ssrc_table_next(&transport.ssrcs, &index, &ssrc, &value):
        if _is_idle(value) and (heard == 0 or <uintptr_t>value < heard):
            heard = <uintptr_t>value
            oldest = ssrc
    if heard == 0:
        return False
    ssrc_table_remove(&transport.ssrcs, oldest)
    _retire(transport, oldest)
    return True


cdef bint admission_note(PlaneState *plane, Transport *transport, uint32_t ssrc) noexcept nogil:
    """Remember that an admitted SSRC was heard just now that may feed no stream; False: no place for it, counted."""
    cdef void *value = ssrc_table_get(&transport.ssrcs, ssrc)
    if value == NULL:
        if ssrc_table_get(&transport.rtx_ssrcs, ssrc) != NULL:
            return True
        if _full(plane, transport) and not _give_up_oldest(transport):
            _retire(transport, ssrc)
            drop(plane, transport, DROP_SSRC_LIMIT)
            return False
    elif not _is_idle(value):
        return True
    ssrc_table_put(&transport.ssrcs, ssrc, _idle(plane))
    return True


cdef void _release_repair(PlaneState *plane, Transport *transport, Stream *stream) noexcept nogil:
    if ssrc_table_get(&transport.rtx_ssrcs, stream.rtx_ssrc) == stream:
        ssrc_table_remove(&transport.rtx_ssrcs, stream.rtx_ssrc)
        ssrc_table_put(&transport.ssrcs, stream.rtx_ssrc, _idle(plane))


cdef void _release_media(PlaneState *plane, Transport *transport, Stream *stream) noexcept nogil:
    if ssrc_table_get(&transport.ssrcs, stream.ssrc) == stream:
        ssrc_table_put(&transport.ssrcs, stream.ssrc, _idle(plane))


cdef void admission_bind_media(PlaneState *plane, Stream *stream, uint32_t ssrc) noexcept nogil:
    """Let a noted SSRC feed the stream; the one that did so keeps a place only as long as nobody needs it."""
    cdef Transport *transport = stream.publication.transport
    _release_media(plane, transport, stream)
    stream.ssrc = ssrc
    ssrc_table_put(&transport.ssrcs, ssrc, stream)


cdef void admission_bind_repair(PlaneState *plane, Stream *stream, uint32_t ssrc) noexcept nogil:
    """Let a noted SSRC repair the stream, instead of the one that did so."""
    cdef Transport *transport = stream.publication.transport
    _release_repair(plane, transport, stream)
    stream.rtx_ssrc = ssrc
    ssrc_table_remove(&transport.ssrcs, ssrc)
    ssrc_table_put(&transport.rtx_ssrcs, ssrc, stream)


cdef void admission_release(PlaneState *plane, Stream *stream) noexcept nogil:
    """The stream ends. libsrtp still has contexts of its SSRCs, so they still count."""
    _release_media(plane, stream.publication.transport, stream)
    _release_repair(plane, stream.publication.transport, stream)
