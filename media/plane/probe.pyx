# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Fill a viewer's link up to a rate with padding, so that its estimate can grow to what the next picture needs.

Nothing is known of a link that is not used: a viewer of a small picture shows no more than that a small picture passes.
Control says up to which rate to try, all that is sent counted; what is missing leaves as RTX packets that are padding
only, which every receiver passes over (RFC 4588 has no other use for them). They leave a few at once, because packets
that left together tell the link's own rate (linkmeter).

Who agreed to transport feedback but to no RTX is not tried, and its estimate grows with its pictures only. Padding
under the pictures' own SSRC would take numbers between theirs, so each lot of it would end a segment of the route's
history (rewrite): forty lots a second leave less than two seconds of it. Browsers all know RTX.

An order holds for a second: control that stands still fills nobody's link. A queue ends it at once. Touches the plane's
own state only; raises nothing, allocates nothing.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memset

from media.plane.batch cimport TAG_BYTES, UDP_IP_BYTES, batch_commit, batch_room
from media.plane.model cimport CODEC_SLOTS, DROP_PROTECT, Route, drop
from media.plane.rtp cimport EXTENSION_TWCC, write16, write32
from media.plane.srtp cimport SRTP_OK, srtp_protect
from media.plane.twcc cimport twcc_sent

cdef enum:
    PERIOD_NS = 25000000        # at 400 kb/s five packets
    ORDER_NS = 1000000000
    QUEUE_US = 50000            # a little less than what makes the estimate fall
    PADDING_BYTES = 255         # the most a packet can say (RFC 3550 section 5.1)
    HEADER_BYTES = 20
    PACKET_ROOM = 400           # with SRTP's tag
    PACKETS_A_PERIOD = 128      # 11 Mb/s


cdef void probe_set(PlaneState *plane, Transport *transport, int64_t bps, int packets) noexcept nogil:
    """Fill up to `bps` for the next second, 0: no more; and send so many packets together, once."""
    if transport.estimate == NULL:
        return
    if transport.probe_bps == 0:
        transport.probe_credit = 0
        transport.probe_octets = transport.sent_octets
        transport.probe_looked_ns = plane.now_ns
    transport.probe_bps = bps if bps > 0 else 0
    transport.probe_packets = packets if packets < PACKETS_A_PERIOD else PACKETS_A_PERIOD
    transport.probe_until_ns = plane.now_ns + ORDER_NS
    if transport.probe_linked or (transport.probe_bps == 0 and transport.probe_packets <= 0):
        return
    transport.probe_linked = 1
    transport.next_probed = plane.probed
    # Not at once: until the others' orders are carried out nothing may be in the outgoing batch.
    if plane.probed == NULL:
        plane.next_probe_ns = plane.now_ns
    plane.probed = transport


cdef void probe_forget(PlaneState *plane, Transport *transport) noexcept nogil:
    """The transport is about to go, or has nothing more to try."""
    cdef Transport **at = &plane.probed
    transport.probe_bps = 0
    if not transport.probe_linked:
        return
    while at[0] != transport:
        at = &at[0].next_probed
    at[0] = transport.next_probed
    transport.probe_linked = 0


cdef inline uint8_t _repair_type(const Route *route) noexcept nogil:
    cdef int codec
    for codec in range(CODEC_SLOTS):
        if route.rtx_payload_types[codec]:
            return route.rtx_payload_types[codec]
    return 0


cdef Route *_repaired(const Transport *transport) noexcept nogil:
    """Find a route with a repair stream, NULL where none was agreed."""
    cdef Route *route = transport.routes
    while route != NULL and not (route.rtx_ssrc and _repair_type(route)):
        route = route.next_in_transport
    return route


cdef int _pad(PlaneState *plane, Transport *transport, Route *route) noexcept nogil:
    """Send one packet of padding; return its bytes."""
    cdef uint8_t *out = batch_room(plane, transport, PACKET_ROOM)
    cdef int length = HEADER_BYTES + PADDING_BYTES
    out[0] = 0xB0               # version 2, padding, extension
    out[1] = _repair_type(route)
    write16(out + 2, route.rtx_sequence)
    write32(out + 4, route.rewrite.last_timestamp)
    write32(out + 8, route.rtx_ssrc)
    write16(out + 12, 0xBEDE)
    write16(out + 14, 1)
    out[16] = (transport.extension_ids[EXTENSION_TWCC] << 4) | 1
    write16(out + 17, twcc_sent(transport.sends, plane.now_ns, length + TAG_BYTES + UDP_IP_BYTES))
    out[19] = 0
    memset(out + HEADER_BYTES, 0, PADDING_BYTES - 1)
    out[length - 1] = PADDING_BYTES
    route.rtx_sequence += 1
    if transport.srtp_sender != NULL and srtp_protect(transport.srtp_sender, out, &length) != SRTP_OK:
        drop(plane, transport, DROP_PROTECT)
        return length
    batch_commit(plane, transport, out, length)
    return length + UDP_IP_BYTES


cdef int64_t _due(PlaneState *plane, Transport *transport) noexcept nogil:
    """Reckon how many bytes of padding are due to reach the rate."""
    cdef int64_t passed_ns = plane.now_ns - transport.probe_looked_ns
    cdef int64_t most = transport.probe_bps // 8 * (2 * PERIOD_NS) // 1000000000
    if passed_ns > 4 * PERIOD_NS:
        passed_ns = 4 * PERIOD_NS
    transport.probe_looked_ns = plane.now_ns
    transport.probe_credit += transport.probe_bps // 8 * passed_ns // 1000000000
    transport.probe_credit -= <int64_t>(transport.sent_octets - transport.probe_octets)
    # A picture may take what the next moments would be filled with, and what was not used is not saved up.
    if transport.probe_credit < -4 * most:
        transport.probe_credit = -4 * most
    elif transport.probe_credit > most:
        transport.probe_credit = most
    return transport.probe_credit


cdef void _fill(PlaneState *plane, Transport *transport) noexcept nogil:
    cdef Route *route = _repaired(transport)
    cdef int left = PACKETS_A_PERIOD
    cdef int64_t due = _due(plane, transport)
    cdef int together = transport.probe_packets
    transport.probe_packets = 0
    while route != NULL and transport.ready and left > 0 and (due > 0 or together > 0):
        due -= _pad(plane, transport, route)
        together -= 1
        left -= 1
    transport.probe_credit = due
    transport.probe_octets = transport.sent_octets


cdef void probe_due(PlaneState *plane) noexcept nogil:
    """Fill the links that are tried; to be called when `plane.next_probe_ns` has come."""
    cdef Transport *transport = plane.probed
    cdef Transport *following
    plane.next_probe_ns = plane.now_ns + PERIOD_NS
    while transport != NULL:
        following = transport.next_probed
        if (
            transport.estimate == NULL or plane.now_ns >= transport.probe_until_ns
            or transport.estimate.meter.queue_us > QUEUE_US or transport.waits
        ):
            probe_forget(plane, transport)
        else:
            _fill(plane, transport)
            if transport.probe_bps == 0:
                probe_forget(plane, transport)
        transport = following
