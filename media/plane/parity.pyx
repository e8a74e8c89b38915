# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Send the parities of a route's group (flexfec), under an SSRC of their own.

Touches the plane's own state only; raises nothing, allocates nothing.
"""

from libc.stdint cimport uint8_t

from media.plane.batch cimport TAG_BYTES, UDP_IP_BYTES, batch_commit, batch_room
from media.plane.flexfec cimport FlexFec, flexfec_begin, flexfec_write
from media.plane.model cimport DROP_PROTECT, Transport, drop
from media.plane.pacer cimport pacer_spend
from media.plane.rtp cimport EXTENSION_TWCC, write16, write32
from media.plane.srtp cimport SRTP_OK, srtp_protect
from media.plane.twcc cimport twcc_sent

cdef enum:
    HEADER_BYTES = 20
    PACKET_ROOM = 1700          # header, header of the parity, the longest packet, tag


cdef void _send(PlaneState *plane, Route *route, int index) noexcept nogil:
    cdef Transport *transport = route.transport
    cdef FlexFec *fec = route.fec
    cdef uint8_t *out = batch_room(plane, transport, PACKET_ROOM)
    cdef int at = 12
    cdef int length
    if transport.sends != NULL:
        at = HEADER_BYTES
    length = at + flexfec_write(fec, index, route.ssrc, out + at)
    out[0] = 0x90 if transport.sends != NULL else 0x80
    out[1] = fec.payload_type
    write16(out + 2, fec.sequence)
    write32(out + 4, route.rewrite.last_timestamp)
    write32(out + 8, fec.ssrc)
    fec.sequence += 1
    if transport.sends != NULL:
        write16(out + 12, 0xBEDE)
        write16(out + 14, 1)
        out[16] = (transport.extension_ids[EXTENSION_TWCC] << 4) | 1
        write16(out + 17, twcc_sent(transport.sends, plane.now_ns, length + TAG_BYTES + UDP_IP_BYTES))
        out[19] = 0
    if transport.srtp_sender != NULL and srtp_protect(transport.srtp_sender, out, &length) != SRTP_OK:
        drop(plane, transport, DROP_PROTECT)
        return
    if transport.paced:
        pacer_spend(transport.pacer, length + UDP_IP_BYTES)
    batch_commit(plane, transport, out, length)


cdef void parity_send(PlaneState *plane, Route *route, int count) noexcept nogil:
    """Send so many parities, which `flexfec_add` has closed, and begin the next group."""
    cdef int index
    for index in range(count):
        _send(plane, route, index)
    flexfec_begin(route.fec)
