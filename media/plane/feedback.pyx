# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Inbound RTCP: what viewers miss and measure, what publishers say of their clocks.

A compound is checked whole before any of it acts. What one datagram may cause is bounded: `MAX_NACKED` resends, one
keyframe wish for a route; the rest of a storm is counted and dropped.
"""

from libc.stdint cimport int64_t, uint16_t, uint32_t

from media.plane.admission cimport admission_admits, admission_media, admission_note
from media.plane.estimate cimport estimate_feedback
from media.plane.event cimport EVENT_BYE, event_stream
from media.plane.forward cimport forward_again
from media.plane.keyframe cimport keyframe_want
from media.plane.model cimport DROP_RESEND_RATE, DROP_RTCP_MALFORMED, Route, Stream, drop
from media.plane.rtcp cimport (
    RTCP_END, RTCP_ITEM_BYE, RTCP_ITEM_DLRR, RTCP_ITEM_FIR, RTCP_ITEM_NACK, RTCP_ITEM_PLI, RTCP_ITEM_REPORT,
    RTCP_ITEM_SR, RTCP_ITEM_TWCC, RTCP_OK, RtcpItem, RtcpReader, ntp_middle32, rtcp_check, rtcp_next, rtcp_open,
)
from media.plane.roundtrip cimport RTT_XR, roundtrip_answered
from media.plane.rtp cimport read32
from media.plane.senderclock cimport senderclock_report, senderclock_rtt, streamclock_report
from media.plane.srtp cimport srtp_open, srtp_unprotect_rtcp
from media.plane.table cimport ssrc_table_get
from media.plane.tap cimport tap_report
from media.plane.twcc cimport TWCC_RESULTS, TwccReport, twcc_receive

cdef enum:
    MAX_NACKED = 256            # resends that one datagram may ask for


cdef void _sender_report(PlaneState *plane, Transport *transport, const RtcpItem *item) noexcept nogil:
    cdef Stream *stream = admission_media(transport, item.sender_ssrc)
    if stream == NULL:
        return
    stream.last_sr_middle = ntp_middle32(item.ntp)
    stream.last_sr_ns = plane.now_ns
    senderclock_report(&transport.sender_clock, &transport.round_trips, item.ntp, plane.now_ns)
    streamclock_report(&stream.clock, item.ntp, item.rtp_timestamp, plane.now_ns)
    tap_report(plane, stream)


cdef void _report_block(PlaneState *plane, Transport *transport, const RtcpItem *item) noexcept nogil:
    """A viewer's report of one route; the round trip from our own record of when that sender report left."""
    cdef Route *route = <Route *>ssrc_table_get(&transport.route_ssrcs, item.media_ssrc)
    cdef int64_t round_trip_ns
    cdef int index
    if route == NULL or item.media_ssrc != route.ssrc:
        return
    route.remote_fraction_lost = item.fraction_lost
    route.remote_lost = item.cumulative_lost if item.cumulative_lost > 0 else 0
    route.remote_jitter = item.jitter
    for index in range(2):
        if item.lsr != 0 and item.lsr == route.sr_middle[index]:
            round_trip_ns = plane.now_ns - route.sr_sent_ns[index] - <int64_t>item.dlsr * 1000000000 // 65536
            if round_trip_ns >= 0:
                route.rtt_ns = round_trip_ns


cdef void _reference_answer(PlaneState *plane, Transport *transport, const RtcpItem *item) noexcept nogil:
    """A publisher's answer to a reference time of ours (RFC 3611 section 4.5)."""
    cdef int64_t rtt_ns
    if item.media_ssrc != transport.local_ssrc:
        return
    rtt_ns = roundtrip_answered(&transport.round_trips, item.lsr, item.dlsr, plane.now_ns)
    if rtt_ns < 0:
        return
    senderclock_rtt(&transport.sender_clock, &transport.round_trips, rtt_ns, RTT_XR, plane.now_ns)
    transport.rtt_ns = rtt_ns       # not the least: what is asked for again too early comes twice


cdef int _nack(PlaneState *plane, Transport *transport, const RtcpItem *item, int budget) noexcept nogil:
    cdef Route *route = <Route *>ssrc_table_get(&transport.route_ssrcs, item.media_ssrc)
    cdef int bit
    if route == NULL or item.media_ssrc != route.ssrc:
        return budget
    for bit in range(-1, 16):
        if bit >= 0 and not (item.nack_blp >> bit) & 1:
            continue
        if budget == 0:
            drop(plane, transport, DROP_RESEND_RATE)
            return 0
        budget -= 1
        forward_again(plane, route, <uint16_t>(item.nack_pid + bit + 1))
    return budget


cdef void _transport_feedback(PlaneState *plane, Transport *transport, const RtcpItem *item) noexcept nogil:
    cdef TwccReport report
    cdef bint was_full
    if transport.sends == NULL:
        return
    report.results = plane.results
    report.capacity = TWCC_RESULTS
    if twcc_receive(transport.sends, item.data, item.length, plane.now_ns, &report) != 0:
        drop(plane, transport, DROP_RTCP_MALFORMED)
        return
    transport.twcc_reported += report.received
    transport.twcc_lost += report.lost
    was_full = transport.estimate.was_full
    estimate_feedback(transport.estimate, &report, transport.sends, plane.now_ns)
    if transport.estimate.was_full and not was_full:
        plane.links_filled += 1
    transport.paced = transport.estimate.was_full or transport.waits


cdef void _keyframe_request(PlaneState *plane, Transport *transport, const RtcpItem *item) noexcept nogil:
    cdef Route *route = <Route *>ssrc_table_get(&transport.route_ssrcs, item.media_ssrc)
    if route != NULL and not route.paused:
        keyframe_want(plane, route.track, route.layer)


cdef void feedback_packet(PlaneState *plane, Transport *transport, uint8_t *packet, int length) noexcept nogil:
    """Take one RTCP or SRTCP datagram from a known address; `packet` is changed in place."""
    cdef RtcpReader reader
    cdef RtcpItem item
    cdef Stream *stream
    cdef int budget = MAX_NACKED
    cdef int kind
    cdef uint32_t sender
    sender = read32(packet + 4)     # datagram_kind has seen that there are so many bytes
    if not admission_admits(plane, transport, sender) or not srtp_open(
        plane, transport, srtp_unprotect_rtcp, packet, &length
    ):
        return
    if not admission_note(plane, transport, sender):
        return
    if rtcp_check(packet, length) != RTCP_OK:
        drop(plane, transport, DROP_RTCP_MALFORMED)
        return
    transport.last_heard_ns = plane.now_ns
    rtcp_open(&reader, packet, length)
    while True:
        kind = rtcp_next(&reader, &item)
        if kind == RTCP_END:
            return
        if kind == RTCP_ITEM_SR:
            _sender_report(plane, transport, &item)
        elif kind == RTCP_ITEM_REPORT:
            _report_block(plane, transport, &item)
        elif kind == RTCP_ITEM_DLRR:
            _reference_answer(plane, transport, &item)
        elif kind == RTCP_ITEM_NACK:
            budget = _nack(plane, transport, &item, budget)
        elif kind == RTCP_ITEM_PLI or kind == RTCP_ITEM_FIR:
            _keyframe_request(plane, transport, &item)
        elif kind == RTCP_ITEM_TWCC:
            _transport_feedback(plane, transport, &item)
        elif kind == RTCP_ITEM_BYE:
            stream = admission_media(transport, item.sender_ssrc)
            if stream != NULL:
                event_stream(plane, EVENT_BYE, stream)
