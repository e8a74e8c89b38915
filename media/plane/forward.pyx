# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""What one route gets: every packet rewritten, padded where the burst wants it, protected; and again when asked for.

Touches the plane's own state only; raises nothing, allocates nothing.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from media.plane.backlog cimport backlog_add, backlog_begin, backlog_passes
from media.plane.batch cimport TAG_BYTES, UDP_IP_BYTES, batch_commit, batch_room
from media.plane.burst cimport burst_slot
from media.plane.codec cimport CODEC_OPUS, CODEC_VP8
from media.plane.estimate cimport estimate_repair
from media.plane.flexfec cimport flexfec_add, flexfec_covers
from media.plane.model cimport (
    DROP_PROTECT, DROP_RESEND_GONE, DROP_RESEND_RATE, DROP_ROUTE_BEFORE_START, DROP_ROUTE_CODEC, NO_PAYLOAD_TYPE,
    RECENT_RESENDS, SLOT_CAPTURE_TIME, SLOT_LEVEL, SLOT_ROTATION, Publication, Track, Transport, drop,
)
from media.plane.pacer cimport pacer_spend
from media.plane.parity cimport parity_send
from media.plane.ratelimit cimport bucket_take
from media.plane.redundancy cimport RedBlocks, redundancy_add, redundancy_begin, redundancy_write
from media.plane.rewrite cimport (
    REWRITE_JUMP, rewrite_empties, rewrite_find, rewrite_find_empty, rewrite_find_timestamp, rewrite_find_vp8,
    rewrite_leaves_out, rewrite_packet, rewrite_switch, rewrite_thins, rewrite_vp8,
)
from media.plane.rtp cimport (
    EXTENSION_CAPTURE_TIME, EXTENSION_LEVEL, EXTENSION_PLAYOUT, EXTENSION_ROTATION, EXTENSION_TWCC, write16, write32,
)
from media.plane.srtp cimport SRTP_OK, srtp_protect
from media.plane.twcc cimport twcc_sent

cdef enum:
    PLAYOUT_MOST = 0xFFF        # the viewer may wait longer, if it must
    WIDE_AT = 17                # where the transport-wide number stands in what we send
    HEADER_BYTES = 24 + TAG_BYTES + UDP_IP_BYTES    # beside the payload, for the record of what was sent
    PACKET_ROOM = 1600          # header, extensions, payload, padding, tag
    SRTP_WINDOW = 512           # SEND_WINDOW_PACKETS of srtp.pyx: libsrtp does not protect numbers older than this
    # The same packet is not resent more often, whatever is asked: neither while the first answer is on its way.
    RESEND_PAUSE_NS = 20000000
    RESEND_PAUSE_MOST_NS = 1000000000
    LEAVES_IT = 0
    TAKES = 1
    TAKES_ANEW = 2              # the route begins a new stretch of its numbers


cdef inline int _write_extension(Transport *transport, const PacketSlot *slot, uint8_t *out, int twcc,
                                 int playout) noexcept nogil:
    """Write the RFC 8285 one-byte-header block for this viewer; return its bytes, 0 when there is nothing to say."""
    cdef uint8_t *at = out + 4
    cdef int length
    if twcc >= 0:
        at[0] = (transport.extension_ids[EXTENSION_TWCC] << 4) | 1
        write16(at + 1, <uint16_t>twcc)
        at += 3
    if slot.extensions:
        if slot.extensions & SLOT_LEVEL and transport.extension_ids[EXTENSION_LEVEL]:
            at[0] = transport.extension_ids[EXTENSION_LEVEL] << 4
            at[1] = slot.level
            at += 2
        if slot.extensions & SLOT_ROTATION and transport.extension_ids[EXTENSION_ROTATION]:
            at[0] = transport.extension_ids[EXTENSION_ROTATION] << 4
            at[1] = slot.rotation
            at += 2
        if slot.extensions & SLOT_CAPTURE_TIME and transport.extension_ids[EXTENSION_CAPTURE_TIME]:
            at[0] = (transport.extension_ids[EXTENSION_CAPTURE_TIME] << 4) | 7
            memcpy(at + 1, slot.capture_time, 8)
            at += 9
    if playout >= 0 and transport.extension_ids[EXTENSION_PLAYOUT]:
        at[0] = (transport.extension_ids[EXTENSION_PLAYOUT] << 4) | 2
        at[1] = <uint8_t>(playout >> 4)
        write16(at + 2, <uint16_t>(playout << 12 | PLAYOUT_MOST))
        at += 4
    length = <int>(at - out) - 4
    if length == 0:
        return 0
    while length & 3:
        at[0] = 0
        at += 1
        length += 1
    write16(out, 0xBEDE)
    write16(out + 2, length >> 2)
    return length + 4


cdef inline int _takes(Route *route, Stream *stream, const PacketSlot *slot) noexcept nogil:
    """Whether the route is fed by this packet's input, after letting it turn to it where that is possible.

    It never switches to what still waits of a publication that has been replaced.
    """
    if route.key == slot.key:
        return LEAVES_IT if route.paused else TAKES
    if route.paused or stream.layer != route.layer or (route.track.is_video and not slot.starts_keyframe):
        return LEAVES_IT
    if stream.publication != route.track.publication:
        return LEAVES_IT
    route.key = slot.key
    route.input = stream
    return TAKES_ANEW


cdef inline int _write_header(PlaneState *plane, const Route *route, const PacketSlot *slot, uint8_t *out,
                              uint8_t number, uint16_t sequence, uint32_t timestamp, uint32_t ssrc,
                              int payload_bytes) noexcept nogil:
    """Write RTP header and extension; return their bytes."""
    cdef Transport *transport = route.transport
    cdef int twcc = -1
    cdef int extension
    if transport.sends != NULL:
        twcc = twcc_sent(transport.sends, plane.now_ns, payload_bytes + HEADER_BYTES)
    extension = _write_extension(transport, slot, out + 12, twcc, route.playout)
    out[0] = 0x90 if extension else 0x80
    out[1] = (slot.marker << 7) | number
    write16(out + 2, sequence)
    write32(out + 4, timestamp)
    write32(out + 8, ssrc)
    return 12 + extension


cdef inline void _finish(PlaneState *plane, Route *route, uint8_t *out, int length) noexcept nogil:
    cdef Transport *transport = route.transport
    if transport.srtp_sender != NULL and srtp_protect(transport.srtp_sender, out, &length) != SRTP_OK:
        drop(plane, transport, DROP_PROTECT)
        route.drops += 1
        return
    if transport.paced:
        pacer_spend(transport.pacer, length + UDP_IP_BYTES)
    batch_commit(plane, transport, out, length)


cdef inline void _leave(PlaneState *plane, Route *route, uint8_t *out, int length) noexcept nogil:
    """Send a packet for the first time, and what makes up for its loss."""
    cdef int parities = 0
    if route.fec != NULL and route.fec.percent:
        parities = flexfec_add(route.fec, out, length, WIDE_AT if route.transport.sends != NULL else 0, plane.now_ns)
    _finish(plane, route, out, length)
    if parities:
        parity_send(plane, route, parities)


cdef void _gather(const Route *route, const PacketSlot *slot, RedBlocks *blocks) noexcept nogil:
    """Find the sounds before this one, as far as they are there. Those from before the route's stretch are not its."""
    cdef const Stream *stream = route.input
    cdef const PacketSlot *former
    cdef int64_t ext = slot.ext - route.redundancy.depth
    redundancy_begin(blocks, slot.payload_length)
    if ext < route.rewrite.first_in_ext:
        ext = route.rewrite.first_in_ext
    while stream != NULL and ext < slot.ext:
        former = &stream.cache[ext & stream.cache_mask]
        if former.key == slot.key and former.ext == ext and former.codec == slot.codec:
            redundancy_add(blocks, former.payload, former.payload_length, slot.timestamp - former.timestamp)
        ext += 1


cdef void _send_redundant(PlaneState *plane, Route *route, const PacketSlot *slot, uint8_t *out, uint16_t sequence,
                          uint32_t timestamp) noexcept nogil:
    """Send a sound with those before it."""
    cdef RedBlocks blocks
    cdef int length
    _gather(route, slot, &blocks)
    length = _write_header(plane, route, slot, out, route.redundancy.payload_type, sequence, timestamp,
                           route.ssrc, slot.payload_length + blocks.size_bytes)
    length += redundancy_write(&blocks, route.payload_types[slot.codec], out + length)
    memcpy(out + length, slot.payload, slot.payload_length)
    _finish(plane, route, out, length + slot.payload_length)


cdef inline void _send(PlaneState *plane, Route *route, const PacketSlot *slot, uint16_t sequence,
                       uint32_t timestamp, int padding) noexcept nogil:
    cdef uint8_t *out = batch_room(plane, route.transport, PACKET_ROOM)
    cdef int length
    if route.redundancy.depth and slot.codec == CODEC_OPUS:
        _send_redundant(plane, route, slot, out, sequence, timestamp)
        return
    length = _write_header(plane, route, slot, out, route.payload_types[slot.codec], sequence, timestamp,
                           route.ssrc, slot.payload_length)
    if slot.temporal and rewrite_empties(&route.rewrite, slot.temporal):
        _leave(plane, route, out, length)
        return
    memcpy(out + length, slot.payload, slot.payload_length)
    if slot.codec == CODEC_VP8:
        rewrite_vp8(&route.rewrite, out + length, slot.payload_length)
    length += slot.payload_length
    if padding:
        out[0] |= 0x20
        memset(out + length, 0, padding - 1)
        length += padding
        out[length - 1] = padding
    _leave(plane, route, out, length)


cdef void _resend(PlaneState *plane, Route *route, const PacketSlot *slot, uint16_t sequence, uint32_t timestamp,
                  bint as_rtx) noexcept nogil:
    """Send again what went out as `sequence`: as RTX (RFC 4588 section 4) or under its own SSRC."""
    cdef uint8_t *out = batch_room(plane, route.transport, PACKET_ROOM)
    cdef int length
    if as_rtx:
        length = _write_header(plane, route, slot, out, route.rtx_payload_types[slot.codec],
                               route.rtx_sequence, timestamp, route.rtx_ssrc, slot.payload_length)
        route.rtx_sequence += 1
        write16(out + length, sequence)
        length += 2
    else:
        length = _write_header(plane, route, slot, out, route.payload_types[slot.codec], sequence,
                               timestamp, route.ssrc, slot.payload_length)
    if slot.temporal and rewrite_find_empty(&route.rewrite, sequence, slot.temporal):
        _finish(plane, route, out, length)
        return
    memcpy(out + length, slot.payload, slot.payload_length)
    if slot.codec == CODEC_VP8:
        rewrite_find_vp8(&route.rewrite, sequence, out + length, slot.payload_length)
    _finish(plane, route, out, length + slot.payload_length)


cdef inline void _forward(PlaneState *plane, Route *route, const PacketSlot *slot, int padding,
                          bint begins) noexcept nogil:
    """Number, protect and send a packet that the route takes."""
    cdef uint16_t sequence
    cdef uint32_t timestamp
    cdef int result
    if begins:
        rewrite_switch(&route.rewrite, slot.key, slot.ext, slot.timestamp, slot.arrival_ns)
    if route.payload_types[slot.codec] == NO_PAYLOAD_TYPE:
        drop(plane, route.transport, DROP_ROUTE_CODEC)
        route.drops += 1
        return
    if rewrite_thins(&route.rewrite, slot.temporal) and rewrite_leaves_out(
        &route.rewrite, slot.key, slot.ext, slot.timestamp, slot.temporal, slot.opens, slot.starts_keyframe
    ):
        return
    result = rewrite_packet(
        &route.rewrite, slot.key, slot.ext, slot.timestamp, slot.arrival_ns, &sequence, &timestamp
    )
    if result == REWRITE_JUMP:
        rewrite_switch(&route.rewrite, slot.key, slot.ext, slot.timestamp, slot.arrival_ns)
        result = rewrite_packet(
            &route.rewrite, slot.key, slot.ext, slot.timestamp, slot.arrival_ns, &sequence, &timestamp
        )
    if result < 0:
        drop(plane, route.transport, DROP_ROUTE_BEFORE_START)
        route.drops += 1
        return
    route.packets += 1
    route.octets += slot.payload_length
    _send(plane, route, slot, sequence, timestamp, padding)


cdef void forward_served(PlaneState *plane, Route *route, Stream *stream) noexcept nogil:
    """Send the packets that the stream serves to one route; nothing before the route's transport is ready."""
    cdef uint32_t index
    cdef int takes
    if not route.transport.ready:
        return
    if route.transport.paced and route.track.is_video and not backlog_passes(plane, route, stream):
        _let_wait(plane, route, stream)
        return
    for index in range(<uint32_t>stream.serving_count):
        takes = _takes(route, stream, burst_slot(stream, index))
        if takes:
            _forward(plane, route, burst_slot(stream, index), stream.padding[index], takes == TAKES_ANEW)


cdef void _let_wait(PlaneState *plane, Route *route, Stream *stream) noexcept nogil:
    """Put what the stream serves behind what waits for the transport, and send what finds room."""
    cdef uint32_t index
    cdef int takes
    for index in range(<uint32_t>stream.serving_count):
        takes = _takes(route, stream, burst_slot(stream, index))
        if takes:
            backlog_add(
                plane, route, stream, burst_slot(stream, index), stream.padding[index], takes == TAKES_ANEW
            )
    backlog_begin(plane, route.transport)


cdef void forward_waited(PlaneState *plane, Route *route, const PacketSlot *slot, uint8_t padding,
                         bint begins) noexcept nogil:
    """Send a packet that has waited for room in the link."""
    _forward(plane, route, slot, padding, begins)


cdef inline int64_t _resend_pause_ns(const Route *route) noexcept nogil:
    """Return most of a round trip: a viewer that asks again after one has missed the answer.

    Viewers that are told no round trip ask ten times a second, and on a full link all but one of the answers are waste
    that keeps it full.
    """
    cdef int64_t pause_ns = route.rtt_ns // 4 * 3
    if pause_ns < RESEND_PAUSE_NS:
        return RESEND_PAUSE_NS
    return pause_ns if pause_ns < RESEND_PAUSE_MOST_NS else RESEND_PAUSE_MOST_NS


cdef PacketSlot *_held_by(Publication *publication, uint64_t key, int64_t ext) noexcept nogil:
    cdef Stream *stream
    cdef PacketSlot *slot
    cdef int layer
    for layer in range(publication.layer_count):
        stream = publication.streams[layer]
        slot = &stream.cache[ext & stream.cache_mask]
        if slot.key == key and slot.ext == ext:
            return slot
    return NULL


cdef PacketSlot *_held(Track *track, uint64_t key, int64_t ext) noexcept nogil:
    """Find a packet in the caches of whatever feeds the track or fed it before; NULL: gone."""
    cdef Publication *publication = track.publications
    cdef PacketSlot *slot = NULL
    if track.upstream != NULL:
        slot = _held_by(&track.upstream.far_publication, key, ext)
    while slot == NULL and publication != NULL:
        slot = _held_by(publication, key, ext)
        publication = publication.next_in_track
    return slot


cdef void forward_again(PlaneState *plane, Route *route, uint16_t sequence) noexcept nogil:
    """Answer a viewer's NACK from the cache, also for what was sent before another layer or publisher fed the route.

    Not the latter on a link that was full: there layers change because it has no room, and the answer would need more.
    As RTX where it was negotiated; with the same SSRC only where the nonce rule allows it (AES-CM, no encryption).
    """
    cdef Transport *transport = route.transport
    cdef uint64_t key
    cdef int64_t ext
    cdef PacketSlot *slot
    cdef uint32_t timestamp
    cdef int place = sequence % RECENT_RESENDS
    if not transport.ready or route.paused:
        return
    if route.resent[place] == sequence and plane.now_ns - route.resent_ns[place] < _resend_pause_ns(route):
        return
    # Before the search, so that asking for what is gone is bounded as well.
    if not bucket_take(&route.resend_bucket, plane.now_ns):
        drop(plane, transport, DROP_RESEND_RATE)
        return
    if route.fec != NULL and route.fec.percent and flexfec_covers(route.fec, sequence):
        return
    slot = NULL
    if rewrite_find(&route.rewrite, sequence, &key, &ext) == 0:
        if key != route.key and route.key and transport.estimate != NULL and transport.estimate.was_full:
            return                  # a keyframe of another layer has made it needless
        slot = _held(route.track, key, ext)
    if slot == NULL:
        drop(plane, transport, DROP_RESEND_GONE)
        return
    if transport.estimate != NULL and not estimate_repair(
        transport.estimate, slot.payload_length + HEADER_BYTES, plane.now_ns
    ):
        drop(plane, transport, DROP_RESEND_RATE)
        return
    if rewrite_find_timestamp(&route.rewrite, sequence, slot.timestamp, &timestamp) < 0:
        return
    if route.rtx_ssrc and route.rtx_payload_types[slot.codec]:
        _resend(plane, route, slot, sequence, timestamp, True)
    elif not transport.same_ssrc_resend:
        return
    elif <uint16_t>(<uint16_t>route.rewrite.last_out_ext - sequence) >= SRTP_WINDOW:
        drop(plane, transport, DROP_RESEND_GONE)
        return
    else:
        _resend(plane, route, slot, sequence, timestamp, False)
    route.resent[place] = sequence
    route.resent_ns[place] = plane.now_ns
    route.resends += 1
