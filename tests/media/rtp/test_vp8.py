"""media.rtp.vp8: frames come back whole from aiortc's depacketiser, numbered without a gap."""

from __future__ import annotations

import pytest
from aiortc.codecs.vpx import VpxPayloadDescriptor, vp8_depayload
from hypothesis import given
from hypothesis import strategies as st

from media.rtp.header import PayloadError
from media.rtp.vp8 import Vp8Packetizer, depacketize, is_keyframe
from tests.media.rtp.pictures import decoded_count, encoded


@given(st.binary(min_size=1, max_size=6000), st.integers(50, 1400))
def test_frame_comes_back_within_the_size(frame: bytes, most: int) -> None:
    payloads = Vp8Packetizer(0, most).packetize(frame)
    assert b"".join(map(vp8_depayload, payloads)) == frame
    assert depacketize(payloads) == frame
    assert max(map(len, payloads)) <= most
    starts = [VpxPayloadDescriptor.parse(payload)[0].partition_start for payload in payloads]
    assert starts == [1] + [0] * (len(payloads) - 1)


def test_picture_id_wraps_at_15_bits() -> None:
    packetizer = Vp8Packetizer(32766)
    identifiers = [VpxPayloadDescriptor.parse(packetizer.packetize(b"frame")[0])[0].picture_id for _ in range(4)]
    assert identifiers == [32766, 32767, 0, 1]


def test_encoder_output_decodes_after_the_round_trip() -> None:
    frames = encoded("libvpx")
    packetizer = Vp8Packetizer()
    rebuilt = [b"".join(map(vp8_depayload, packetizer.packetize(frame))) for frame in frames]
    assert decoded_count("vp8", rebuilt) == len(frames)
    assert is_keyframe(frames[0]) and not is_keyframe(frames[1])


def test_empty_frame_is_refused() -> None:
    with pytest.raises(PayloadError):
        Vp8Packetizer().packetize(b"")


@given(st.binary(min_size=1, max_size=40))
def test_any_descriptor_is_as_long_as_aiortc_takes_it_to_be(payload: bytes) -> None:
    try:
        ours: bytes | None = depacketize([payload])
    except PayloadError:
        ours = None
    try:
        theirs = vp8_depayload(payload) or None
    except (ValueError, IndexError):
        theirs = None
    assert ours == theirs
