"""Picture sizes read straight from stream headers; whole packets are test_codec's business."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.plane.bitstream import picture_size
from media.plane.names import Header
from tests.media.plane.payloads import encoded, nal_units, obus

SIZE = (322, 182)


def header_body(header: Header) -> bytes:
    """The header as a real encoder wrote it, without the NAL unit or OBU header."""
    if header == "h264_sps":
        picture = encoded("H264", *SIZE, count=1)[0]
        return next(unit[1:] for unit in nal_units(picture.data) if unit[0] & 0x1F == 7)
    if header == "h265_sps":
        picture = encoded("H265", *SIZE, count=1)[0]
        return next(unit[2:] for unit in nal_units(picture.data) if unit[0] >> 1 == 33)
    if header == "av1_sequence_header":
        picture = encoded("AV1", *SIZE, count=1)[0]
        return next(unit[1:] for unit in obus(picture.data) if unit[0] >> 3 & 0x0F == 1)
    return encoded("VP8" if header == "vp8_frame" else "VP9", *SIZE, count=1)[0].data[:64]


HEADERS: tuple[Header, ...] = ("h264_sps", "h265_sps", "vp8_frame", "vp9_frame", "av1_sequence_header")


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_tells_its_size_and_a_cut_one_tells_nothing_else(header: Header) -> None:
    body = header_body(header)
    assert picture_size(header, body) == SIZE
    told = [picture_size(header, body[:cut]) for cut in range(len(body))]
    assert told[0] is None and set(told) <= {None, SIZE}


@pytest.mark.parametrize("header", HEADERS)
@given(body=st.binary(max_size=80))
def test_random_bytes_tell_a_possible_size_or_none(header: Header, body: bytes) -> None:
    size = picture_size(header, body)
    assert size is None or (1 <= size[0] <= 32768 and 1 <= size[1] <= 32768)


def test_av1_header_with_timing_decoder_model_and_operating_points() -> None:
    bits = "00000"  # main profile, moving, full header
    bits += "1" + format(1, "032b") + format(30, "032b") + "1" + "010"  # timing, equal intervals, uvlc 1
    bits += "1" + format(9, "05b") + format(1, "032b") + format(9, "05b") * 2  # decoder model, ten-bit delays
    bits += "1" + format(1, "05b")  # display delays, two operating points
    bits += format(0x103, "012b") + format(9, "05b") + "1" + "1" + "0" * 21 + "1" + "0101"
    bits += format(0x101, "012b") + format(4, "05b") + "0" + "0"
    bits += format(10, "04b") + format(9, "04b") + format(1279, "011b") + format(719, "010b")
    bits += "0" * (-len(bits) % 8)
    body = int(bits, 2).to_bytes(len(bits) // 8, "big")
    assert picture_size("av1_sequence_header", body) == (1280, 720)
    reduced = "00011" + format(4, "05b") + format(7, "04b") * 2 + format(99, "08b") + format(49, "08b")
    reduced += "0" * (-len(reduced) % 8)
    body = int(reduced, 2).to_bytes(len(reduced) // 8, "big")
    assert picture_size("av1_sequence_header", body) == (100, 50)


def test_an_unknown_kind_of_header_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown header kind 'theora'"):
        picture_size("theora", b"")  # type: ignore[arg-type]
