"""RTCP writers: read back by our reader and by an independent one; NTP arithmetic over its era edge."""

from collections.abc import Callable

import pytest
from aiortc.rtp import (
    RtcpByePacket,
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSrPacket,
    unpack_remb_fci,
)
from hypothesis import given
from hypothesis import strategies as st

from media.plane import rtcp, rtcpwriter
from tests.media.plane.test_rtcp import lost24, nack_sequences, u8, u16, u32, u64

Report = tuple[int, int, int, int, int, int, int]

reports = st.lists(st.tuples(u32, u8, lost24, u32, u32, u32, u32), max_size=31)
ERA_1_US = (2**32 - 2208988800) * 1_000_000  # 2036-02-07T06:28:16Z


@given(u32, u64, u32, u32, u32, reports)
def test_sender_report_reads_back(
    ssrc: int, ntp: int, rtp: int, packets: int, octets: int, blocks: list[Report]
) -> None:
    data = rtcpwriter.write_sr(ssrc, ntp, rtp, packets, octets, blocks)
    assert rtcp.check(data) == 0
    head, *rest = rtcp.read(data)
    assert (head.kind, head.sender_ssrc, head.ntp, head.rtp_timestamp) == ("SR", ssrc, ntp, rtp)
    assert (head.packet_count, head.octet_count, head.format) == (packets, octets, len(blocks))
    assert [
        (i.media_ssrc, i.fraction_lost, i.cumulative_lost, i.highest_sequence, i.jitter, i.lsr, i.dlsr) for i in rest
    ] == blocks
    (parsed,) = RtcpPacket.parse(data)
    assert isinstance(parsed, RtcpSrPacket) and bytes(parsed) == data


@given(u32, reports)
def test_receiver_report_reads_back(ssrc: int, blocks: list[Report]) -> None:
    data = rtcpwriter.write_rr(ssrc, blocks)
    assert rtcp.check(data) == 0
    assert [item.kind for item in rtcp.read(data)] == ["RR"] + ["REPORT"] * len(blocks)
    (parsed,) = RtcpPacket.parse(data)
    assert isinstance(parsed, RtcpRrPacket) and bytes(parsed) == data


@pytest.mark.parametrize(("lost", "written"), [(2**31 - 1, 2**23 - 1), (-(2**31), -(2**23)), (-1, -1)])
def test_cumulative_loss_is_clamped_to_24_bits(lost: int, written: int) -> None:
    data = rtcpwriter.write_rr(1, [(2, 255, lost, 0, 0, 0, 0)])
    report = rtcp.read(data)[1]
    assert (report.fraction_lost, report.cumulative_lost) == (255, written)


@given(u32, st.binary(min_size=1, max_size=255))
def test_cname_reads_back_for_every_length(ssrc: int, cname: bytes) -> None:
    data = rtcpwriter.write_cname(ssrc, cname)
    assert rtcp.check(data) == 0 and len(data) % 4 == 0
    (item,) = rtcp.read(data)
    assert (item.kind, item.sender_ssrc, item.data) == ("CNAME", ssrc, cname)
    (parsed,) = RtcpPacket.parse(data)
    assert isinstance(parsed, RtcpSdesPacket) and parsed.chunks[0].items == [(1, cname)]


@pytest.mark.parametrize("cname", [b"", bytes(256)])
def test_cname_of_impossible_length_is_not_written(cname: bytes) -> None:
    assert rtcpwriter.write_cname(1, cname) == b""


@given(u32, u32, st.integers(65500, 65535), st.lists(st.integers(1, 40), max_size=80))
def test_nack_over_the_wrap_reads_back_in_order(sender: int, media: int, first: int, steps: list[int]) -> None:
    wanted = [first]
    for step in steps:
        wanted.append((wanted[-1] + step) & 0xFFFF)
    data = rtcpwriter.write_nack(sender, media, wanted)
    assert rtcp.check(data) == 0
    items = rtcp.read(data)
    assert nack_sequences(items) == wanted
    assert {(item.sender_ssrc, item.media_ssrc) for item in items} == {(sender, media)}


@given(st.lists(u16, min_size=1, max_size=60, unique=True).map(sorted))
def test_nack_is_as_short_as_an_independent_writers(wanted: list[int]) -> None:
    oracle = bytes(RtcpRtpfbPacket(fmt=1, ssrc=1, media_ssrc=2, lost=wanted))
    assert rtcpwriter.write_nack(1, 2, wanted) == oracle


def test_nack_repeats_no_sequence() -> None:
    assert nack_sequences(rtcp.read(rtcpwriter.write_nack(1, 2, [65535, 65535, 0, 0, 16, 16]))) == [
        65535,
        0,
        16,
    ]


def test_nack_of_nothing_is_not_written() -> None:
    assert rtcpwriter.write_nack(1, 2, []) == b""


@given(u32, u32, u8, u64, u32)
def test_small_packets_read_back(a: int, b: int, octet: int, ntp: int, word: int) -> None:
    data = b"".join(
        (
            rtcpwriter.write_pli(a, b),
            rtcpwriter.write_fir(a, b, octet),
            rtcpwriter.write_rrtr(a, ntp),
            rtcpwriter.write_dlrr(a, b, word, octet),
            rtcpwriter.write_bye(a),
        )
    )
    assert rtcp.check(data) == 0
    pli, fir, rrtr, dlrr, bye = rtcp.read(data)
    assert (pli.kind, pli.sender_ssrc, pli.media_ssrc) == ("PLI", a, b)
    assert (fir.kind, fir.sender_ssrc, fir.media_ssrc, fir.fir_sequence) == ("FIR", a, b, octet)
    assert (rrtr.kind, rrtr.sender_ssrc, rrtr.ntp) == ("RRTR", a, ntp)
    assert (dlrr.kind, dlrr.sender_ssrc, dlrr.media_ssrc, dlrr.lsr, dlrr.dlsr) == ("DLRR", a, b, word, octet)
    assert (bye.kind, bye.sender_ssrc) == ("BYE", a)
    assert RtcpByePacket(sources=[a]) in RtcpPacket.parse(data)


@given(u32, u64, st.lists(u32, min_size=1, max_size=255))
def test_remb_reads_back_rounded_down_to_18_bits(sender: int, bps: int, ssrcs: list[int]) -> None:
    data = rtcpwriter.write_remb(sender, bps, ssrcs)
    (parsed,) = RtcpPacket.parse(data)
    assert isinstance(parsed, RtcpPsfbPacket)
    assert (parsed.fmt, parsed.ssrc, parsed.media_ssrc) == (15, sender, 0)
    said, listed = unpack_remb_fci(parsed.fci)
    assert listed == ssrcs
    assert said == bps if bps < 2**18 else 0 <= bps - said < bps / 2**17
    assert rtcp.check(data) == 0
    (item,) = rtcp.read(data)
    assert (item.kind, item.media_ssrc, item.bitrate) == ("REMB", ssrcs[0], min(said, 2**63 - 1))


@pytest.mark.parametrize("streams", [0, 256])
def test_remb_of_no_stream_or_more_than_are_counted_is_not_written(streams: int) -> None:
    assert rtcpwriter.write_remb(1, 2, range(streams)) == b""


WRITERS: list[Callable[[int], bytes]] = [
    lambda capacity: rtcpwriter.write_sr(1, 2, 3, 4, 5, [(1, 2, 3, 4, 5, 6, 7)] * 3, capacity),
    lambda capacity: rtcpwriter.write_rr(1, [(1, 2, 3, 4, 5, 6, 7)] * 3, capacity),
    lambda capacity: rtcpwriter.write_cname(1, b"twelve bytes", capacity),
    lambda capacity: rtcpwriter.write_nack(1, 2, [1, 30, 60], capacity),
    lambda capacity: rtcpwriter.write_pli(1, 2, capacity),
    lambda capacity: rtcpwriter.write_fir(1, 2, 3, capacity),
    lambda capacity: rtcpwriter.write_bye(1, capacity),
    lambda capacity: rtcpwriter.write_remb(1, 2, [3, 4], capacity),
    lambda capacity: rtcpwriter.write_rrtr(1, 2, capacity),
    lambda capacity: rtcpwriter.write_dlrr(1, 2, 3, 4, capacity),
]


@pytest.mark.parametrize("writer", WRITERS)
def test_short_capacity_writes_nothing(writer: Callable[[int], bytes]) -> None:
    whole = writer(1500)
    assert whole and writer(len(whole)) == whole
    assert all(writer(capacity) == b"" for capacity in range(len(whole)))


def test_more_than_31_report_blocks_are_not_written() -> None:
    assert rtcpwriter.write_rr(1, [(1, 2, 3, 4, 5, 6, 7)] * 32) == b""
    assert rtcpwriter.write_sr(1, 2, 3, 4, 5, [(1, 2, 3, 4, 5, 6, 7)] * 32) == b""


@given(st.integers(-50_000_000_000_000, ERA_1_US + 2_000_000_000_000_000))
def test_utc_survives_the_way_through_ntp(utc_us: int) -> None:
    ntp = rtcpwriter.ntp_from_us(utc_us)
    assert 0 <= ntp < 2**64
    assert rtcpwriter.us_from_ntp(ntp) == utc_us


@pytest.mark.parametrize(
    ("utc_us", "ntp"),
    [
        (0, 2208988800 << 32),
        (-1_000_000, 2208988799 << 32),
        (-500_000, (2208988799 << 32) + 2**31),
        (ERA_1_US, 0),
        (ERA_1_US - 500_000, 2**64 - 2**31),
        (ERA_1_US + 250_000, 2**30),
    ],
)
def test_ntp_of_known_instants(utc_us: int, ntp: int) -> None:
    assert rtcpwriter.ntp_from_us(utc_us) == ntp
    assert rtcpwriter.us_from_ntp(ntp) == utc_us


def test_middle_is_16_bits_of_seconds_and_16_of_fraction() -> None:
    assert rtcpwriter.middle32(0x1122334455667788) == 0x33445566


@given(u32, st.integers(0, 60 * 65536), u32)
def test_round_trip_over_the_middle_wrap(now: int, ticks: int, dlsr: int) -> None:
    lsr = (now - ticks - dlsr) & 0xFFFFFFFF
    expected = ticks * 1_000_000_000 // 65536 if lsr else -1
    assert rtcpwriter.round_trip_ns(now, lsr, dlsr) == expected


def test_round_trip_below_zero_by_rounding_is_zero_and_beyond_is_refused() -> None:
    assert rtcpwriter.round_trip_ns(100_000, 100_000, 655) == 0
    assert rtcpwriter.round_trip_ns(100_000, 100_000, 656) == -1
    assert rtcpwriter.round_trip_ns(100_000 + 60 * 65536 + 1, 100_000, 0) == -1
