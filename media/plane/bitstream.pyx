# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, freethreading_compatible=False
"""Read the picture size out of H.264, H.265, VP8, VP9 and AV1 headers.

Sizes are shown to people and drive layer choice; nothing is decoded. Every bit goes through one reader that stops at
the end of the buffer, so hostile input costs at most one pass over a packet and never a read outside it. No state.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef enum:
    MAX_SIDE = 32768          # above every level of every codec here
    MAX_POC_CYCLE = 255       # num_ref_frames_in_pic_order_cnt_cycle, H.264 7.4.2.1.1

ctypedef struct BitReader:
    const uint8_t *data
    int length
    int at                # next byte
    int zeros             # zero bytes just read
    int left              # unread bits of `current`
    uint8_t current
    bint escaped          # 00 00 03 stands for 00 00 (H.264 7.4.1)
    bint failed


cdef void _open(BitReader *b, const uint8_t *data, int length, bint escaped) noexcept nogil:
    b.data = data
    b.length = length
    b.at = 0
    b.zeros = 0
    b.left = 0
    b.current = 0
    b.escaped = escaped
    b.failed = False


cdef uint32_t _bit(BitReader *b) noexcept nogil:
    if b.left == 0:
        if b.escaped and b.zeros >= 2 and b.at < b.length and b.data[b.at] == 3:
            b.at += 1
            b.zeros = 0
        if b.at >= b.length:
            b.failed = True
            return 0
        b.current = b.data[b.at]
        b.at += 1
        b.zeros = b.zeros + 1 if b.current == 0 else 0
        b.left = 8
    b.left -= 1
    return (b.current >> b.left) & 1


cdef uint32_t _bits(BitReader *b, int count) noexcept nogil:
    """Read up to 32 bits, most significant first."""
    cdef uint32_t value = 0
    cdef int i
    for i in range(count):
        value = (value << 1) | _bit(b)
    return value


cdef void _skip(BitReader *b, int count) noexcept nogil:
    cdef int i
    for i in range(count):
        _bit(b)


cdef uint32_t _ue(BitReader *b) noexcept nogil:
    """Read an unsigned exponential-Golomb number (H.264 9.1); AV1's uvlc is the same."""
    cdef int zeros = 0
    while not b.failed and _bit(b) == 0:
        zeros += 1
        if zeros > 31:
            b.failed = True
    if b.failed:
        return 0
    return <uint32_t>(((<uint64_t>1) << zeros) - 1 + _bits(b, zeros))


cdef int64_t _se(BitReader *b) noexcept nogil:
    cdef int64_t code = _ue(b)
    return (code + 1) >> 1 if code & 1 else -(code >> 1)


cdef int _accept(const BitReader *b, int64_t width, int64_t height, int *out_width, int *out_height) noexcept nogil:
    if b.failed or width < 1 or height < 1 or width > MAX_SIDE or height > MAX_SIDE:
        return 0
    out_width[0] = <int>width
    out_height[0] = <int>height
    return 1


cdef void _skip_scaling_list(BitReader *b, int size) noexcept nogil:
    cdef int64_t last_scale = 8
    cdef int64_t next_scale = 8
    cdef int i
    for i in range(size):
        if next_scale != 0:
            next_scale = (last_scale + _se(b)) & 0xff
        if b.failed:
            return
        if next_scale != 0:
            last_scale = next_scale


cdef bint _has_chroma_format(uint32_t profile) noexcept nogil:
    return (profile == 100 or profile == 110 or profile == 122 or profile == 244 or profile == 44 or profile == 83
            or profile == 86 or profile == 118 or profile == 128 or profile == 138 or profile == 139
            or profile == 134 or profile == 135)


cdef uint32_t _h264_chroma_format(BitReader *b) noexcept nogil:
    """Read the high profiles' part of an SPS; return ChromaArrayType."""
    cdef uint32_t chroma = _ue(b)
    cdef uint32_t chroma_array = chroma
    cdef int i
    if chroma == 3 and _bit(b):
        chroma_array = 0
    _ue(b)
    _ue(b)
    _bit(b)
    if _bit(b):
        for i in range(12 if chroma == 3 else 8):
            if _bit(b):
                _skip_scaling_list(b, 16 if i < 6 else 64)
    return chroma_array


cdef void _h264_skip_order_count(BitReader *b) noexcept nogil:
    cdef uint32_t kind = _ue(b)
    cdef uint32_t cycle
    cdef uint32_t i
    if kind == 0:
        _ue(b)
    elif kind == 1:
        _bit(b)
        _se(b)
        _se(b)
        cycle = _ue(b)
        if cycle > MAX_POC_CYCLE:
            b.failed = True
            return
        for i in range(cycle):
            _se(b)


cdef int bitstream_h264_sps(const uint8_t *body, int length, int *width, int *height) noexcept nogil:
    """Read an H.264 sequence parameter set (7.3.2.1.1); `body` begins after the NAL unit header."""
    cdef BitReader b
    cdef uint32_t chroma = 1
    cdef uint32_t profile
    cdef int64_t full_width, map_units, frame_only, crop_x, crop_y
    cdef int64_t left = 0, right = 0, top = 0, bottom = 0
    _open(&b, body, length, True)
    profile = _bits(&b, 8)
    _skip(&b, 16)
    _ue(&b)
    if _has_chroma_format(profile):
        chroma = _h264_chroma_format(&b)
    _ue(&b)
    _h264_skip_order_count(&b)
    _ue(&b)
    _bit(&b)
    full_width = (<int64_t>_ue(&b) + 1) * 16
    map_units = <int64_t>_ue(&b) + 1
    frame_only = _bit(&b)
    if not frame_only:
        _bit(&b)
    _bit(&b)
    if _bit(&b):
        left = _ue(&b)
        right = _ue(&b)
        top = _ue(&b)
        bottom = _ue(&b)
    crop_x = 2 if chroma == 1 or chroma == 2 else 1
    crop_y = (2 if chroma == 1 else 1) * (2 - frame_only)
    return _accept(&b, full_width - crop_x * (left + right),
                   map_units * 16 * (2 - frame_only) - crop_y * (top + bottom), width, height)


cdef void _h265_skip_profile_tier_level(BitReader *b, int max_sub_layers_minus1) noexcept nogil:
    """Skip profile_tier_level (H.265 7.3.3)."""
    cdef uint32_t present
    cdef int i
    _skip(b, 96)
    if max_sub_layers_minus1 == 0:
        return
    # Two presence bits for each of eight sub-layers: the unused ones are reserved zeros.
    present = _bits(b, 16)
    for i in range(max_sub_layers_minus1):
        if present & (<uint32_t>1 << (15 - 2 * i)):
            _skip(b, 88)
        if present & (<uint32_t>1 << (14 - 2 * i)):
            _skip(b, 8)


cdef int bitstream_h265_sps(const uint8_t *body, int length, int *width, int *height) noexcept nogil:
    """Read an H.265 sequence parameter set (7.3.2.2.1); `body` begins after the two-byte NAL unit header."""
    cdef BitReader b
    cdef uint32_t chroma
    cdef int max_sub_layers_minus1
    cdef int64_t full_width, full_height, crop_x, crop_y
    cdef int64_t left = 0, right = 0, top = 0, bottom = 0
    _open(&b, body, length, True)
    _skip(&b, 4)
    max_sub_layers_minus1 = <int>_bits(&b, 3)
    _bit(&b)
    if max_sub_layers_minus1 > 6:
        return 0
    _h265_skip_profile_tier_level(&b, max_sub_layers_minus1)
    _ue(&b)
    chroma = _ue(&b)
    if chroma == 3:
        _bit(&b)
    full_width = _ue(&b)
    full_height = _ue(&b)
    if _bit(&b):
        left = _ue(&b)
        right = _ue(&b)
        top = _ue(&b)
        bottom = _ue(&b)
    crop_x = 2 if chroma == 1 or chroma == 2 else 1
    crop_y = 2 if chroma == 1 else 1
    return _accept(&b, full_width - crop_x * (left + right), full_height - crop_y * (top + bottom), width, height)


cdef int bitstream_vp8_frame(const uint8_t *frame, int length, int *width, int *height) noexcept nogil:
    """Read a VP8 keyframe header (RFC 6386 section 9.1)."""
    cdef BitReader b
    if length < 10 or frame[0] & 1 or frame[3] != 0x9d or frame[4] != 0x01 or frame[5] != 0x2a:
        return 0
    _open(&b, frame, length, False)
    return _accept(&b, (frame[6] | frame[7] << 8) & 0x3fff, (frame[8] | frame[9] << 8) & 0x3fff, width, height)


cdef int bitstream_vp9_frame(const uint8_t *frame, int length, int *width, int *height) noexcept nogil:
    """Read a VP9 keyframe's uncompressed header (bitstream specification 6.2)."""
    cdef BitReader b
    cdef uint32_t profile
    cdef int64_t full_width
    _open(&b, frame, length, False)
    if _bits(&b, 2) != 2:
        return 0
    profile = _bit(&b)
    profile |= _bit(&b) << 1
    if profile == 3:
        _bit(&b)
    # show_existing_frame, frame_type (0 is a keyframe)
    if _bits(&b, 2) != 0:
        return 0
    _skip(&b, 2)
    if _bits(&b, 24) != 0x498342:
        return 0
    if profile >= 2:
        _bit(&b)
    if _bits(&b, 3) != 7:
        _bit(&b)
        if profile & 1:
            _skip(&b, 3)
    elif profile & 1:
        _bit(&b)
    full_width = <int64_t>_bits(&b, 16) + 1
    return _accept(&b, full_width, <int64_t>_bits(&b, 16) + 1, width, height)


cdef void _av1_skip_operating_points(BitReader *b) noexcept nogil:
    """Skip timing, decoder model and operating points (AV1 5.5.1, when the header is not reduced)."""
    cdef uint32_t model = 0
    cdef int delay_bits = 0
    cdef uint32_t display_delay
    cdef int points
    cdef int i
    if _bit(b):
        _skip(b, 64)
        if _bit(b):
            _ue(b)
        model = _bit(b)
        if model:
            delay_bits = <int>_bits(b, 5) + 1
            _skip(b, 32 + 5 + 5)
    display_delay = _bit(b)
    points = <int>_bits(b, 5) + 1
    for i in range(points):
        _skip(b, 12)
        if _bits(b, 5) > 7:
            _bit(b)
        if model and _bit(b):
            _skip(b, 2 * delay_bits + 1)
        if display_delay and _bit(b):
            _skip(b, 4)


cdef int bitstream_av1_sequence_header(const uint8_t *body, int length, int *width, int *height) noexcept nogil:
    """Read an AV1 sequence header OBU (5.5.1); `body` begins after the OBU header."""
    cdef BitReader b
    cdef int width_bits, height_bits
    cdef int64_t full_width
    _open(&b, body, length, False)
    _skip(&b, 4)
    if _bit(&b):
        _skip(&b, 5)
    else:
        _av1_skip_operating_points(&b)
    width_bits = <int>_bits(&b, 4) + 1
    height_bits = <int>_bits(&b, 4) + 1
    full_width = <int64_t>_bits(&b, width_bits) + 1
    return _accept(&b, full_width, <int64_t>_bits(&b, height_bits) + 1, width, height)


def picture_size(str header, const unsigned char[::1] body):
    """Return (width, height) or None; a view for tests, tools and fuzzers."""
    cdef int width = 0
    cdef int height = 0
    cdef int known
    cdef int length = <int>body.shape[0]
    cdef const uint8_t *start = &body[0] if length else NULL
    if header == "h264_sps":
        known = bitstream_h264_sps(start, length, &width, &height)
    elif header == "h265_sps":
        known = bitstream_h265_sps(start, length, &width, &height)
    elif header == "vp8_frame":
        known = bitstream_vp8_frame(start, length, &width, &height)
    elif header == "vp9_frame":
        known = bitstream_vp9_frame(start, length, &width, &height)
    elif header == "av1_sequence_header":
        known = bitstream_av1_sequence_header(start, length, &width, &height)
    else:
        raise ValueError(f"unknown header kind {header!r}")
    return (width, height) if known else None
