# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, freethreading_compatible=False
"""Read RTP payload formats packet by packet: where keyframes start, how large the picture is, VP8's descriptor.

The relay switches streams only where a decoder can begin, without decoding or reassembling. RFC 6184 (H.264), RFC 7798
(H.265), RFC 7741 (VP8), RFC 9628 (VP9), AV1 RTP specification 1.0. No state; never a read outside the payload; a
payload that lies about its structure is simply not a keyframe.
"""

from media.plane.bitstream cimport (
    bitstream_av1_sequence_header,
    bitstream_h264_sps,
    bitstream_h265_sps,
    bitstream_vp8_frame,
    bitstream_vp9_frame,
)

cdef enum:
    H264_IDR = 5
    H264_SPS = 7
    H264_STAP_A = 24
    H264_FU_A = 28
    H265_FIRST_IRAP = 16
    H265_LAST_IRAP = 23
    H265_VPS = 32
    H265_SPS = 33
    H265_AP = 48
    H265_FU = 49
    AV1_SEQUENCE_HEADER = 1

ctypedef struct NalCursor:
    const uint8_t *payload
    int length
    int at
    int kind              # type of the unit found
    const uint8_t *body   # after its header
    int body_length


cdef bint _next_in_packet(NalCursor *c, int header_bytes) noexcept nogil:
    """Step to the next unit of an aggregation packet; `kind` is its first header byte."""
    cdef int size
    if c.at + 2 > c.length:
        return False
    size = c.payload[c.at] << 8 | c.payload[c.at + 1]
    c.at += 2
    if size < header_bytes or size > c.length - c.at:
        return False
    c.kind = c.payload[c.at]
    c.body = c.payload + c.at + header_bytes
    c.body_length = size - header_bytes
    c.at += size
    return True


cdef bint _next_h264(NalCursor *c) noexcept nogil:
    """Step to the next NAL unit that begins in this packet (RFC 6184 section 5.2)."""
    cdef int packet_kind
    if c.length < 1:
        return False
    packet_kind = c.payload[0] & 0x1f
    if packet_kind == H264_STAP_A:
        if c.at == 0:
            c.at = 1
        if not _next_in_packet(c, 1):
            return False
        c.kind &= 0x1f
        return True
    if c.at:
        return False
    c.at = c.length
    if packet_kind == H264_FU_A:
        if c.length < 2 or not c.payload[1] & 0x80:
            return False
        c.kind = c.payload[1] & 0x1f
        c.body = c.payload + 2
        c.body_length = c.length - 2
        return True
    c.kind = packet_kind
    c.body = c.payload + 1
    c.body_length = c.length - 1
    return packet_kind < H264_STAP_A


cdef bint _next_h265(NalCursor *c) noexcept nogil:
    """Step to the next NAL unit that begins in this packet (RFC 7798 section 4.4, no DONL fields)."""
    cdef int packet_kind
    if c.length < 2:
        return False
    packet_kind = (c.payload[0] >> 1) & 0x3f
    if packet_kind == H265_AP:
        if c.at == 0:
            c.at = 2
        if not _next_in_packet(c, 2):
            return False
        c.kind = (c.kind >> 1) & 0x3f
        return True
    if c.at:
        return False
    c.at = c.length
    if packet_kind == H265_FU:
        if c.length < 3 or not c.payload[2] & 0x80:
            return False
        c.kind = c.payload[2] & 0x3f
        c.body = c.payload + 3
        c.body_length = c.length - 3
        return True
    c.kind = packet_kind
    c.body = c.payload + 2
    c.body_length = c.length - 2
    return packet_kind < H265_AP


cdef inline bint _is_first_slice(const NalCursor *c) noexcept nogil:
    # H.264 first_mb_in_slice ue(v) = 0 and H.265 first_slice_segment_in_pic_flag are both a leading one.
    return c.body_length > 0 and c.body[0] & 0x80


cdef int _h264_starts_keyframe(const uint8_t *payload, int length) noexcept nogil:
    cdef NalCursor c = NalCursor(payload, length, 0, 0, NULL, 0)
    while _next_h264(&c):
        if c.kind == H264_SPS or (c.kind == H264_IDR and _is_first_slice(&c)):
            return 1
    return 0


cdef int _h265_starts_keyframe(const uint8_t *payload, int length) noexcept nogil:
    cdef NalCursor c = NalCursor(payload, length, 0, 0, NULL, 0)
    while _next_h265(&c):
        if c.kind == H265_VPS or c.kind == H265_SPS:
            return 1
        if H265_FIRST_IRAP <= c.kind <= H265_LAST_IRAP and _is_first_slice(&c):
            return 1
    return 0


cdef int codec_vp8_descriptor(const uint8_t *payload, int length, Vp8Descriptor *out) noexcept nogil:
    """Read the payload descriptor (RFC 7741 section 4.2); a frame's bytes may or may not follow."""
    cdef int at = 1
    cdef uint8_t extension = 0
    out.picture_id = out.tl0_picture_index = out.temporal_id = out.key_index = -1
    out.picture_id_at = out.picture_id_bits = out.tl0_at = 0
    out.header_bytes = out.partition = 0
    out.starts_partition = out.non_reference = out.layer_sync = 0
    if length < 1:
        return -1
    if payload[0] & 0x80:
        if length < 2:
            return -1
        extension = payload[1]
        at = 2
    if extension & 0x80:
        if at >= length or (payload[at] & 0x80 and at + 1 >= length):
            return -1
        out.picture_id_at = at
        if payload[at] & 0x80:
            out.picture_id_bits = 15
            out.picture_id = (payload[at] & 0x7f) << 8 | payload[at + 1]
            at += 2
        else:
            out.picture_id_bits = 7
            out.picture_id = payload[at]
            at += 1
    if extension & 0x40:
        if at >= length:
            return -1
        out.tl0_at = at
        out.tl0_picture_index = payload[at]
        at += 1
    if extension & 0x30:
        if at >= length:
            return -1
        if extension & 0x20:
            out.temporal_id = payload[at] >> 6
            out.layer_sync = (payload[at] >> 5) & 1
        if extension & 0x10:
            out.key_index = payload[at] & 0x1f
        at += 1
    out.header_bytes = at
    out.partition = payload[0] & 0x07
    out.starts_partition = (payload[0] >> 4) & 1
    out.non_reference = (payload[0] >> 5) & 1
    return 0


cdef int codec_temporal(int codec, const uint8_t *payload, int length, uint8_t *opens) noexcept nogil:
    """Return the temporal id, 0 where the codec or the sender tells none.

    `opens`: this packet begins a picture of an upper id that needs only pictures of the lowest (VP8's Y bit).
    """
    cdef Vp8Descriptor d
    opens[0] = 0
    if codec != CODEC_VP8 or codec_vp8_descriptor(payload, length, &d) != 0 or d.temporal_id < 0:
        return 0
    opens[0] = d.layer_sync and d.starts_partition and d.partition == 0
    return d.temporal_id


cdef int _vp8_keyframe_at(const uint8_t *payload, int length) noexcept nogil:
    """Return where a keyframe's first byte is, or 0."""
    cdef Vp8Descriptor d
    if codec_vp8_descriptor(payload, length, &d) != 0 or not d.starts_partition or d.partition:
        return 0
    if d.header_bytes >= length or payload[d.header_bytes] & 1:
        return 0
    return d.header_bytes


cdef int _vp9_starts_keyframe(const uint8_t *payload, int length) noexcept nogil:
    """RFC 9628 section 4.2: first packet of a frame without inter-picture prediction, lowest spatial layer."""
    cdef int layer_at = 1
    if length < 2 or payload[0] & 0x40 or not payload[0] & 0x08:
        return 0
    if not payload[0] & 0x20:
        return 1
    if payload[0] & 0x80:
        layer_at = 3 if payload[1] & 0x80 else 2
    return layer_at < length and not (payload[layer_at] >> 1) & 0x07


cdef int _vp9_layers_size(const uint8_t *payload, int length, int at, int *width, int *height,
                          int *next_at) noexcept nogil:
    """Read a scalability structure; return whether it named the largest layer's size. `next_at` is -1 if cut short."""
    cdef int layers, count, last, full_width, full_height, i
    cdef uint8_t flags
    cdef int known = 0
    next_at[0] = -1
    if at >= length:
        return 0
    flags = payload[at]
    layers = (flags >> 5) + 1
    at += 1
    if flags & 0x10:
        if length - at < 4 * layers:
            return 0
        last = at + 4 * (layers - 1)
        full_width = payload[last] << 8 | payload[last + 1]
        full_height = payload[last + 2] << 8 | payload[last + 3]
        at += 4 * layers
        if full_width and full_height:
            width[0] = full_width
            height[0] = full_height
            known = 1
    if flags & 0x08:
        if at >= length:
            return known
        count = payload[at]
        at += 1
        for i in range(count):
            if at >= length:
                return known
            at += 1 + ((payload[at] >> 2) & 0x03)
    next_at[0] = at
    return known


cdef int _vp9_picture_size(const uint8_t *payload, int length, int *width, int *height) noexcept nogil:
    cdef int at = 1
    if not _vp9_starts_keyframe(payload, length):
        return 0
    if payload[0] & 0x80:
        at += 2 if payload[1] & 0x80 else 1
    if payload[0] & 0x20:
        at += 1 if payload[0] & 0x10 else 2
    if payload[0] & 0x02 and _vp9_layers_size(payload, length, at, width, height, &at):
        return 1
    if at < 0 or at >= length:
        return 0
    return bitstream_vp9_frame(payload + at, length - at, width, height)


cdef int _leb128(const uint8_t *data, int length, int *at) noexcept nogil:
    """Read a size (AV1 4.10.5), or -1 when it is cut short or larger than any packet."""
    cdef int value = 0
    cdef int shift = 0
    while at[0] < length and shift < 21:
        value |= (data[at[0]] & 0x7f) << shift
        at[0] += 1
        if not data[at[0] - 1] & 0x80:
            return value
        shift += 7
    return -1


cdef int _av1_element_size(const uint8_t *payload, int length, int *width, int *height) noexcept nogil:
    """Read one OBU; 1 when it is a sequence header that tells the size."""
    cdef int at = 1
    cdef int size
    if length < 1 or (payload[0] >> 3) & 0x0f != AV1_SEQUENCE_HEADER:
        return 0
    if payload[0] & 0x04:
        at += 1
    size = length - at
    if payload[0] & 0x02:
        size = _leb128(payload, length, &at)
    if size < 1 or size > length - at:
        return 0
    return bitstream_av1_sequence_header(payload + at, size, width, height)


cdef inline bint _av1_starts_sequence(const uint8_t *payload, int length) noexcept nogil:
    # N set, Z (continues an OBU of the packet before) not set.
    return length > 1 and payload[0] & 0x88 == 0x08


cdef int _av1_picture_size(const uint8_t *payload, int length, int *width, int *height) noexcept nogil:
    cdef int elements
    cdef int at = 1
    cdef int number = 0
    cdef int size
    if not _av1_starts_sequence(payload, length):
        return 0
    elements = (payload[0] >> 4) & 0x03
    while at < length:
        number += 1
        if number == elements:
            size = length - at
        else:
            size = _leb128(payload, length, &at)
        if size < 0 or size > length - at:
            return 0
        if _av1_element_size(payload + at, size, width, height):
            return 1
        if number == elements:
            return 0
        at += size
    return 0


cdef int codec_starts_keyframe(int codec, const uint8_t *payload, int length) noexcept nogil:
    """Return 1 when this packet is the first of an independently decodable picture, else 0.

    H.264 and H.265 parameter sets count as the start, so that a route which begins there hands them on. Sound and
    unknown codecs can begin at every packet.
    """
    if length < 1:
        return 0
    if codec == CODEC_H264:
        return _h264_starts_keyframe(payload, length)
    if codec == CODEC_H265:
        return _h265_starts_keyframe(payload, length)
    if codec == CODEC_VP8:
        return _vp8_keyframe_at(payload, length) > 0
    if codec == CODEC_VP9:
        return _vp9_starts_keyframe(payload, length)
    if codec == CODEC_AV1:
        return _av1_starts_sequence(payload, length)
    return codec != CODEC_NONE


cdef int codec_picture_size(int codec, const uint8_t *payload, int length, int *width, int *height) noexcept nogil:
    """Return 1 and the size when this packet tells it, else 0 and leave both alone."""
    cdef NalCursor c = NalCursor(payload, length, 0, 0, NULL, 0)
    cdef int at
    if codec == CODEC_H264:
        while _next_h264(&c):
            if c.kind == H264_SPS and bitstream_h264_sps(c.body, c.body_length, width, height):
                return 1
    elif codec == CODEC_H265:
        while _next_h265(&c):
            if c.kind == H265_SPS and bitstream_h265_sps(c.body, c.body_length, width, height):
                return 1
    elif codec == CODEC_VP8:
        at = _vp8_keyframe_at(payload, length)
        if at > 0:
            return bitstream_vp8_frame(payload + at, length - at, width, height)
    elif codec == CODEC_VP9:
        return _vp9_picture_size(payload, length, width, height)
    elif codec == CODEC_AV1:
        return _av1_picture_size(payload, length, width, height)
    return 0


# View for tests, tools and fuzzers.

CODECS = ("NONE", "H264", "H265", "VP8", "VP9", "AV1", "OPUS", "G722", "PCMU", "PCMA", "OTHER")


def is_video(str codec):
    return bool(codec_is_video(CODECS.index(codec)))


def starts_keyframe(str codec, const unsigned char[::1] payload):
    cdef int length = <int>payload.shape[0]
    return bool(codec_starts_keyframe(CODECS.index(codec), &payload[0] if length else NULL, length))


def temporal(str codec, const unsigned char[::1] payload):
    """Return the temporal id, and whether the packet opens it."""
    cdef int length = <int>payload.shape[0]
    cdef uint8_t opens = 0
    found = codec_temporal(CODECS.index(codec), &payload[0] if length else NULL, length, &opens)
    return found, bool(opens)


def picture_size(str codec, const unsigned char[::1] payload):
    cdef int length = <int>payload.shape[0]
    cdef int width = 0
    cdef int height = 0
    if codec_picture_size(CODECS.index(codec), &payload[0] if length else NULL, length, &width, &height):
        return width, height
    return None


def vp8_descriptor(const unsigned char[::1] payload):
    """Return the descriptor's fields by name, or None when it does not fit."""
    cdef Vp8Descriptor d
    cdef int length = <int>payload.shape[0]
    if codec_vp8_descriptor(&payload[0] if length else NULL, length, &d) != 0:
        return None
    return {
        "header_bytes": d.header_bytes, "picture_id": d.picture_id, "picture_id_at": d.picture_id_at,
        "picture_id_bits": d.picture_id_bits, "tl0_picture_index": d.tl0_picture_index, "tl0_at": d.tl0_at,
        "temporal_id": d.temporal_id, "key_index": d.key_index, "partition": d.partition,
        "starts_partition": d.starts_partition, "non_reference": d.non_reference, "layer_sync": d.layer_sync,
    }
