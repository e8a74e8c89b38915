"""RTCP reader: against packets written by hand, an independent writer, and anything at all."""

import struct

import pytest
from aiortc.rtp import (
    RtcpByePacket,
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
    pack_remb_fci,
    pack_rtcp_packet,
)
from hypothesis import example, given
from hypothesis import strategies as st

from media.plane import rtcp

OK, TOO_SHORT, BAD_VERSION, BAD_TYPE, BAD_LENGTH, BAD_PADDING = 0, -1, -2, -3, -4, -5
BAD_REPORT, BAD_SDES, BAD_BYE, BAD_FEEDBACK, BAD_XR = -6, -7, -8, -9, -10

u8 = st.integers(0, 2**8 - 1)
u16 = st.integers(0, 2**16 - 1)
u32 = st.integers(0, 2**32 - 1)
u64 = st.integers(0, 2**64 - 1)
lost24 = st.integers(-(2**23), 2**23 - 1)

receiver_infos = st.builds(
    RtcpReceiverInfo,
    ssrc=u32,
    fraction_lost=u8,
    packets_lost=lost24,
    highest_sequence=u32,
    jitter=u32,
    lsr=u32,
    dlsr=u32,
)
reports = st.lists(receiver_infos, max_size=31)
sender_infos = st.builds(RtcpSenderInfo, ntp_timestamp=u64, rtp_timestamp=u32, packet_count=u32, octet_count=u32)
packets = st.one_of(
    st.builds(RtcpSrPacket, ssrc=u32, sender_info=sender_infos, reports=reports),
    st.builds(RtcpRrPacket, ssrc=u32, reports=reports),
    st.builds(RtcpByePacket, sources=st.lists(u32, max_size=31)),
    st.builds(
        RtcpSdesPacket,
        chunks=st.lists(
            st.builds(
                RtcpSourceInfo,
                ssrc=u32,
                items=st.lists(st.tuples(st.integers(1, 8), st.binary(max_size=40)), max_size=4),
            ),
            min_size=1,
            max_size=1,  # aiortc does not align the second chunk
        ),
    ),
    st.builds(
        RtcpRtpfbPacket,
        fmt=st.just(1),
        ssrc=u32,
        media_ssrc=u32,
        lost=st.lists(u16, min_size=1, max_size=60, unique=True).map(sorted),
    ),
    st.builds(RtcpPsfbPacket, fmt=st.just(1), ssrc=u32, media_ssrc=u32),
    st.builds(
        RtcpPsfbPacket,
        fmt=st.just(15),
        ssrc=u32,
        media_ssrc=st.just(0),
        fci=st.builds(pack_remb_fci, st.integers(0, 2**40), st.lists(u32, max_size=8)),
    ),
)
AnyPacket = RtcpByePacket | RtcpPsfbPacket | RtcpRrPacket | RtcpRtpfbPacket | RtcpSdesPacket | RtcpSrPacket


def nack_sequences(items: list[rtcp.Item]) -> list[int]:
    """Sequences asked for, in the order of the wire, modulo 2**16."""
    return [
        sequence & 0xFFFF
        for item in items
        if item.kind == "NACK"
        for sequence in (
            item.nack_pid,
            *(item.nack_pid + bit + 1 for bit in range(16) if item.nack_blp >> bit & 1),
        )
    ]


def expected_reports(ssrc: int, infos: list[RtcpReceiverInfo]) -> list[tuple[object, ...]]:
    return [
        (
            "REPORT",
            ssrc,
            info.ssrc,
            info.fraction_lost,
            info.packets_lost,
            info.highest_sequence,
            info.jitter,
            info.lsr,
            info.dlsr,
        )
        for info in infos
    ]


def seen(item: rtcp.Item) -> tuple[object, ...]:
    """The fields of an item that its kind has."""
    head = (item.kind, item.sender_ssrc)
    if item.kind == "SR":
        return (*head, item.ntp, item.rtp_timestamp, item.packet_count, item.octet_count)
    if item.kind == "REPORT":
        return (
            *head,
            item.media_ssrc,
            item.fraction_lost,
            item.cumulative_lost,
            item.highest_sequence,
            item.jitter,
            item.lsr,
            item.dlsr,
        )
    if item.kind == "CNAME":
        return (*head, item.data)
    if item.kind == "REMB":
        return (*head, item.bitrate, item.data)
    if item.kind == "PLI":
        return (*head, item.media_ssrc)
    return head


def expected(packet: AnyPacket) -> list[tuple[object, ...]]:
    if isinstance(packet, RtcpSrPacket):
        info = packet.sender_info
        head = (
            "SR",
            packet.ssrc,
            info.ntp_timestamp,
            info.rtp_timestamp,
            info.packet_count,
            info.octet_count,
        )
        return [head, *expected_reports(packet.ssrc, packet.reports)]
    if isinstance(packet, RtcpRrPacket):
        return [("RR", packet.ssrc), *expected_reports(packet.ssrc, packet.reports)]
    if isinstance(packet, RtcpByePacket):
        return [("BYE", source) for source in packet.sources]
    if isinstance(packet, RtcpSdesPacket):
        return [("CNAME", chunk.ssrc, value) for chunk in packet.chunks for kind, value in chunk.items if kind == 1]
    if isinstance(packet, RtcpPsfbPacket) and packet.fmt == 1:
        return [("PLI", packet.ssrc, packet.media_ssrc)]
    assert isinstance(packet, RtcpPsfbPacket)
    exponent, mantissa = packet.fci[5] >> 2, int.from_bytes(packet.fci[5:8], "big") & 0x3FFFF
    return [("REMB", packet.ssrc, mantissa << exponent, packet.fci[8:])]


@given(st.lists(packets, min_size=1, max_size=5))
def test_reader_agrees_with_an_independent_writer(compound: list[AnyPacket]) -> None:
    data = b"".join(bytes(packet) for packet in compound)
    assert rtcp.check(data) == OK
    items = rtcp.read(data)
    wanted: list[int] = []
    others: list[tuple[object, ...]] = []
    for packet in compound:
        if isinstance(packet, RtcpRtpfbPacket):
            wanted += packet.lost
        else:
            others += expected(packet)
    assert nack_sequences(items) == wanted
    assert [seen(item) for item in items if item.kind != "NACK"] == others


@given(st.lists(packets, min_size=1, max_size=3), st.data())
def test_what_passes_the_check_is_parsed_by_an_independent_reader(
    compound: list[AnyPacket], data: st.DataObject
) -> None:
    mutable = bytearray(b"".join(bytes(packet) for packet in compound))
    at = data.draw(st.integers(0, min(len(mutable), 64) - 1))
    mutable[at] = data.draw(u8)
    packet = bytes(mutable)
    if rtcp.check(packet) != OK:
        return
    kinds = {item.kind for item in rtcp.read(packet)}
    if kinds & {"OTHER", "TWCC", "FIR", "RRTR", "DLRR"}:
        return  # aiortc reads none of these
    try:
        parsed = RtcpPacket.parse(packet)
    except ValueError as error:
        # We take a profile-specific extension behind the report blocks, as RFC 3550 section 6.4.3 allows;
        # aiortc reads a length behind the zero that ends an SDES chunk.
        assert "report length is invalid" in str(error) or "RTCP SDES" in str(error)
        return
    assert sum(len(p.lost) for p in parsed if isinstance(p, RtcpRtpfbPacket) and p.fmt == 1) == len(
        nack_sequences(rtcp.read(packet))
    )


@given(st.binary(max_size=200))
@example(b"\x80\xcd\x00\x00")
def test_arbitrary_bytes_are_read_within_bounds(data: bytes) -> None:
    code = rtcp.check(data)
    assert BAD_XR <= code <= OK
    items = rtcp.read(data)
    assert len(items) <= len(data)  # even a NACK FCI takes four bytes; no item is made from nothing
    assert all(item.kind != "END" for item in items)


@given(st.lists(packets, min_size=1, max_size=4), st.integers(1, 40))
def test_truncated_compound_is_refused(compound: list[AnyPacket], cut: int) -> None:
    data = b"".join(bytes(packet) for packet in compound)
    last = len(bytes(compound[-1]))
    cut = min(cut, last - 1)
    assert rtcp.check(data[:-cut]) in (TOO_SHORT, BAD_LENGTH)


def feedback(packet_type: int, fmt: int, fci: bytes) -> bytes:
    return pack_rtcp_packet(packet_type, fmt, struct.pack("!LL", 0x11, 0x22) + fci)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", TOO_SHORT),
        (b"\x80\xc9\x00", TOO_SHORT),
        (b"\x40\xc9\x00\x01\0\0\0\1", BAD_VERSION),
        (b"\x80\x60\x00\x01\0\0\0\1", BAD_TYPE),
        (b"\x80\xe0\x00\x01\0\0\0\1", BAD_TYPE),
        (b"\x80\xc9\x00\x02\0\0\0\1", BAD_LENGTH),
        (b"\x80\xc9\xff\xff\0\0\0\1", BAD_LENGTH),
        (b"\xa0\xc9\x00\x02\0\0\0\1\0\0\0\0", BAD_PADDING),
        (b"\xa0\xc9\x00\x02\0\0\0\1\0\0\0\x09", BAD_PADDING),
        (b"\xa0\xc9\x00\x00", BAD_PADDING),
        (b"\xa0\xc9\x00\x02\0\0\0\1\0\0\0\x05", BAD_REPORT),
        (b"\x80\xc9\x00\x00", BAD_REPORT),
        (b"\x81\xc9\x00\x01\0\0\0\1", BAD_REPORT),
        (b"\x80\xc8\x00\x05" + bytes(20), BAD_REPORT),
        (b"\x81\xca\x00\x00", BAD_SDES),
        (b"\x81\xca\x00\x02\0\0\0\1\x01\x03ab", BAD_SDES),
        (b"\x82\xca\x00\x02\0\0\0\1\x01\x01a\0", BAD_SDES),
        (b"\x82\xcb\x00\x01\0\0\0\1", BAD_BYE),
        (b"\x81\xcb\x00\x02\0\0\0\1\x04bye", BAD_BYE),
        (b"\x81\xcd\x00\x01\0\0\0\1", BAD_FEEDBACK),
        (feedback(205, 1, b""), BAD_FEEDBACK),
        (feedback(205, 15, bytes(4)), BAD_FEEDBACK),
        (feedback(206, 4, b""), BAD_FEEDBACK),
        (feedback(206, 4, bytes(12)), BAD_FEEDBACK),
        (feedback(206, 15, b"REMB\x02\0\0\0" + bytes(4)), BAD_FEEDBACK),
        (b"\x80\xcf\x00\x00", BAD_XR),
        (b"\x80\xcf\x00\x02\0\0\0\1\x04\0\0\2", BAD_XR),
        (b"\x80\xcf\x00\x03\0\0\0\1\x04\0\0\1\0\0\0\0", BAD_XR),
        (b"\x80\xcf\x00\x03\0\0\0\1\x05\0\0\1\0\0\0\0", BAD_XR),
    ],
)
def test_malformed_packet_is_refused_with_its_reason(data: bytes, code: int) -> None:
    assert rtcp.check(data) == code
    good = pack_rtcp_packet(201, 0, struct.pack("!L", 7))
    if data:
        assert rtcp.check(good + data) == code
        kinds = [item.kind for item in rtcp.read(good + data)]
        assert kinds[0] == "RR" and len(kinds) == 1


def test_padding_is_excluded_from_every_packet_of_a_compound() -> None:
    nack = b"\xa1\xcd\x00\x04\0\0\0\1\0\0\0\2\x00\x05\x00\x00\0\0\0\x04"
    data = nack + nack
    assert rtcp.check(data) == OK
    assert nack_sequences(rtcp.read(data)) == [5, 5]


def test_nack_mask_wraps_over_zero() -> None:
    data = feedback(205, 1, struct.pack("!HH", 0xFFFE, 0b1011))
    assert nack_sequences(rtcp.read(data)) == [0xFFFE, 0xFFFF, 0, 2]


def test_second_sdes_chunk_starts_on_a_word_boundary() -> None:
    data = b"\x82\xca\x00\x05\0\0\0\1\x01\x02ab\0\0\0\0" + b"\0\0\0\2\x01\x01c\0"
    assert rtcp.check(data) == OK
    assert [(item.sender_ssrc, item.data) for item in rtcp.read(data)] == [(1, b"ab"), (2, b"c")]


def test_last_sdes_chunk_may_lack_its_terminator() -> None:
    data = b"\x81\xca\x00\x02\0\0\0\1\x01\x02ab"
    assert rtcp.check(data) == OK
    assert [item.data for item in rtcp.read(data)] == [b"ab"]


def test_empty_rr_is_an_item_and_names_its_sender() -> None:
    (item,) = rtcp.read(b"\x80\xc9\x00\x01\0\0\0\x09")
    assert (item.kind, item.sender_ssrc, item.format) == ("RR", 9, 0)


def test_fir_entries_name_their_ssrc_and_command() -> None:
    data = feedback(206, 4, struct.pack("!LBxxxLBxxx", 5, 250, 6, 251))
    assert [(i.kind, i.media_ssrc, i.fir_sequence) for i in rtcp.read(data)] == [
        ("FIR", 5, 250),
        ("FIR", 6, 251),
    ]


def test_twcc_item_is_the_whole_packet_with_its_padding() -> None:
    packet = b"\xaf\xcd\x00\x06" + struct.pack("!LLHHL", 1, 2, 10, 1, 0) + b"\x20\x01\x00\x00\0\0\0\x04"
    packet = packet[:2] + struct.pack("!H", len(packet) // 4 - 1) + packet[4:]
    items = rtcp.read(pack_rtcp_packet(201, 0, bytes(4)) + packet)
    assert [item.kind for item in items] == ["RR", "TWCC"]
    assert items[1].data == packet and items[1].media_ssrc == 2


def test_remb_beyond_63_bits_saturates() -> None:
    fci = b"REMB\x01" + bytes([63 << 2 | 3, 0xFF, 0xFF]) + struct.pack("!L", 77)
    (item,) = rtcp.read(feedback(206, 15, fci))
    assert (item.kind, item.bitrate, item.media_ssrc) == ("REMB", 2**63 - 1, 77)


def test_xr_blocks_known_and_unknown_come_in_order() -> None:
    body = struct.pack("!L", 3) + b"\x04\0\0\x02" + struct.pack("!Q", 2**63 + 5)
    body += b"\x63\0\0\x01abcd" + b"\x05\0\0\x06" + struct.pack("!6L", 1, 2, 3, 4, 5, 6) + b"\x05\0\0\0"
    data = pack_rtcp_packet(207, 0, body)
    assert rtcp.check(data) == OK
    items = rtcp.read(data)
    assert [item.kind for item in items] == ["RRTR", "OTHER", "DLRR", "DLRR"]
    assert items[0].ntp == 2**63 + 5
    assert items[1].data == b"\x63\0\0\x01abcd"
    assert [(i.sender_ssrc, i.media_ssrc, i.lsr, i.dlsr) for i in items[2:]] == [(3, 1, 2, 3), (3, 4, 5, 6)]


@pytest.mark.parametrize(
    "packet",
    [
        pack_rtcp_packet(204, 0, struct.pack("!L", 1) + b"NAME"),
        feedback(206, 2, bytes(8)),
        feedback(206, 15, b"JUNK"),
        feedback(205, 11, bytes(8)),
    ],
)
def test_unknown_packet_is_handed_over_whole(packet: bytes) -> None:
    assert rtcp.check(packet) == OK
    (item,) = rtcp.read(packet)
    assert (item.kind, item.data, item.packet_type) == ("OTHER", packet, packet[1])
