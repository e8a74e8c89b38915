# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Outbound RTCP: repair and feedback towards publishers, sender reports towards viewers.

Publishers are looked after at every tick (transport feedback every 100 ms; receiver reports every second, with a
reference time, whose answer tells the round trip, and REMB to those without transport feedback), which comes earlier
when something is urgent (NACK, keyframe wishes: `tick_by`); viewers in turn, so that each gets a sender report a
second and no tick serves them all at once.

A forwarded sender report says what the viewer's RTP clock reads for a picture captured now, in the server's UTC: the
publisher's own NTP time never leaves the server, because its clock is not trusted as UTC. So every page can show and
align by capture time, and levels of servers do not add up their errors.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from media.plane.batch cimport batch_commit, batch_room
from media.plane.estimate cimport estimate_silence
from media.plane.keyframe cimport keyframe_due, keyframe_want
from media.plane.model cimport DROP_PROTECT, Publication, Route, Stream, Transport, drop, tick_by
from media.plane.receive cimport ReceiveReport, ReceiveState, receive_nack_timer, receive_nacks, receive_report
from media.plane.rewrite cimport rewrite_timestamp
from media.plane.rtcp cimport (
    RtcpReport, ntp_from_utc_us, ntp_middle32, rtcp_write_cname, rtcp_write_fir, rtcp_write_nack, rtcp_write_pli,
    rtcp_write_remb, rtcp_write_rr, rtcp_write_rrtr, rtcp_write_sr,
)
from media.plane.roundtrip cimport RTT_NACK, roundtrip_asked
from media.plane.senderclock cimport senderclock_rtt, streamclock_rtp_at
from media.plane.srtp cimport SRTP_OK, srtp_protect_rtcp
from media.plane.twcc cimport twcc_build
from media.plane.uplink cimport uplink_due, uplink_lost, uplink_say

cdef enum:
    COMPOUND_BYTES = 1200       # of RTCP before protection, fits every path
    COMPOUND_ROOM = 1500
    MAX_BLOCKS = 24             # report blocks of one receiver report; RFC 3550 allows 31
    MAX_NACKS = 128
    REPORT_NS = 1000000000
    TWCC_NS = 100000000
    ROUNDS_A_SECOND = 25        # ticks, at least, in which every viewer is looked at once
    ASSUMED_RTT_NS = 60000000   # before a round trip is known: retry NACKs as on a fair 4G link


# DLSR has 16 bits of seconds; an older report tells no round trip.
cdef int64_t MAX_DLSR_NS = 65535 * <int64_t>REPORT_NS


cdef void _send(PlaneState *plane, Transport *transport, uint8_t *packet, int length) noexcept nogil:
    if not transport.ready or length == 0:
        return
    if transport.srtp_sender != NULL and srtp_protect_rtcp(transport.srtp_sender, packet, &length) != SRTP_OK:
        drop(plane, transport, DROP_PROTECT)
        return
    batch_commit(plane, transport, packet, length)


cdef inline int _begin(Transport *transport, uint8_t *out) noexcept nogil:
    """Open a feedback compound; the receiver report may be left out where RFC 5506 was negotiated."""
    if transport.rtcp_reduced_size:
        return 0
    return rtcp_write_rr(out, COMPOUND_BYTES, transport.local_ssrc, NULL, 0)


cdef void _nack(PlaneState *plane, Stream *stream) noexcept nogil:
    cdef Transport *transport = stream.publication.transport
    cdef uint16_t sequences[MAX_NACKS]
    cdef uint8_t *out
    cdef int count, length
    cdef int64_t rtt_ns = transport.rtt_ns if transport.rtt_ns else ASSUMED_RTT_NS
    if transport.uplink != NULL:
        # An answer waits behind what waits already: asked for again before, it would only make that longer.
        rtt_ns += transport.uplink.estimate.meter.queue_us * 1000
    count = receive_nacks(&stream.receive, plane.now_ns, rtt_ns, sequences, MAX_NACKS)
    stream.nack_due_ns = receive_nack_timer(&stream.receive)
    if count == 0 or not stream.publication.nack:
        return
    out = batch_room(plane, transport, COMPOUND_ROOM)
    length = _begin(transport, out)
    length += rtcp_write_nack(
        out + length, COMPOUND_BYTES - length, transport.local_ssrc, stream.ssrc, sequences, count
    )
    stream.nacks_sent += count
    _send(plane, transport, out, length)


cdef void _ask_keyframe(PlaneState *plane, Stream *stream) noexcept nogil:
    cdef Publication *publication = stream.publication
    cdef Transport *transport = publication.transport
    cdef uint8_t *out
    cdef int length
    if not (publication.pli or publication.fir) or not keyframe_due(plane, stream):
        return
    out = batch_room(plane, transport, COMPOUND_ROOM)
    length = _begin(transport, out)
    if publication.pli:
        length += rtcp_write_pli(out + length, COMPOUND_BYTES - length, transport.local_ssrc, stream.ssrc)
    else:
        stream.fir_sequence += 1
        length += rtcp_write_fir(
            out + length, COMPOUND_BYTES - length, transport.local_ssrc, stream.ssrc, stream.fir_sequence
        )
    _send(plane, transport, out, length)


cdef void _transport_feedback(PlaneState *plane, Transport *transport) noexcept nogil:
    cdef uint8_t *out
    cdef int prefix, length
    cdef uint32_t media_ssrc = 0
    if transport.publications.streams[0] != NULL:
        media_ssrc = transport.publications.streams[0].ssrc
    while True:
        out = batch_room(plane, transport, COMPOUND_ROOM)
        prefix = _begin(transport, out)
        length = twcc_build(
            transport.arrivals, out + prefix, COMPOUND_BYTES - prefix, transport.local_ssrc, media_ssrc
        )
        if length == 0:
            return
        _send(plane, transport, out, prefix + length)


cdef void _block(PlaneState *plane, Stream *stream, RtcpReport *block) noexcept nogil:
    cdef ReceiveReport report
    receive_report(&stream.receive, plane.now_ns, &report)
    block.ssrc = stream.ssrc
    block.fraction_lost = report.fraction_lost
    block.cumulative_lost = report.cumulative_lost
    block.highest_sequence = report.highest_sequence
    block.jitter = report.jitter
    block.lsr = 0
    block.dlsr = 0
    if stream.last_sr_ns and plane.now_ns - stream.last_sr_ns < MAX_DLSR_NS:
        block.lsr = stream.last_sr_middle
        block.dlsr = <uint32_t>((plane.now_ns - stream.last_sr_ns) * 65536 // 1000000000)


cdef inline uint64_t _server_ntp(const PlaneState *plane) noexcept nogil:
    return ntp_from_utc_us((plane.now_ns + plane.wall_offset_ns) // 1000)


cdef int _reference_time(PlaneState *plane, Transport *transport, uint8_t *out, int capacity) noexcept nogil:
    """Ask for the round trip as one who sends nothing can (RFC 3611 section 4.4)."""
    cdef uint64_t ntp = _server_ntp(plane)
    cdef int length = rtcp_write_rrtr(out, capacity, transport.local_ssrc, ntp)
    if length:
        roundtrip_asked(&transport.round_trips, ntp_middle32(ntp), plane.now_ns)
    return length


cdef void _repaired(PlaneState *plane, Transport *transport, Stream *stream) noexcept nogil:
    """A packet came that was asked for once: what that took."""
    cdef int64_t answered_ns = stream.receive.answered_ns
    stream.receive.answered_ns = 0
    senderclock_rtt(&transport.sender_clock, &transport.round_trips, answered_ns, RTT_NACK, plane.now_ns)
    if transport.sender_clock.rtt_source == RTT_NACK:
        transport.rtt_ns = answered_ns


cdef int64_t _missing(const Transport *transport) noexcept nogil:
    """Packets of all streams that did not come, or came by a resend only."""
    cdef Publication *publication = transport.publications
    cdef ReceiveState *receive
    cdef int64_t missing = 0
    cdef int layer
    while publication != NULL:
        for layer in range(publication.layer_count):
            receive = &publication.streams[layer].receive
            if receive.started:
                missing += receive.highest_ext - receive.base_ext + 1 - receive.received
        publication = publication.next
    return missing


cdef int _remb(Transport *transport, uint8_t *out, int capacity) noexcept nogil:
    """Write what the uplink carries, of all streams together that are to hear it."""
    cdef uint32_t ssrcs[MAX_BLOCKS]
    cdef Publication *publication = transport.publications
    cdef int64_t bps = uplink_say(transport.uplink)
    cdef int layer
    cdef int count = 0
    while publication != NULL:
        for layer in range(publication.layer_count):
            if publication.remb and publication.streams[layer].bound and count < MAX_BLOCKS:
                ssrcs[count] = publication.streams[layer].ssrc
                count += 1
        publication = publication.next
    return rtcp_write_remb(out, capacity, transport.local_ssrc, bps, ssrcs, count) if bps else 0


cdef void _look_at_uplink(PlaneState *plane, Transport *transport) noexcept nogil:
    cdef uint8_t *out
    cdef int prefix, length
    if not uplink_due(transport.uplink, plane.now_ns):
        return
    if not uplink_lost(transport.uplink, _missing(transport), transport.rtt_ns, plane.now_ns):
        return
    out = batch_room(plane, transport, COMPOUND_ROOM)
    prefix = _begin(transport, out)
    length = _remb(transport, out + prefix, COMPOUND_BYTES - prefix)
    if length:
        _send(plane, transport, out, prefix + length)


cdef void _receiver_report(PlaneState *plane, Transport *transport) noexcept nogil:
    cdef RtcpReport blocks[MAX_BLOCKS]
    cdef Publication *publication = transport.publications
    cdef uint8_t *out
    cdef int layer, length
    cdef int count = 0
    while publication != NULL:
        for layer in range(publication.layer_count):
            if publication.streams[layer].bound and publication.streams[layer].packets and count < MAX_BLOCKS:
                _block(plane, publication.streams[layer], &blocks[count])
                count += 1
        publication = publication.next
    out = batch_room(plane, transport, COMPOUND_ROOM)
    length = rtcp_write_rr(out, COMPOUND_BYTES, transport.local_ssrc, blocks, count)
    length += rtcp_write_cname(
        out + length, COMPOUND_BYTES - length, transport.local_ssrc, transport.cname, transport.cname_length
    )
    length += _reference_time(plane, transport, out + length, COMPOUND_BYTES - length)
    if transport.uplink != NULL:
        length += _remb(transport, out + length, COMPOUND_BYTES - length)
    _send(plane, transport, out, length)


cdef void _publisher(PlaneState *plane, Transport *transport) noexcept nogil:
    cdef Publication *publication = transport.publications
    cdef Stream *stream
    cdef int layer
    while publication != NULL:
        for layer in range(publication.layer_count):
            stream = publication.streams[layer]
            if not stream.bound:
                continue
            if stream.receive.needs_keyframe:
                stream.receive.needs_keyframe = 0
                keyframe_want(plane, stream.track, layer)
            if stream.receive.answered_ns:
                _repaired(plane, transport, stream)
            if stream.nack_due_ns >= 0 and plane.now_ns >= stream.nack_due_ns and stream.packets:
                _nack(plane, stream)
            if stream.nack_due_ns >= 0:
                tick_by(plane, stream.nack_due_ns)
            if stream.keyframe_wanted_ns:
                _ask_keyframe(plane, stream)
        publication = publication.next
    if transport.arrivals != NULL and plane.now_ns >= transport.next_twcc_ns:
        transport.next_twcc_ns = plane.now_ns + TWCC_NS
        _transport_feedback(plane, transport)
    if transport.uplink != NULL:
        _look_at_uplink(plane, transport)
    if plane.now_ns >= transport.next_report_ns:
        transport.next_report_ns = plane.now_ns + REPORT_NS
        _receiver_report(plane, transport)


cdef int _sender_report(PlaneState *plane, Route *route, uint8_t *out, int capacity) noexcept nogil:
    cdef Stream *stream = route.input
    cdef uint32_t timestamp
    cdef uint64_t ntp
    cdef int length
    # Between the inputs of a route its timestamps belong to neither.
    if stream == NULL or stream.key != route.key or route.rewrite.stream_key != route.key or route.packets == 0:
        return 0
    if route.paused:
        return 0
    if streamclock_rtp_at(&stream.clock, stream.sender_clock, plane.now_ns, &timestamp) != 0:
        return 0
    ntp = _server_ntp(plane)
    length = rtcp_write_sr(
        out, capacity, route.ssrc, ntp, rewrite_timestamp(&route.rewrite, timestamp), <uint32_t>route.packets,
        <uint32_t>route.octets, NULL, 0
    )
    if length == 0:
        return 0
    route.sr_middle[1] = route.sr_middle[0]
    route.sr_sent_ns[1] = route.sr_sent_ns[0]
    route.sr_middle[0] = ntp_middle32(ntp)
    route.sr_sent_ns[0] = plane.now_ns
    return length + rtcp_write_cname(
        out + length, capacity - length, route.ssrc, route.transport.cname, route.transport.cname_length
    )


cdef void _viewer(PlaneState *plane, Transport *transport) noexcept nogil:
    cdef Route *route = transport.routes
    cdef uint8_t *out
    cdef int length = 0
    if route == NULL or not transport.ready or plane.now_ns < transport.next_sender_report_ns:
        return
    transport.next_sender_report_ns = plane.now_ns + REPORT_NS
    if transport.estimate != NULL:
        estimate_silence(transport.estimate, transport.sends.sent, plane.now_ns)
    out = batch_room(plane, transport, COMPOUND_ROOM)
    while route != NULL:
        if COMPOUND_BYTES - length < 96:
            _send(plane, transport, out, length)
            out = batch_room(plane, transport, COMPOUND_ROOM)
            length = 0
        length += _sender_report(plane, route, out + length, COMPOUND_BYTES - length)
        route = route.next_in_transport
    _send(plane, transport, out, length)


cdef void report_tick(PlaneState *plane) noexcept nogil:
    """One tick: all publishers, and the next part of the viewers."""
    cdef Transport *transport = plane.publishers
    cdef int quota = (plane.transport_count + ROUNDS_A_SECOND - 1) // ROUNDS_A_SECOND
    while transport != NULL:
        if transport.ready:
            _publisher(plane, transport)
        transport = transport.next_publisher
    while quota > 0:
        if plane.next_to_serve == NULL:
            plane.next_to_serve = plane.transports
            if plane.next_to_serve == NULL:
                return
        _viewer(plane, plane.next_to_serve)
        plane.next_to_serve = plane.next_to_serve.next
        quota -= 1
