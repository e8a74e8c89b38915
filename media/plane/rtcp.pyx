# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, freethreading_compatible=False
"""RTCP reading for the plane: check a compound once, then read it item by item.

Touches nothing but the bytes and structs it is given. `rtcp_check` decides whether a datagram is used at
all (RFC 3550 appendix A.2, with reduced size as RFC 5506 allows and padding on any packet, because
libwebrtc pads transport feedback wherever it stands). `rtcp_next` is bounded by itself: on a buffer that
was not checked it skips what does not fit.
"""

from typing import NamedTuple

from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memset

from media.plane.rtp cimport read16, read32

cdef enum:
    TYPE_SR = 200
    TYPE_RR = 201
    TYPE_SDES = 202
    TYPE_BYE = 203
    TYPE_RTPFB = 205
    TYPE_PSFB = 206
    TYPE_XR = 207
    FORMAT_NACK = 1             # of RTPFB, RFC 4585 section 6.2.1
    FORMAT_TWCC = 15            # of RTPFB
    FORMAT_PLI = 1              # of PSFB, RFC 4585 section 6.3.1
    FORMAT_FIR = 4              # of PSFB, RFC 5104 section 4.3.1
    FORMAT_APPLICATION = 15     # of PSFB; REMB says so in its first four bytes
    BLOCK_RRTR = 4              # RFC 3611 section 4.4
    BLOCK_DLRR = 5              # RFC 3611 section 4.5
    SDES_CNAME = 1
    REPORT_BYTES = 24
    SENDER_INFO_END = 28
    FEEDBACK_HEADER = 12
    TWCC_HEADER = 20

cdef uint64_t MAX_BITRATE = <uint64_t>0x7FFFFFFFFFFFFFFF


cdef inline uint64_t read64(const uint8_t *at) noexcept nogil:
    return (<uint64_t>read32(at) << 32) | read32(at + 4)


cdef inline bint is_remb(const uint8_t *packet, int end) noexcept nogil:
    return end >= FEEDBACK_HEADER + 8 and memcmp(packet + FEEDBACK_HEADER, b"REMB", 4) == 0


cdef int check_sdes(const uint8_t *packet, int end, int chunks) noexcept nogil:
    """RFC 3550 section 6.5; the last chunk may lack its terminating zero."""
    cdef int at = 4
    while chunks > 0:
        chunks -= 1
        if at + 4 > end:
            return RTCP_BAD_SDES
        at += 4
        while at < end and packet[at] != 0:
            if at + 2 > end or at + 2 + packet[at + 1] > end:
                return RTCP_BAD_SDES
            at += 2 + packet[at + 1]
        at = (at + 4) & ~3
    return RTCP_OK


cdef int check_feedback(const uint8_t *packet, int end) noexcept nogil:
    cdef int fci = end - FEEDBACK_HEADER
    cdef int format = packet[0] & 0x1F
    if fci < 0:
        return RTCP_BAD_FEEDBACK
    if packet[1] == TYPE_RTPFB:
        if format == FORMAT_NACK and (fci == 0 or fci & 3):
            return RTCP_BAD_FEEDBACK
        if format == FORMAT_TWCC and end < TWCC_HEADER:
            return RTCP_BAD_FEEDBACK
    elif format == FORMAT_FIR:
        if fci == 0 or fci & 7:
            return RTCP_BAD_FEEDBACK
    elif format == FORMAT_APPLICATION and is_remb(packet, end) and FEEDBACK_HEADER + 8 + 4 * packet[16] > end:
        return RTCP_BAD_FEEDBACK
    return RTCP_OK


cdef int check_xr(const uint8_t *packet, int end) noexcept nogil:
    """RFC 3611 section 3: every block bounded, and those we read of a length that fits their kind."""
    cdef int at = 8
    cdef int words
    if at > end:
        return RTCP_BAD_XR
    while at < end:
        if at + 4 > end:
            return RTCP_BAD_XR
        words = read16(packet + at + 2)
        if at + 4 + 4 * words > end:
            return RTCP_BAD_XR
        if (packet[at] == BLOCK_RRTR and words != 2) or (packet[at] == BLOCK_DLRR and words % 3 != 0):
            return RTCP_BAD_XR
        at += 4 + 4 * words
    return RTCP_OK


cdef int check_content(const uint8_t *packet, int end) noexcept nogil:
    cdef int count = packet[0] & 0x1F
    cdef int kind = packet[1]
    if kind == TYPE_SR:
        return RTCP_OK if SENDER_INFO_END + REPORT_BYTES * count <= end else RTCP_BAD_REPORT
    if kind == TYPE_RR:
        return RTCP_OK if 8 + REPORT_BYTES * count <= end else RTCP_BAD_REPORT
    if kind == TYPE_SDES:
        return check_sdes(packet, end, count)
    if kind == TYPE_BYE:
        if 4 + 4 * count > end:
            return RTCP_BAD_BYE
        if 4 + 4 * count < end and 5 + 4 * count + packet[4 + 4 * count] > end:
            return RTCP_BAD_BYE
        return RTCP_OK
    if kind == TYPE_RTPFB or kind == TYPE_PSFB:
        return check_feedback(packet, end)
    if kind == TYPE_XR:
        return check_xr(packet, end)
    return RTCP_OK


cdef int check_header(const uint8_t *packet, int left, int *size, int *end) noexcept nogil:
    """Bound the packet at `packet`: its `size`, and the `end` of its content without padding."""
    cdef int padding
    if left < 4:
        return RTCP_TOO_SHORT
    if packet[0] >> 6 != 2:
        return RTCP_BAD_VERSION
    if packet[1] < 192 or packet[1] > 223:
        return RTCP_BAD_TYPE
    size[0] = 4 * (read16(packet + 2) + 1)
    if size[0] > left:
        return RTCP_BAD_LENGTH
    end[0] = size[0]
    if packet[0] & 0x20:
        padding = packet[size[0] - 1]
        if padding == 0 or padding > size[0] - 4:
            return RTCP_BAD_PADDING
        end[0] -= padding
    return RTCP_OK


cdef int rtcp_check(const uint8_t *buf, int length) noexcept nogil:
    """RTCP_OK when the whole compound is well-formed, else a negative `RtcpCheck`."""
    cdef int at = 0
    cdef int size = 0
    cdef int end = 0
    cdef int code
    if length < 4:
        return RTCP_TOO_SHORT
    while at < length:
        code = check_header(buf + at, length - at, &size, &end)
        if code == RTCP_OK:
            code = check_content(buf + at, end)
        if code != RTCP_OK:
            return code
        at += size
    return RTCP_OK


cdef void rtcp_open(RtcpReader *reader, const uint8_t *buf, int length) noexcept nogil:
    """Start reading; `buf` must outlive the reader and every item that was read."""
    memset(reader, 0, sizeof(RtcpReader))
    reader.buf = buf
    reader.length = length


cdef int enter_packet(RtcpReader *reader, RtcpItem *item) noexcept nogil:
    """Open the next packet; the kind of the item that its header alone makes, or RTCP_END for none."""
    cdef const uint8_t *packet = reader.buf + reader.at
    cdef int size = 0
    cdef int end = 0
    if check_header(packet, reader.length - reader.at, &size, &end) != RTCP_OK:
        reader.at = reader.length
        return RTCP_END
    reader.packet = reader.at
    reader.end = reader.at + end
    reader.at += size
    reader.cursor = reader.end
    reader.packet_type = packet[1]
    reader.format = packet[0] & 0x1F
    reader.remaining = reader.format
    reader.block_end = 0
    reader.sender_ssrc = 0
    reader.media_ssrc = 0
    if check_content(packet, end) != RTCP_OK:
        return RTCP_END
    if reader.packet_type == TYPE_SDES or reader.packet_type == TYPE_BYE:
        reader.cursor = reader.packet + 4
        return RTCP_END
    if end >= 8:
        reader.sender_ssrc = read32(packet + 4)
    if reader.packet_type == TYPE_SR:
        reader.cursor = reader.packet + SENDER_INFO_END
        item.ntp = read64(packet + 8)
        item.rtp_timestamp = read32(packet + 16)
        item.packet_count = read32(packet + 20)
        item.octet_count = read32(packet + 24)
        return RTCP_ITEM_SR
    if reader.packet_type == TYPE_RR:
        reader.cursor = reader.packet + 8
        return RTCP_ITEM_RR
    if reader.packet_type == TYPE_XR:
        reader.cursor = reader.packet + 8
        return RTCP_END
    if reader.packet_type == TYPE_RTPFB or reader.packet_type == TYPE_PSFB:
        reader.media_ssrc = read32(packet + 8)
        return enter_feedback(reader, item, packet, size, end)
    item.data = packet
    item.length = size
    return RTCP_ITEM_OTHER


cdef int enter_feedback(
    RtcpReader *reader, RtcpItem *item, const uint8_t *packet, int size, int end
) noexcept nogil:
    cdef int exponent
    cdef uint64_t mantissa
    if reader.packet_type == TYPE_RTPFB:
        if reader.format == FORMAT_NACK:
            reader.cursor = reader.packet + FEEDBACK_HEADER
            return RTCP_END
    elif reader.format == FORMAT_FIR:
        reader.cursor = reader.packet + FEEDBACK_HEADER
        return RTCP_END
    elif reader.format == FORMAT_PLI:
        return RTCP_ITEM_PLI
    elif reader.format == FORMAT_APPLICATION and is_remb(packet, end):
        exponent = packet[17] >> 2
        mantissa = (<uint64_t>(packet[17] & 3) << 16) | read16(packet + 18)
        item.bitrate = MAX_BITRATE if mantissa > MAX_BITRATE >> exponent else mantissa << exponent
        item.data = packet + FEEDBACK_HEADER + 8
        item.length = 4 * packet[16]
        reader.media_ssrc = read32(item.data) if item.length > 0 else 0
        return RTCP_ITEM_REMB
    item.data = packet
    item.length = size
    if reader.packet_type == TYPE_RTPFB and reader.format == FORMAT_TWCC:
        return RTCP_ITEM_TWCC
    return RTCP_ITEM_OTHER


cdef int next_report(RtcpReader *reader, RtcpItem *item) noexcept nogil:
    cdef const uint8_t *block = reader.buf + reader.cursor
    if reader.remaining == 0:
        reader.cursor = reader.end      # a profile-specific extension may follow the blocks
        return RTCP_END
    reader.remaining -= 1
    reader.cursor += REPORT_BYTES
    reader.media_ssrc = read32(block)
    item.fraction_lost = block[4]
    item.cumulative_lost = <int32_t>(read32(block + 4) << 8) >> 8
    item.highest_sequence = read32(block + 8)
    item.jitter = read32(block + 12)
    item.lsr = read32(block + 16)
    item.dlsr = read32(block + 20)
    return RTCP_ITEM_REPORT


cdef int next_sdes(RtcpReader *reader, RtcpItem *item) noexcept nogil:
    """Step one SDES item or chunk header; `block_end` is non-zero inside a chunk."""
    cdef const uint8_t *at = reader.buf + reader.cursor
    if reader.block_end == 0:
        if reader.remaining == 0 or reader.cursor + 4 > reader.end:
            reader.cursor = reader.end
            return RTCP_END
        reader.remaining -= 1
        reader.sender_ssrc = read32(at)
        reader.cursor += 4
        reader.block_end = reader.end
        return RTCP_END
    if at[0] == 0:
        reader.cursor = reader.packet + ((reader.cursor - reader.packet + 4) & ~3)
        reader.block_end = 0
        return RTCP_END
    reader.cursor += 2 + at[1]
    if at[0] != SDES_CNAME:
        return RTCP_END
    item.data = at + 2
    item.length = at[1]
    return RTCP_ITEM_CNAME


cdef int next_xr(RtcpReader *reader, RtcpItem *item) noexcept nogil:
    cdef const uint8_t *block = reader.buf + reader.cursor
    if reader.cursor < reader.block_end:        # inside a DLRR block
        reader.cursor += 12
        reader.media_ssrc = read32(block)
        item.lsr = read32(block + 4)
        item.dlsr = read32(block + 8)
        return RTCP_ITEM_DLRR
    reader.media_ssrc = 0
    if block[0] == BLOCK_DLRR:
        reader.cursor += 4
        reader.block_end = reader.cursor + 4 * read16(block + 2)
        return RTCP_END
    reader.cursor += 4 + 4 * read16(block + 2)
    if block[0] == BLOCK_RRTR:
        item.ntp = read64(block + 4)
        return RTCP_ITEM_RRTR
    item.data = block
    item.length = 4 + 4 * read16(block + 2)
    return RTCP_ITEM_OTHER


cdef int next_in_packet(RtcpReader *reader, RtcpItem *item) noexcept nogil:
    """Step inside the open packet; its content was checked when it was entered."""
    cdef const uint8_t *at = reader.buf + reader.cursor
    if reader.packet_type == TYPE_SR or reader.packet_type == TYPE_RR:
        return next_report(reader, item)
    if reader.packet_type == TYPE_SDES:
        return next_sdes(reader, item)
    if reader.packet_type == TYPE_XR:
        return next_xr(reader, item)
    if reader.packet_type == TYPE_BYE:
        if reader.remaining == 0:
            reader.cursor = reader.end          # a reason may follow
            return RTCP_END
        reader.remaining -= 1
        reader.cursor += 4
        reader.sender_ssrc = read32(at)
        return RTCP_ITEM_BYE
    if reader.packet_type == TYPE_RTPFB:
        reader.cursor += 4
        item.nack_pid = read16(at)
        item.nack_blp = read16(at + 2)
        return RTCP_ITEM_NACK
    reader.cursor += 8
    reader.media_ssrc = read32(at)
    item.fir_sequence = at[4]
    return RTCP_ITEM_FIR


cdef int rtcp_next(RtcpReader *reader, RtcpItem *item) noexcept nogil:
    """Read the next item into `item` and return its kind; RTCP_END when nothing is left."""
    cdef int kind = RTCP_END
    memset(item, 0, sizeof(RtcpItem))
    while kind == RTCP_END:
        if reader.cursor < reader.end:
            kind = next_in_packet(reader, item)
        elif reader.at < reader.length:
            kind = enter_packet(reader, item)
        else:
            return RTCP_END
    item.kind = kind
    item.packet_type = reader.packet_type
    item.format = reader.format
    item.sender_ssrc = reader.sender_ssrc
    item.media_ssrc = reader.media_ssrc
    return kind


class Item(NamedTuple):
    """`RtcpItem` for tests and tools: the kind by its name, `data` copied."""

    kind: str
    packet_type: int
    format: int
    sender_ssrc: int
    media_ssrc: int
    ntp: int
    rtp_timestamp: int
    packet_count: int
    octet_count: int
    fraction_lost: int
    cumulative_lost: int
    highest_sequence: int
    jitter: int
    lsr: int
    dlsr: int
    nack_pid: int
    nack_blp: int
    fir_sequence: int
    bitrate: int
    data: bytes


KINDS = (
    "END", "SR", "REPORT", "RR", "CNAME", "BYE", "NACK", "PLI", "FIR", "TWCC", "REMB", "RRTR", "DLRR",
    "OTHER",
)


cdef uint8_t *copy_exactly(bytes packet) except NULL:
    """A heap copy without the byte that ends every `bytes`: a sanitizer sees a read behind the packet."""
    cdef uint8_t *copy = <uint8_t *>malloc(len(packet) or 1)
    if copy == NULL:
        raise MemoryError
    memcpy(copy, <const char *>packet, len(packet))
    return copy


def check(bytes packet):
    """View for tests and fuzzers: the code of `rtcp_check`."""
    cdef uint8_t *copy = copy_exactly(packet)
    try:
        return rtcp_check(copy, len(packet))
    finally:
        free(copy)


def read(bytes packet):
    """View for tests and fuzzers: all items of a packet, checked or not."""
    cdef RtcpReader reader
    cdef RtcpItem item
    cdef uint8_t *copy = copy_exactly(packet)
    items = []
    try:
        rtcp_open(&reader, copy, len(packet))
        while rtcp_next(&reader, &item) != RTCP_END:
            data = (<const char *>item.data)[:item.length] if item.data else b""
            items.append(Item(
                KINDS[item.kind], item.packet_type, item.format, item.sender_ssrc, item.media_ssrc, item.ntp,
                item.rtp_timestamp, item.packet_count, item.octet_count, item.fraction_lost,
                item.cumulative_lost, item.highest_sequence, item.jitter, item.lsr, item.dlsr, item.nack_pid,
                item.nack_blp, item.fir_sequence, item.bitrate, data,
            ))
    finally:
        free(copy)
    return items
