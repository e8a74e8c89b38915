"""What an RTP payload says about its picture. See codec.pyx."""

from libc.stdint cimport int32_t, uint8_t

cdef enum CodecId:
    CODEC_NONE = 0
    CODEC_H264 = 1
    CODEC_H265 = 2
    CODEC_VP8 = 3
    CODEC_VP9 = 4
    CODEC_AV1 = 5
    CODEC_OPUS = 6
    CODEC_G722 = 7
    CODEC_PCMU = 8
    CODEC_PCMA = 9
    CODEC_OTHER = 10

ctypedef struct Vp8Descriptor:
    int32_t header_bytes      # the VP8 payload proper begins here
    int32_t picture_id        # -1: absent
    int32_t picture_id_at     # offset of its first byte, M bit included
    int32_t picture_id_bits   # 0, 7 or 15
    int32_t tl0_picture_index # -1: absent
    int32_t tl0_at            # offset
    int32_t temporal_id       # -1: absent
    int32_t key_index         # -1: absent
    int32_t partition
    uint8_t starts_partition
    uint8_t non_reference
    uint8_t layer_sync

cdef inline bint codec_is_video(int codec) noexcept nogil:
    return CODEC_H264 <= codec <= CODEC_AV1

cdef int codec_temporal(int codec, const uint8_t *payload, int length, uint8_t *opens) noexcept nogil

# 1 when this packet is the first of an independently decodable picture. Sound and unknown codecs: every packet.
cdef int codec_starts_keyframe(int codec, const uint8_t *payload, int length) noexcept nogil
# 1 when the packet tells the picture's size (pixels, cropped), else 0 and nothing is set.
cdef int codec_picture_size(int codec, const uint8_t *payload, int length, int *width, int *height) noexcept nogil
# 0, or -1 when the descriptor does not fit into the payload.
cdef int codec_vp8_descriptor(const uint8_t *payload, int length, Vp8Descriptor *out) noexcept nogil
