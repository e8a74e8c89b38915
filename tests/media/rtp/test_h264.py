"""media.rtp.h264: every access unit comes back whole from aiortc's depacketiser and decodes."""

from __future__ import annotations

import pytest
from aiortc.codecs.h264 import h264_depayload
from hypothesis import given
from hypothesis import strategies as st

from media.rtp.h264 import MAX_PAYLOAD_BYTES, depacketize, is_keyframe, packetize, split_annex_b
from media.rtp.header import PayloadError
from tests.media.rtp.pictures import decoded_count, encoded

# No start code inside and no trailing zero: what emulation prevention guarantees.
units = st.builds(
    lambda kind, importance, body: bytes((importance << 5 | kind,)) + body,
    st.sampled_from([1, 5, 6, 7, 8, 9]),
    st.integers(0, 3),
    st.integers(1, 5000).map(lambda size: bytes(1 + i % 255 for i in range(size))),
)


def rebuilt(payloads: list[bytes]) -> list[bytes]:
    return split_annex_b(b"".join(h264_depayload(payload) for payload in payloads))


@given(st.lists(units, min_size=1, max_size=8), st.integers(100, 1400))
def test_units_come_back_in_order_within_the_size(access_unit: list[bytes], most: int) -> None:
    payloads = packetize(access_unit, most)
    assert rebuilt(payloads) == access_unit
    assert depacketize(payloads) == access_unit
    assert max(map(len, payloads)) <= most


def test_encoder_output_decodes_after_the_round_trip() -> None:
    frames = encoded("libx264")
    rebuilt_frames, packets = [], 0
    for frame in frames:
        payloads = packetize(split_annex_b(frame))
        packets += len(payloads)
        rebuilt_frames.append(b"".join(h264_depayload(payload) for payload in payloads))
    assert packets > 2 * len(frames)
    assert decoded_count("h264", rebuilt_frames) == len(frames)


def test_parameter_sets_travel_in_one_aggregate_before_the_picture() -> None:
    sps, pps, idr = b"\x67" + b"s" * 20, b"\x68" + b"p" * 4, b"\x65" + b"i" * 100
    first, second = packetize([sps, pps, idr])
    assert first[0] == 0x78  # STAP-A with the greatest NRI
    assert first[1:] == b"\x00\x15" + sps + b"\x00\x05" + pps
    assert second == idr
    assert is_keyframe([sps, pps, idr]) and not is_keyframe([b"\x41x"])


def test_fragments_are_equal_to_a_byte() -> None:
    payloads = packetize([b"\x65" + b"x" * 10_000])
    sizes = sorted(map(len, payloads))
    assert len(payloads) == 9 and sizes[-1] - sizes[0] <= 1
    assert payloads[0][1] & 0xC0 == 0x80 and payloads[-1][1] & 0xC0 == 0x40


def test_unit_of_exactly_the_size_is_not_fragmented() -> None:
    assert len(packetize([b"\x65" + b"x" * (MAX_PAYLOAD_BYTES - 1)])) == 1
    assert len(packetize([b"\x65" + b"x" * MAX_PAYLOAD_BYTES])) == 2


def test_both_start_codes_and_trailing_zeros_are_taken_off() -> None:
    stream = b"\x00\x00\x00\x01\x67a\x00\x00\x01\x68b\x00\x00\x00\x00\x00\x01\x65c\x00"
    assert split_annex_b(stream) == [b"\x67a", b"\x68b", b"\x65c"]


@pytest.mark.parametrize("stream", [b"", b"\x00\x00\x01", b"no start code"])
def test_stream_without_units_is_refused(stream: bytes) -> None:
    with pytest.raises(PayloadError):
        split_annex_b(stream)


@pytest.mark.parametrize("unit", [b"", b"\x78aggregate", b"\x7cfragment", b"\x00"])
def test_units_that_rtp_would_misread_are_refused(unit: bytes) -> None:
    with pytest.raises(PayloadError):
        packetize([unit])


@pytest.mark.parametrize("lost", range(3))
def test_unit_with_a_fragment_missing_at_an_end_or_out_of_order_is_refused(lost: int) -> None:
    payloads = packetize([b"\x65" + b"x" * 3000])
    broken = [payloads[1], payloads[0], payloads[2]] if lost == 1 else payloads[:lost] + payloads[lost + 1 :]
    with pytest.raises(PayloadError):
        depacketize(broken)


@pytest.mark.fuzz
@given(st.lists(st.binary(max_size=40), max_size=6))
def test_hostile_payloads_give_units_or_an_error(payloads: list[bytes]) -> None:
    try:
        units = depacketize(payloads)
    except PayloadError:
        return
    assert all(units) and sum(map(len, units)) <= sum(map(len, payloads))
