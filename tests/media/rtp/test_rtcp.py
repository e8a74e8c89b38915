"""media.rtp.rtcp: agreement with aiortc, refusal of lying lengths."""

from __future__ import annotations

import pytest
from aiortc import rtp as oracle
from hypothesis import given
from hypothesis import strategies as st

from media.rtp import rtcp
from media.rtp.header import PacketError

u32 = st.integers(0, 2**32 - 1)


@given(u32, st.integers(0, 2**64 - 1), u32, u32, u32, st.text(max_size=60))
def test_sender_report_is_read_by_aiortc(
    ssrc: int, ntp: int, stamp: int, packets: int, octets: int, cname: str
) -> None:
    report = rtcp.SenderReport(ssrc, ntp, stamp, packets, octets)
    compound = rtcp.build_sender_report(report, cname)
    sender, description = oracle.RtcpPacket.parse(compound)
    assert isinstance(sender, oracle.RtcpSrPacket)
    info = sender.sender_info
    assert (sender.ssrc, info.ntp_timestamp, info.rtp_timestamp) == (ssrc, ntp, stamp)
    assert (info.packet_count, info.octet_count) == (packets, octets)
    assert isinstance(description, oracle.RtcpSdesPacket)
    assert description.chunks[0].items == [(1, cname.encode())]
    assert rtcp.parse(compound) == [report]


@given(st.integers(0, 65535), st.lists(st.integers(0, 300), min_size=1, max_size=40, unique=True))
def test_nack_round_trips_across_the_wrap(start: int, ahead: list[int]) -> None:
    sequences = [(start + 65400 + step) & 0xFFFF for step in sorted(ahead)]
    packet = rtcp.build_nack(1, 2, sequences)
    (item,) = rtcp.parse(packet)
    assert item == rtcp.PacketsWanted(2, tuple(sequences))
    (theirs,) = oracle.RtcpPacket.parse(packet)
    assert isinstance(theirs, oracle.RtcpRtpfbPacket)
    assert [sequence & 0xFFFF for sequence in theirs.lost] == sequences  # aiortc does not wrap them


def test_feedback_of_aiortc_is_read() -> None:
    pli = oracle.RtcpPsfbPacket(fmt=oracle.RTCP_PSFB_PLI, ssrc=1, media_ssrc=2)
    fir = b"\x84\xce\x00\x04" + bytes(8) + (7).to_bytes(4, "big") + b"\x09\x00\x00\x00"
    block = oracle.RtcpReceiverInfo(
        ssrc=5, fraction_lost=64, packets_lost=-2, highest_sequence=70000, jitter=9, lsr=10, dlsr=11
    )
    report = oracle.RtcpRrPacket(ssrc=1, reports=[block])
    bye = oracle.RtcpByePacket(sources=[3, 4])
    compound = bytes(report) + bytes(pli) + fir + bytes(bye)
    assert rtcp.parse(compound) == [
        rtcp.ReceptionReport(5, 64, -2, 70000, 9, 10, 11),
        rtcp.KeyframeWanted(2),
        rtcp.KeyframeWanted(7, 9),
        rtcp.Goodbye((3, 4)),
    ]
    ours = rtcp.build_receiver_report(1, [rtcp.ReceptionReport(5, 64, -2, 70000, 9, 10, 11)], "name")
    (theirs, _) = oracle.RtcpPacket.parse(ours)
    assert isinstance(theirs, oracle.RtcpRrPacket) and theirs.reports == [block]
    assert oracle.RtcpPacket.parse(rtcp.build_pli(1, 2)) == [pli]
    assert oracle.RtcpPacket.parse(rtcp.build_goodbye((3, 4))) == [bye]


def test_ntp_time_of_the_epoch_and_of_half_a_second() -> None:
    assert rtcp.ntp_from_unix_ns(0) == 2_208_988_800 << 32
    assert rtcp.ntp_from_unix_ns(1_500_000_000) == (2_208_988_801 << 32) + (1 << 31)
    # The NTP era ends in 2036; the timestamp wraps as receivers expect.
    assert rtcp.ntp_from_unix_ns((2**32 - 2_208_988_800) * 10**9) == 0


@pytest.mark.parametrize(
    "compound",
    [
        b"\x80\xc8",
        b"\x00\xc8\x00\x00",
        b"\x80\xc8\x00\x05" + bytes(8),
        b"\x80\xc8\x00\x01" + bytes(4),  # SR without sender info
        b"\x81\xc9\x00\x01" + bytes(4),  # RR promising a block
        b"\x82\xcb\x00\x01" + bytes(4),  # BYE promising two sources
        b"\x81\xce\x00\x01" + bytes(4),
    ],
)
def test_lying_lengths_are_refused(compound: bytes) -> None:
    with pytest.raises(PacketError):
        rtcp.parse(compound)


@given(st.binary(max_size=200), st.integers(192, 223), st.integers(0, 31))
def test_arbitrary_bytes_are_parsed_or_refused(data: bytes, kind: int, count: int) -> None:
    body = data[: len(data) // 4 * 4]
    for compound in (data, bytes((0x80 | count, kind)) + (len(body) // 4).to_bytes(2, "big") + body):
        try:
            items = rtcp.parse(compound)
        except PacketError:
            continue
        assert rtcp.parse(compound + compound) == items * 2
        if compound:
            with pytest.raises(PacketError):
                rtcp.parse(compound[:-1])
