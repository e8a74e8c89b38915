"""media.rtp.h265: units come back from every kind of payload that RFC 7798 has without DONL."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.rtp.h265 import depacketize, starts_picture
from media.rtp.header import PayloadError
from tests.media.plane.payloads import encoded, h265_aggregated, h265_single, nal_units


@pytest.mark.parametrize("packetise", [h265_single, h265_aggregated])
def test_units_of_an_encoder_come_back(packetise: type) -> None:
    for picture in encoded("H265"):
        payloads = list(packetise(picture.data))
        assert set(depacketize(payloads)) == set(nal_units(picture.data))
        assert starts_picture(payloads[0]) and not any(map(starts_picture, payloads[-2:-1]))


@pytest.mark.parametrize(
    "payloads",
    [
        [b"\x02\x01"],  # no body
        [b"\x60\x01\x00"],  # aggregate cut off in its size
        [b"\x60\x01\x00\x04\x02\x01x"],
        [b"\x60\x01\x00\x02\x02\x01"],  # a unit without a body
        [b"\x60\x01\x00\x03\x60\x01x"],  # an aggregate in an aggregate
        [b"\x64\x01xx"],  # PACI
        [b"\x62\x01\x93x"],  # begins and does not end
        [b"\x62\x01\x53x"],  # ends and did not begin
        [b"\x62\x01\xb0x", b"\x62\x01\x70x"],  # of an aggregate
        [b"\x62\x01\x93x", b"\x02\x01\x80"],
        [],
    ],
)
def test_what_is_cut_off_or_out_of_place_is_refused(payloads: list[bytes]) -> None:
    with pytest.raises(PayloadError):
        depacketize(payloads)


@pytest.mark.parametrize(
    ("payload", "starts"),
    [
        (b"\x40\x01v", True),  # VPS
        (b"\x42\x01s", True),  # SPS
        (b"\x46\x01\x50", True),  # delimiter
        (b"\x44\x01p", False),  # PPS
        (b"\x02\x01\x80", True),  # first slice segment
        (b"\x02\x01\x40", False),
        (b"\x62\x01\x81\x80", True),
        (b"\x62\x01\x81\x40", False),
        (b"\x62\x01\x01\x80", False),  # a later fragment
        (b"\x60\x01\x00\x03\x40\x01v", True),
        (b"\x60", False),
    ],
)
def test_beginning_of_a_picture_is_known_by_its_first_payload(payload: bytes, starts: bool) -> None:
    assert starts_picture(payload) is starts


@pytest.mark.fuzz
@given(st.lists(st.binary(max_size=40), max_size=6))
def test_hostile_payloads_give_units_or_an_error(payloads: list[bytes]) -> None:
    try:
        units = depacketize(payloads)
    except PayloadError:
        return
    assert all(units) and sum(map(len, units)) <= sum(map(len, payloads))
