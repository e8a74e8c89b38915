"""media.rtp.header: agreement with aiortc, tolerance and refusal."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from aiortc.rtp import RtpPacket as OraclePacket
from hypothesis import given
from hypothesis import strategies as st

from media.rtp.header import PacketError, build, is_rtcp, parse

extensions = st.lists(
    st.tuples(st.integers(1, 14), st.binary(min_size=1, max_size=16)),
    max_size=5,
    unique_by=lambda item: item[0],
)
wide_extensions = st.lists(st.tuples(st.integers(1, 255), st.binary(max_size=40)), max_size=5)


@given(
    payload=st.binary(max_size=300),
    payload_type=st.integers(0, 127),
    sequence=st.integers(0, 2**16 - 1),
    timestamp=st.integers(0, 2**32 - 1),
    ssrc=st.integers(0, 2**32 - 1),
    marker=st.booleans(),
    elements=st.one_of(extensions, wide_extensions),
)
def test_built_packet_is_read_by_us_and_by_aiortc(
    payload: bytes,
    payload_type: int,
    sequence: int,
    timestamp: int,
    ssrc: int,
    marker: bool,
    elements: list[tuple[int, bytes]],
) -> None:
    packet = build(
        payload,
        payload_type=payload_type,
        sequence=sequence,
        timestamp=timestamp,
        ssrc=ssrc,
        marker=marker,
        extensions=elements,
    )
    read = parse(packet)
    assert (read.payload_type, read.marker, read.sequence) == (payload_type, marker, sequence)
    assert (read.timestamp, read.ssrc, read.payload) == (timestamp, ssrc, payload)
    assert read.extensions == tuple(elements)
    oracle = OraclePacket.parse(packet)
    assert (oracle.payload_type, oracle.marker, oracle.sequence_number) == (payload_type, marker, sequence)
    assert (oracle.timestamp, oracle.ssrc, oracle.payload) == (timestamp, ssrc, payload)


def test_sequence_and_timestamp_wrap() -> None:
    read = parse(build(b"x", payload_type=96, sequence=65536, timestamp=2**32 + 5, ssrc=1))
    assert (read.sequence, read.timestamp) == (0, 5)


def test_padding_and_csrcs_are_taken_off() -> None:
    packet = bytearray(build(b"payload", payload_type=96, sequence=1, timestamp=2, ssrc=3))
    packet[0] |= 0x22
    packet[12:12] = bytes(8)
    packet += b"\x00\x00\x03"
    read = parse(bytes(packet))
    assert (read.payload, read.padding) == (b"payload", 3)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        bytes(11),
        bytes(12),
        b"\x40" + bytes(20),
        b"\x8f" + bytes(20),  # CSRCs beyond the end
        b"\x90" + bytes(13),  # extension header cut
        b"\x90" + bytes(11) + b"\xbe\xde\x00\x05" + bytes(4),
        b"\x90" + bytes(11) + b"\xbe\xde\x00\x01" + b"\x1f\x00\x00\x00",  # element beyond the extension
        b"\x90" + bytes(11) + b"\x10\x00\x00\x01" + b"\x00\x00\x00\x07",
        b"\xa0" + bytes(11) + b"\x02",  # padding longer than the payload
        b"\xa0" + bytes(12),  # padding of zero
    ],
)
def test_lying_lengths_are_refused(packet: bytes) -> None:
    with pytest.raises(PacketError):
        parse(packet)


@given(
    data=st.binary(max_size=100),
    csrcs=st.integers(0, 3),
    profile=st.sampled_from([0xBEDE, 0x1000, 0x1005, 0xABCD]),
    words=st.integers(0, 4),
    padding=st.integers(0, 12),
)
def test_arbitrary_bytes_are_parsed_or_refused(data: bytes, csrcs: int, profile: int, words: int, padding: int) -> None:
    extended = bytes(11 + 4 * csrcs) + struct.pack("!HH", profile, words) + data
    for packet in (data, bytes([0x90 | csrcs]) + extended, bytes([0xB0 | csrcs]) + extended + bytes([padding])):
        try:
            read = parse(packet)
        except PacketError:
            continue
        end = len(packet) - read.padding
        assert packet[end - len(read.payload) : end] == read.payload
        written = build(
            read.payload,
            payload_type=read.payload_type,
            sequence=read.sequence,
            timestamp=read.timestamp,
            ssrc=read.ssrc,
            marker=read.marker,
            extensions=read.extensions,
        )
        assert parse(written) == replace(read, padding=0)


def test_element_with_id_15_ends_the_list() -> None:
    packet = b"\x90" + bytes(11) + b"\xbe\xde\x00\x01" + b"\x10\xaa\xf0\xbb"
    assert parse(packet).extensions == ((1, b"\xaa"),)


def test_rtcp_is_told_from_rtp() -> None:
    assert is_rtcp(b"\x80\xc8") and is_rtcp(b"\x81\xce")
    assert not is_rtcp(b"\x80\x60") and not is_rtcp(b"\x80\xe0") and not is_rtcp(b"\x80")
