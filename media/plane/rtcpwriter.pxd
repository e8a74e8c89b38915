"""RTCP writing: what the plane sends about its receiving and its sending. All or nothing, no allocation."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

ctypedef struct RtcpReport:
    uint32_t ssrc
    uint8_t fraction_lost
    int32_t cumulative_lost     # clamped to 24 bits when written
    uint32_t highest_sequence
    uint32_t jitter
    uint32_t lsr
    uint32_t dlsr

cdef int rtcp_write_sr(
    uint8_t *out, int capacity, uint32_t ssrc, uint64_t ntp, uint32_t rtp_timestamp, uint32_t packets,
    uint32_t octets, const RtcpReport *blocks, int n
) noexcept nogil
cdef int rtcp_write_rr(
    uint8_t *out, int capacity, uint32_t ssrc, const RtcpReport *blocks, int n
) noexcept nogil
cdef int rtcp_write_cname(
    uint8_t *out, int capacity, uint32_t ssrc, const uint8_t *cname, int length
) noexcept nogil
cdef int rtcp_write_bye(uint8_t *out, int capacity, uint32_t ssrc) noexcept nogil
cdef int rtcp_write_nack(
    uint8_t *out, int capacity, uint32_t sender_ssrc, uint32_t media_ssrc, const uint16_t *sequences, int n
) noexcept nogil
cdef int rtcp_write_pli(uint8_t *out, int capacity, uint32_t sender_ssrc, uint32_t media_ssrc) noexcept nogil
cdef int rtcp_write_fir(
    uint8_t *out, int capacity, uint32_t sender_ssrc, uint32_t media_ssrc, uint8_t command_sequence
) noexcept nogil
cdef int rtcp_write_remb(
    uint8_t *out, int capacity, uint32_t sender_ssrc, uint64_t bps, const uint32_t *ssrcs, int n
) noexcept nogil
cdef int rtcp_write_rrtr(uint8_t *out, int capacity, uint32_t ssrc, uint64_t ntp) noexcept nogil
cdef int rtcp_write_dlrr(
    uint8_t *out, int capacity, uint32_t ssrc, uint32_t receiver_ssrc, uint32_t lrr, uint32_t dlrr
) noexcept nogil

cdef uint64_t ntp_from_utc_us(int64_t utc_us) noexcept nogil
cdef int64_t utc_us_from_ntp(uint64_t ntp) noexcept nogil
cdef int64_t rtcp_round_trip_ns(uint32_t now_middle, uint32_t lsr, uint32_t dlsr) noexcept nogil

cdef inline uint32_t ntp_middle32(uint64_t ntp) noexcept nogil:
    """The 32 bits that LSR and LRR carry: 16 of seconds, 16 of fraction."""
    return <uint32_t>(ntp >> 16)
