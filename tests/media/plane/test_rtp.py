"""The RTP header reader against aiortc's, and against packets that lie."""

import pytest
from aiortc.rtp import HeaderExtensionsMap, RtpPacket, pack_header_extensions
from hypothesis import given
from hypothesis import strategies as st

from media.plane import rtp

TOO_SHORT, BAD_VERSION, BAD_EXTENSION, BAD_PADDING = -1, -2, -3, -4

u16, u32 = st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1)
identifiers = st.integers(1, 14)
one_byte = st.dictionaries(identifiers, st.binary(min_size=1, max_size=16), max_size=6)
any_size = st.dictionaries(identifiers, st.binary(min_size=0, max_size=255), max_size=6)
KINDS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 14: 8}


def packet(
    marker: int, payload_type: int, sequence: int, timestamp: int, ssrc: int, payload: bytes, csrc: list[int]
) -> RtpPacket:
    made = RtpPacket(payload_type, marker, sequence, timestamp, ssrc, payload)
    made.csrc = csrc
    return made


packets = st.builds(
    packet, st.integers(0, 1), st.integers(0, 127), u16, u32, u32, st.binary(max_size=100), st.lists(u32, max_size=15)
)


def with_extensions(data: bytes, elements: dict[int, bytes]) -> bytes:
    profile, block = pack_header_extensions(sorted(elements.items()))
    if not elements:
        return data
    at = 12 + 4 * (data[0] & 15)
    head = profile.to_bytes(2, "big") + (len(block) // 4).to_bytes(2, "big")
    return bytes([data[0] | 0x10]) + data[1:at] + head + block + data[at:]


def parsed(data: bytes, **options: bool) -> tuple["rtp.RtpFields", dict[int, bytes]]:
    found = rtp.parse(data, kinds=KINDS, **options)
    assert isinstance(found, tuple), found
    return found


@given(packets, st.one_of(one_byte, any_size), st.integers(0, 20))
def test_every_field_is_read_as_another_implementation_wrote_it(
    made: RtpPacket, elements: dict[int, bytes], padding: int
) -> None:
    made.padding_size = padding
    data = with_extensions(made.serialize(HeaderExtensionsMap()), elements)
    fields, values = parsed(data)
    assert fields == {
        "marker": made.marker,
        "payload_type": made.payload_type,
        "sequence": made.sequence_number,
        "timestamp": made.timestamp,
        "ssrc": made.ssrc,
        "payload": made.payload,
    }
    assert values == {KINDS[number]: value for number, value in elements.items() if number in KINDS}


@given(packets, one_byte)
def test_padding_is_not_looked_at_while_it_is_encrypted(made: RtpPacket, elements: dict[int, bytes]) -> None:
    data = with_extensions(made.serialize(HeaderExtensionsMap()), elements)
    secret = bytes([data[0] | 0x20]) + data[1:]
    fields, _ = parsed(secret, protected=True)
    assert fields["payload"] == made.payload


@given(packets, one_byte, st.data())
def test_a_cut_packet_is_short_or_loses_payload_only(
    made: RtpPacket, elements: dict[int, bytes], data: st.DataObject
) -> None:
    whole = with_extensions(made.serialize(HeaderExtensionsMap()), elements)
    length = data.draw(st.integers(0, len(whole)))
    found = rtp.parse(whole[:length], kinds=KINDS)
    header = len(whole) - len(made.payload)
    if length >= header:
        assert isinstance(found, tuple)
        assert found[0]["payload"] == made.payload[: length - header]
    else:
        assert found in (TOO_SHORT, BAD_EXTENSION)


@given(st.binary(max_size=80))
def test_any_bytes_get_an_answer_within_their_bounds(data: bytes) -> None:
    for protected in (False, True):
        found = rtp.parse(data, protected, KINDS)
        if isinstance(found, tuple):
            assert found[0]["payload"] in data
            assert all(value in data for value in found[1].values())
        else:
            assert found in (TOO_SHORT, BAD_VERSION, BAD_EXTENSION, BAD_PADDING)


HEADER = bytes([0x80, 96]) + bytes(10)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", TOO_SHORT),
        (HEADER[:11], TOO_SHORT),
        (b"\x40" + HEADER[1:], BAD_VERSION),
        (b"\x81" + HEADER[1:] + bytes(3), TOO_SHORT),
        (b"\x8f" + HEADER[1:] + bytes(59), TOO_SHORT),
        (b"\x90" + HEADER[1:] + b"\xbe\xde\0", BAD_EXTENSION),
        (b"\x90" + HEADER[1:] + b"\xbe\xde\0\1\0\0\0", BAD_EXTENSION),
        (b"\x90" + HEADER[1:] + b"\xbe\xde\xff\xff" + bytes(100), BAD_EXTENSION),
        (b"\xa0" + HEADER[1:], BAD_PADDING),
        (b"\xa0" + HEADER[1:] + b"\0", BAD_PADDING),
        (b"\xa0" + HEADER[1:] + b"ab\4", BAD_PADDING),
    ],
)
def test_a_lying_header_is_refused(data: bytes, code: int) -> None:
    assert rtp.parse(data) == code


@pytest.mark.parametrize(
    ("block", "values"),
    [
        (b"\xbe\xde\0\1\x10\xaa\0\0", {1: b"\xaa"}),
        (b"\xbe\xde\0\1\0\x10\xaa\0", {1: b"\xaa"}),
        (b"\xbe\xde\0\1\xf0\x10\xaa\0", {}),
        (b"\xbe\xde\0\1\x1f\xaa\0\0", {}),
        (b"\xbe\xde\0\2\x10\xaa\x27\0\0\0\0\0", {1: b"\xaa"}),
        (b"\x10\x00\0\1\x01\x01\xaa\0", {1: b"\xaa"}),
        (b"\x10\x0f\0\1\x01\x00\0\0", {1: b""}),
        (b"\x10\x00\0\1\x01\x09\xaa\0", {}),
        (b"\x10\x00\0\1\0\0\0\x01", {}),
        (b"\x10\x00\0\1\xff\x01\xaa\0", {}),
        (b"\x12\x34\0\1\x10\xaa\0\0", {}),
        (b"\xbe\xde\0\0", {}),
    ],
)
def test_odd_elements_end_the_search_or_are_skipped(block: bytes, values: dict[int, bytes]) -> None:
    fields, found = parsed(b"\x90" + HEADER[1:] + block + b"payload")
    assert found == values
    assert fields["payload"] == b"payload"
