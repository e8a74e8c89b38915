"""RTCP reading (RFC 3550 section 6, RFC 4585, RFC 5104, RFC 3611, REMB), without state between packets.

The writers of media/plane/rtcpwriter are named here too: one cimport gives both directions.
"""

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t

from media.plane.rtcpwriter cimport (
    RtcpReport,
    ntp_from_utc_us,
    ntp_middle32,
    rtcp_round_trip_ns,
    rtcp_write_bye,
    rtcp_write_cname,
    rtcp_write_dlrr,
    rtcp_write_fir,
    rtcp_write_nack,
    rtcp_write_pli,
    rtcp_write_remb,
    rtcp_write_rr,
    rtcp_write_rrtr,
    rtcp_write_sr,
    utc_us_from_ntp,
)

cdef enum RtcpCheck:
    RTCP_OK = 0
    RTCP_TOO_SHORT = -1
    RTCP_BAD_VERSION = -2
    RTCP_BAD_TYPE = -3          # packet type outside 192-223 (RFC 5761 section 4)
    RTCP_BAD_LENGTH = -4        # a packet ends behind the datagram
    RTCP_BAD_PADDING = -5
    RTCP_BAD_REPORT = -6        # SR or RR shorter than its count says
    RTCP_BAD_SDES = -7
    RTCP_BAD_BYE = -8
    RTCP_BAD_FEEDBACK = -9      # RTPFB or PSFB whose fields do not fit
    RTCP_BAD_XR = -10

cdef enum RtcpKind:
    RTCP_END = 0
    RTCP_ITEM_SR
    RTCP_ITEM_REPORT            # one report block of an SR or RR
    RTCP_ITEM_RR                # header of an RR, also of one without blocks
    RTCP_ITEM_CNAME
    RTCP_ITEM_BYE               # one SSRC of a BYE
    RTCP_ITEM_NACK              # one FCI
    RTCP_ITEM_PLI
    RTCP_ITEM_FIR               # one FCI
    RTCP_ITEM_TWCC
    RTCP_ITEM_REMB
    RTCP_ITEM_RRTR
    RTCP_ITEM_DLRR              # one sub-block
    RTCP_ITEM_OTHER             # a packet or XR block the plane does not know

# Fields a kind does not have are zero. `data` and `length` point into the opened buffer: the name of a
# CNAME, the list of SSRCs of a REMB (4 bytes each, network order), the whole packet with header and padding of a
# TWCC, the whole packet or XR block of an OTHER; NULL for the rest.
ctypedef struct RtcpItem:
    int kind                    # RtcpKind
    uint8_t packet_type         # 200-207, of the packet the item stands in
    uint8_t format              # FMT, or the report count where the type has one
    uint32_t sender_ssrc        # who speaks; CNAME and BYE: whom it is about
    uint32_t media_ssrc         # whom a block or feedback is about; REMB: the first listed
    uint64_t ntp                # SR, RRTR
    uint32_t rtp_timestamp
    uint32_t packet_count
    uint32_t octet_count
    uint8_t fraction_lost       # in 1/256
    int32_t cumulative_lost     # sign-extended from 24 bits
    uint32_t highest_sequence
    uint32_t jitter             # in RTP clock ticks
    uint32_t lsr                # middle 32 bits of NTP; DLRR: last RR
    uint32_t dlsr               # in 1/65536 s; DLRR: delay since last RR
    uint16_t nack_pid
    uint16_t nack_blp
    uint8_t fir_sequence
    uint64_t bitrate            # bit/s of a REMB, at most 2**63 - 1
    const uint8_t *data
    int length

# Opaque cursor of rtcp_open and rtcp_next.
ctypedef struct RtcpReader:
    const uint8_t *buf
    int length
    int at                      # where the packet after this one starts
    int packet                  # where this one starts
    int end                     # where its content ends, padding excluded
    int cursor                  # next item of this packet
    int block_end               # of the XR block being read
    int remaining               # report blocks, chunks or SSRCs still to come
    uint8_t packet_type
    uint8_t format
    uint32_t sender_ssrc
    uint32_t media_ssrc

cdef int rtcp_check(const uint8_t *buf, int length) noexcept nogil
cdef void rtcp_open(RtcpReader *reader, const uint8_t *buf, int length) noexcept nogil
cdef int rtcp_next(RtcpReader *reader, RtcpItem *item) noexcept nogil
