# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Inbound RTP: unprotect, find the stream, check, keep in the cache, hand to taps and routes.

The order bounds what a hostile peer can make us do: the clear header is checked and the number of SSRCs bounded before
libsrtp allocates anything for a new one, and nothing of ours changes before authentication has succeeded.
Binding an SSRC follows RFC 9143 section 9.2 and RFC 8852: MID and RID first, then the SSRCs declared in the
description, then a payload type that only one publication has; but the last not where lines come and go, because what
is still sent on a line that has been withdrawn would become another line's.
"""

from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from media.plane.admission cimport (
    admission_admits, admission_bind_media, admission_bind_repair, admission_media, admission_note, admission_repair,
)
from media.plane.codec cimport (
    CODEC_VP8, Vp8Descriptor, codec_picture_size, codec_starts_keyframe, codec_temporal, codec_vp8_descriptor,
)
from media.plane.event cimport EVENT_STREAM_BOUND, event_stream
from media.plane.burst cimport burst_add, burst_make_room, burst_send
from media.plane.keyframe cimport keyframe_seen, keyframe_want
from media.plane.model cimport (
    DROP_DUPLICATE, DROP_NOT_PUBLISHED, DROP_PAYLOAD_TYPE, DROP_PROBATION, DROP_REPLACED, DROP_RTP_MALFORMED,
    DROP_TOO_LARGE, DROP_TOO_OLD, PAYLOAD_CAPACITY, SLOT_CAPTURE_TIME, SLOT_LEVEL, SLOT_ROTATION,
    PacketSlot, PayloadType, Publication, Stream, drop, fresh_key, tick_by,
)
from media.plane.receive cimport (
    RECEIVE_DUPLICATE, RECEIVE_LATE, RECEIVE_PROBATION, RECEIVE_RESTART, RECEIVE_TOO_OLD, receive_init,
    receive_lacks, receive_nack_timer, receive_packet, receive_recovered,
)
from media.plane.redundancy cimport RedFound, redundancy_read
from media.plane.rtp cimport (
    EXTENSION_CAPTURE_TIME, EXTENSION_LEVEL, EXTENSION_MID, EXTENSION_REPAIRED_RID, EXTENSION_RID,
    EXTENSION_ROTATION, EXTENSION_SEND_TIME, EXTENSION_TWCC, RTP_OK, RtpExtensions, RtpHeader, read16, read24,
    rtp_extensions, rtp_parse,
)
from media.plane.rungs cimport Rung
from media.plane.senderclock cimport streamclock_init, streamclock_packet
from media.plane.srtp cimport srtp_open, srtp_unprotect
from media.plane.tap cimport tap_packet
from media.plane.twcc cimport twcc_record
from media.plane.uplink cimport uplink_packet

cdef enum:
    LEVEL_SHIFT = 3             # smoothing of the audio level: 1/8 of the difference a packet


cdef inline PayloadType *_payload_type(Publication *publication, int number) noexcept nogil:
    cdef int index
    for index in range(publication.payload_type_count):
        if publication.payload_types[index].number == number:
            return &publication.payload_types[index]
    return NULL


cdef inline bint _same(const uint8_t *left, int left_length, const uint8_t *right, int right_length) noexcept nogil:
    return left_length == right_length and memcmp(left, right, left_length) == 0


cdef int _layer_of(Publication *publication, uint32_t ssrc, RtpExtensions *found, bint is_rtx) noexcept nogil:
    """Return which layer of the publication an SSRC is, or -1."""
    cdef int kind = EXTENSION_REPAIRED_RID if is_rtx else EXTENSION_RID
    cdef int layer, index
    if publication.rid_lengths[0]:
        if found.values[kind] == NULL:
            return -1
        for layer in range(publication.layer_count):
            if _same(publication.rids[layer], publication.rid_lengths[layer], found.values[kind], found.lengths[kind]):
                return layer
        return -1
    for index in range(publication.declared_count):
        if ssrc == (publication.declared_rtx_ssrcs[index] if is_rtx else publication.declared_ssrcs[index]):
            return index if index < publication.layer_count else -1
    # A lone stream may come under another SSRC than declared (Dahua cameras send 0), or under an undeclared one.
    return 0 if publication.layer_count == 1 else -1


cdef Publication *_declared(Transport *transport, uint32_t ssrc) noexcept nogil:
    cdef Publication *publication = transport.publications
    cdef int index
    while publication != NULL:
        for index in range(publication.declared_count):
            if ssrc == publication.declared_ssrcs[index] or ssrc == publication.declared_rtx_ssrcs[index]:
                return publication
        publication = publication.next
    return NULL


cdef Publication *_publication_of(Transport *transport, const RtpHeader *header, RtpExtensions *found) noexcept nogil:
    cdef Publication *publication = transport.publications
    cdef Publication *match = NULL
    if found.values[EXTENSION_MID] != NULL:
        while publication != NULL:
            if _same(publication.mid, publication.mid_length, found.values[EXTENSION_MID],
                     found.lengths[EXTENSION_MID]):
                return publication
            publication = publication.next
        return NULL
    match = _declared(transport, header.ssrc)
    if match != NULL or transport.declared_only:
        return match
    while publication != NULL:
        if _payload_type(publication, header.payload_type) != NULL:
            if match != NULL:
                return NULL
            match = publication
        publication = publication.next
    return match


cdef void _restart(PlaneState *plane, Stream *stream, uint32_t clock_rate) noexcept nogil:
    """A new input begins in this stream: nothing of the old one may be mistaken for it."""
    stream.key = fresh_key(plane)
    receive_init(&stream.receive, clock_rate)
    stream.receive.nack_enabled = stream.publication.nack
    streamclock_init(&stream.clock, clock_rate)


cdef void _new_clock(Stream *stream, uint32_t clock_rate) noexcept nogil:
    """The sender goes on under the same SSRC with a codec whose timestamps count otherwise."""
    stream.receive.clock_rate = clock_rate
    stream.receive.transit_known = 0
    streamclock_init(&stream.clock, clock_rate)


cdef Stream *_bind(PlaneState *plane, Transport *transport, const RtpHeader *header,
                   RtpExtensions *found) noexcept nogil:
    """Bind a new SSRC to the stream it feeds; NULL when no publication takes it."""
    cdef Publication *publication = _publication_of(transport, header, found)
    cdef PayloadType *payload_type
    cdef Stream *stream
    cdef int layer
    if publication == NULL:
        return NULL
    payload_type = _payload_type(publication, header.payload_type)
    if payload_type == NULL:
        return NULL
    layer = _layer_of(publication, header.ssrc, found, payload_type.rtx_for != 0)
    if layer < 0:
        return NULL
    stream = publication.streams[layer]
    if payload_type.rtx_for:
        admission_bind_repair(plane, stream, header.ssrc)
        return stream
    admission_bind_media(plane, stream, header.ssrc)
    stream.bound = 1
    stream.codec = payload_type.codec
    _restart(plane, stream, payload_type.clock_rate)
    event_stream(plane, EVENT_STREAM_BOUND, stream)
    if stream.track.routes != NULL or stream.track.mirrors != NULL:
        keyframe_want(plane, stream.track, stream.layer)
    return stream


cdef void publish_packet(PlaneState *plane, Transport *transport, uint8_t *packet, int length) noexcept nogil:
    """Take one RTP or SRTP datagram from a known address; `packet` is changed in place."""
    cdef RtpHeader header
    cdef RtpExtensions found
    cdef Stream *stream
    cdef bint is_rtx = False
    cdef int size_bytes = length
    if transport.publications == NULL:
        drop(plane, transport, DROP_NOT_PUBLISHED)
        return
    if rtp_parse(packet, length, True, &header) != RTP_OK:
        drop(plane, transport, DROP_RTP_MALFORMED)
        return
    stream = admission_media(transport, header.ssrc)
    if stream == NULL:
        stream = admission_repair(transport, header.ssrc)
        is_rtx = stream != NULL
        if stream == NULL and not admission_admits(plane, transport, header.ssrc):
            return
    if not srtp_open(plane, transport, srtp_unprotect, packet, &length):
        return
    # At once: libsrtp has a context for it now, whatever the packet turns out to be.
    if stream == NULL and not admission_note(plane, transport, header.ssrc):
        return
    if rtp_parse(packet, length, False, &header) != RTP_OK:
        drop(plane, transport, DROP_RTP_MALFORMED)
        return
    transport.last_heard_ns = plane.now_ns
    rtp_extensions(packet, &header, transport.extension_kinds, &found)
    if transport.arrivals != NULL and found.lengths[EXTENSION_TWCC] == 2:
        twcc_record(transport.arrivals, read16(found.values[EXTENSION_TWCC]), plane.now_ns)
    if stream == NULL:
        stream = _bind(plane, transport, &header, &found)
        if stream == NULL:
            drop(plane, transport, DROP_NOT_PUBLISHED)
            return
        is_rtx = not stream.bound or stream.ssrc != header.ssrc
    if transport.uplink != NULL and found.lengths[EXTENSION_SEND_TIME] == 3:
        uplink_packet(
            transport.uplink, read24(found.values[EXTENSION_SEND_TIME]), size_bytes, is_rtx, plane.now_ns
        )
    _take(plane, stream, packet, &header, &found, is_rtx)


cdef inline void _read_extensions(Stream *stream, PacketSlot *slot, RtpExtensions *found) noexcept nogil:
    cdef Publication *publication = stream.publication
    slot.extensions = 0
    if found.lengths[EXTENSION_LEVEL] >= 1:
        slot.extensions |= SLOT_LEVEL
        slot.level = found.values[EXTENSION_LEVEL][0]
        publication.level_dbov += (-(<int>slot.level & 0x7F) * 256 - publication.level_dbov) >> LEVEL_SHIFT
    if found.lengths[EXTENSION_ROTATION] >= 1:
        slot.extensions |= SLOT_ROTATION
        slot.rotation = found.values[EXTENSION_ROTATION][0]
    if found.lengths[EXTENSION_CAPTURE_TIME] >= 8:
        slot.extensions |= SLOT_CAPTURE_TIME
        memcpy(slot.capture_time, found.values[EXTENSION_CAPTURE_TIME], 8)


cdef inline int _restore_rtx(const uint8_t *packet, RtpHeader *header, PayloadType *payload_type) noexcept nogil:
    """Make the header that of the packet an RTX packet carries (RFC 4588 section 4); -1 for padding-only probes."""
    if header.payload_length < 2:
        return -1
    header.sequence = read16(packet + header.payload_at)
    header.payload_at += 2
    header.payload_length -= 2
    header.payload_type = payload_type.rtx_for
    return 0


cdef PayloadType *_format_of(PlaneState *plane, Stream *stream, const uint8_t *packet, RtpHeader *header,
                             bint is_rtx) noexcept nogil:
    """Give the format of the media in a packet, out of its RTX wrapping; NULL: not to be taken, counted if wrong."""
    cdef Transport *transport = stream.publication.transport
    cdef PayloadType *payload_type = _payload_type(stream.publication, header.payload_type)
    cdef Vp8Descriptor descriptor
    if payload_type == NULL or is_rtx != (payload_type.rtx_for != 0):
        drop(plane, transport, DROP_PAYLOAD_TYPE)
        return NULL
    if is_rtx:
        if not stream.bound or _restore_rtx(packet, header, payload_type) < 0:
            return NULL
        payload_type = _payload_type(stream.publication, header.payload_type)
        if payload_type == NULL or payload_type.rtx_for:
            drop(plane, transport, DROP_PAYLOAD_TYPE)
            return NULL
    if header.payload_length > PAYLOAD_CAPACITY:
        drop(plane, transport, DROP_TOO_LARGE)
        return NULL
    # Later its picture ids could not be rewritten, when its number has been given out already.
    if payload_type.codec == CODEC_VP8 and header.payload_length and codec_vp8_descriptor(
        packet + header.payload_at, header.payload_length, &descriptor
    ) != 0:
        drop(plane, transport, DROP_RTP_MALFORMED)
        return NULL
    return payload_type


cdef int _judge(PlaneState *plane, Stream *stream, const RtpHeader *header, bint is_rtx, int64_t *ext) noexcept nogil:
    """Number the packet; a ReceiveVerdict, counted from RECEIVE_DUPLICATE on: such a packet goes no further."""
    cdef Transport *transport = stream.publication.transport
    cdef int verdict
    if is_rtx:
        verdict = receive_recovered(&stream.receive, header.sequence, plane.now_ns, ext)
    else:
        verdict = receive_packet(&stream.receive, header.sequence, header.timestamp, plane.now_ns, ext)
    if verdict == RECEIVE_LATE and ext[0] + stream.cache_mask < stream.receive.highest_ext:
        verdict = RECEIVE_TOO_OLD   # its place in the cache belongs to a newer packet
    if verdict == RECEIVE_DUPLICATE:
        drop(plane, transport, DROP_DUPLICATE)
    elif verdict == RECEIVE_TOO_OLD:
        drop(plane, transport, DROP_TOO_OLD)
    elif verdict == RECEIVE_PROBATION:
        drop(plane, transport, DROP_PROBATION)
    elif is_rtx:
        stream.recovered += 1
    return verdict


cdef void _take(PlaneState *plane, Stream *stream, uint8_t *packet, RtpHeader *header, RtpExtensions *found,
                bint is_rtx) noexcept nogil:
    cdef PayloadType *payload_type
    if stream.track.publication != stream.publication:
        drop(plane, stream.publication.transport, DROP_REPLACED)
        return
    payload_type = _format_of(plane, stream, packet, header, is_rtx)
    if payload_type == NULL:
        return
    if payload_type.is_red:
        _take_redundant(plane, stream, packet, header, found)
    else:
        _store(plane, stream, packet, header, found, payload_type, is_rtx)


cdef void _take_redundant(PlaneState *plane, Stream *stream, uint8_t *packet, RtpHeader *header,
                          RtpExtensions *found) noexcept nogil:
    """Take a sound, and before it those it brings that have not come: the last one had the number before, and so on."""
    cdef RedFound red
    cdef RtpHeader former
    cdef RtpExtensions nothing
    cdef PayloadType *payload_type
    cdef int index
    if redundancy_read(packet + header.payload_at, header.payload_length, &red) < 0:
        drop(plane, stream.publication.transport, DROP_RTP_MALFORMED)
        return
    payload_type = _payload_type(stream.publication, red.number)
    if payload_type == NULL or payload_type.is_red or payload_type.rtx_for:
        drop(plane, stream.publication.transport, DROP_PAYLOAD_TYPE)
        return
    memset(&nothing, 0, sizeof(nothing))
    for index in range(red.count):
        former = header[0]
        former.sequence = <uint16_t>(header.sequence - (red.count - index))
        if red.blocks[index].length == 0 or not receive_lacks(&stream.receive, former.sequence):
            continue
        former.timestamp = header.timestamp - red.blocks[index].before
        former.marker = 0
        former.payload_at = <int>(red.blocks[index].payload - packet)
        former.payload_length = red.blocks[index].length
        _store(plane, stream, packet, &former, &nothing, payload_type, True)
    header.payload_at = <int>(red.newest - packet)
    header.payload_length = red.newest_length
    _store(plane, stream, packet, header, found, payload_type, False)


cdef void _store(PlaneState *plane, Stream *stream, uint8_t *packet, RtpHeader *header, RtpExtensions *found,
                 PayloadType *payload_type, bint is_rtx) noexcept nogil:
    """Keep a packet of the medium itself, out of every wrapping; `is_rtx`: it is a repair."""
    cdef PacketSlot *slot
    cdef int64_t ext
    cdef int verdict
    if payload_type.clock_rate != stream.receive.clock_rate:
        _new_clock(stream, payload_type.clock_rate)
    verdict = _judge(plane, stream, header, is_rtx, &ext)
    if verdict >= RECEIVE_DUPLICATE:
        return
    slot = &stream.cache[ext & stream.cache_mask]
    burst_make_room(plane, stream, slot)
    slot.ext = ext
    slot.arrival_ns = plane.now_ns
    slot.timestamp = header.timestamp
    slot.sequence = header.sequence
    slot.payload_length = header.payload_length
    slot.marker = header.marker
    slot.codec = payload_type.codec
    memcpy(slot.payload, packet + header.payload_at, header.payload_length)
    slot.starts_keyframe = codec_starts_keyframe(slot.codec, slot.payload, slot.payload_length)
    slot.temporal = codec_temporal(slot.codec, slot.payload, slot.payload_length, &slot.opens)
    _read_extensions(stream, slot, found)
    if not is_rtx:
        streamclock_packet(&stream.clock, header.timestamp, plane.now_ns)
    _accept(plane, stream, slot, verdict)


cdef void _accept(PlaneState *plane, Stream *stream, PacketSlot *slot, int verdict) noexcept nogil:
    """A checked packet lies in the stream's cache: count it, tap it, forward it."""
    cdef Rung *rung = &stream.rungs[slot.temporal]
    if stream.packets == 0 or (verdict != RECEIVE_LATE and slot.timestamp != stream.frame_timestamp):
        stream.frames += 1
        rung.frames += 1
        stream.frame_timestamp = slot.timestamp
    stream.packets += 1
    rung.packets += 1
    stream.octets += slot.payload_length
    rung.octets += slot.payload_length
    stream.last_packet_ns = plane.now_ns
    if verdict == RECEIVE_RESTART or slot.codec != stream.codec:
        # Whatever the routes were sent before has nothing to do with what follows.
        stream.key = fresh_key(plane)
        keyframe_want(plane, stream.track, stream.layer)
    if slot.codec != stream.codec:
        stream.codec = slot.codec
        event_stream(plane, EVENT_STREAM_BOUND, stream)
    slot.key = stream.key
    if slot.starts_keyframe:
        keyframe_seen(stream)
        codec_picture_size(slot.codec, slot.payload, slot.payload_length, &stream.width, &stream.height)
    stream.nack_due_ns = receive_nack_timer(&stream.receive)
    if stream.nack_due_ns >= 0:
        tick_by(plane, stream.nack_due_ns)
    tap_packet(plane, stream, slot)
    burst_add(plane, stream, slot)
    if verdict == RECEIVE_LATE:
        burst_send(plane, stream)
