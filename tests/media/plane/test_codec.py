"""Keyframe starts, picture sizes and the VP8 descriptor, on what real encoders write."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from aiortc.codecs.vpx import VpxPayloadDescriptor
from hypothesis import given
from hypothesis import strategies as st

from media.plane.codec import CODECS, is_video, picture_size, starts_keyframe, vp8_descriptor
from tests.media.plane.payloads import (
    EncodedPicture,
    av1,
    encoded,
    h264_aggregated,
    h264_single,
    h265_aggregated,
    h265_single,
    leb128,
    nal_units,
    obus,
    vp9,
)

VIDEO = ["H264", "H265", "VP8", "VP9", "AV1"]


def starts(codec: str, payloads: list[bytes]) -> list[int]:
    return [number for number, payload in enumerate(payloads) if starts_keyframe(codec, payload)]


def keyframe(codec: str, *arguments: Any, **options: Any) -> EncodedPicture:
    return encoded(codec, *arguments, **options)[0]


@pytest.mark.parametrize("codec", VIDEO)
def test_a_keyframe_starts_at_its_first_packet_and_other_pictures_start_none(codec: str) -> None:
    pictures = encoded(codec)
    assert [picture.is_keyframe for picture in pictures] == [True, False, False, False, True, False, False]
    for picture in pictures:
        found = starts(codec, list(picture.payloads))
        if picture.is_keyframe:
            assert found and found[0] == 0
        else:
            assert not found


@pytest.mark.parametrize("codec", VIDEO)
def test_the_rest_of_a_large_keyframe_does_not_start_one(codec: str) -> None:
    picture = keyframe(codec)
    assert len(picture.payloads) > 20
    # H.264 and H.265 may start twice: at the parameter sets and at the first slice.
    assert len(starts(codec, list(picture.payloads))) <= (2 if codec in ("H264", "H265") else 1)


def test_h264_slices_after_the_first_do_not_start_a_keyframe() -> None:
    picture = keyframe("H264", options=(("x264-params", "slices=4"),), pixels="yuv420p", width=64, height=64)
    units = h264_single(picture.data)
    kinds = [unit[0] & 0x1F for unit in units]
    assert kinds.count(5) == 4
    assert [kinds[number] for number in starts("H264", units)] == [7, 5]
    assert starts("H264", [unit for unit in units if unit[0] & 0x1F == 5]) == [0]


def test_h264_parameter_sets_in_one_aggregate_with_the_picture() -> None:
    picture = encoded("H264", 64, 64)[0]
    units = [unit for unit in nal_units(picture.data) if unit[0] & 0x1F in (7, 8)]
    aggregate = b"\x78" + b"".join(len(unit).to_bytes(2, "big") + unit for unit in [*units[1:], units[0]])
    assert starts_keyframe("H264", aggregate)
    assert picture_size("H264", aggregate) == (64, 64)
    assert not starts_keyframe("H264", b"\x78" + len(units[1]).to_bytes(2, "big") + units[1])


@pytest.mark.parametrize("packetise", [h265_single, h265_aggregated])
def test_h265_single_units_aggregates_and_fragments(packetise: Callable[[bytes], Iterable[bytes]]) -> None:
    for picture in encoded("H265"):
        payloads = list(packetise(picture.data))
        assert bool(starts("H265", payloads)) == picture.is_keyframe
        if picture.is_keyframe:
            assert starts_keyframe("H265", payloads[0])
            assert any(payload[0] >> 1 & 0x3F == 49 for payload in payloads), "fragmented"
            assert {picture_size("H265", payload) for payload in payloads} == {None, (320, 180)}


@pytest.mark.parametrize("counted", [True, False])
def test_av1_with_and_without_element_count(counted: bool) -> None:
    for picture in encoded("AV1"):
        payloads = list(av1(picture.data, counted))
        assert starts("AV1", payloads) == ([0] if picture.is_keyframe else [])
        assert [picture_size("AV1", payload) for payload in payloads[:1]] == (
            [(320, 180)] if picture.is_keyframe else [None]
        )


def test_av1_sequence_header_behind_another_obu_and_with_a_size_field() -> None:
    header = next(unit for unit in obus(keyframe("AV1").data) if unit[0] >> 3 & 0x0F == 1)
    padding = b"\x78\x01\x02"
    sized = bytes([header[0] | 0x02]) + leb128(len(header) - 1) + header[1:]
    assert picture_size("AV1", b"\x28" + leb128(len(padding)) + padding + header) == (320, 180)
    assert picture_size("AV1", b"\x18" + sized) == (320, 180)
    assert picture_size("AV1", b"\x10" + sized) is None, "N is not set"
    assert picture_size("AV1", b"\x98" + sized) is None, "begins with the rest of another OBU"


@pytest.mark.parametrize(
    ("codec", "pixels", "options"),
    [
        ("H264", "yuv420p", ()),
        ("H264", "yuv422p", ()),
        ("H264", "yuv444p", ()),
        ("H264", "gray", ()),
        ("H264", "yuv420p", (("x264-params", "interlaced=1"),)),
        ("H264", "yuv420p", (("preset", "medium"), ("profile", "high"), ("x264-params", "cqm=jvt"))),
        ("H264", "yuv420p", (("profile", "baseline"), ("bf", "0"))),
        ("H264", "yuv420p", (("preset", "medium"), ("tune", "film"), ("bf", "3"))),
        ("H265", "yuv420p", ()),
        ("H265", "yuv422p", ()),
        ("H265", "yuv444p", ()),
        ("H265", "yuv420p10le", ()),
        (
            "H265",
            "yuv420p",
            (("x265-params", "log-level=none:pools=1:temporal-layers=3"), ("tune", "fastdecode")),
        ),
        ("VP8", "yuv420p", ()),
        ("VP9", "yuv420p", ()),
        ("VP9", "yuv444p", ()),
        ("VP9", "gbrp", ()),
        ("AV1", "yuv420p", ()),
        ("AV1", "yuv420p10le", ()),
    ],
)
@pytest.mark.parametrize("size", [(1280, 720), (638, 358), (66, 70)])
def test_the_picture_size_is_the_encoders(
    codec: str, pixels: str, options: tuple[tuple[str, str], ...], size: tuple[int, int]
) -> None:
    if "interlaced=1" in str(options):
        size = (size[0], size[1] // 4 * 4)
    picture = keyframe(codec, *size, pixels, options, (0,), 1)
    assert [picture_size(codec, payload) for payload in picture.payloads if starts_keyframe(codec, payload)][:1] == [
        size
    ]


@pytest.mark.parametrize(
    ("profile", "color"),
    [("10", "0010000"), ("01", "00010"), ("110", "10101010"), ("110", "01110")],
    ids=["4:4:4", "4:2:0 ten bits", "4:4:0 twelve bits", "RGB ten bits"],
)
def test_vp9_profiles_place_the_size_behind_different_color_fields(profile: str, color: str) -> None:
    sync = format(0x498342, "024b")
    # frame marker, profile, no existing frame, keyframe, shown, not resilient
    bits = "10" + profile + "00" + "10" + sync + color
    bits += format(1919, "016b") + format(1079, "016b")
    bits += "0" * (-len(bits) % 8)
    frame = int(bits, 2).to_bytes(len(bits) // 8, "big")
    assert picture_size("VP9", b"\x08" + frame) == (1920, 1080)
    for cut in range(len(frame)):
        assert picture_size("VP9", b"\x08" + frame[:cut]) is None


def test_vp9_takes_the_largest_layer_of_a_scalability_structure() -> None:
    data = keyframe("VP9").data
    sizes = b"".join(side.to_bytes(2, "big") for side in (320, 180, 640, 360, 1280, 720))
    groups = bytes([2, 0x00, 0x18, 1, 2])
    first, *rest = vp9(data, bytes([2 << 5 | 0x18]) + sizes + groups)
    assert picture_size("VP9", first) == (1280, 720)
    assert {picture_size("VP9", payload) for payload in rest} == {None}
    without_sizes = next(vp9(data, bytes([0x08]) + groups))
    assert picture_size("VP9", without_sizes) == (320, 180), "from the frame behind the structure"


def test_vp9_upper_layers_and_continued_frames_do_not_start_a_keyframe() -> None:
    base = bytes([0xAC, 0x81, 0x00, 0x00, 0x07, 0x82])
    assert starts_keyframe("VP9", base)
    assert not starts_keyframe("VP9", bytes([0xEC, *base[1:]])), "P"
    assert not starts_keyframe("VP9", bytes([0xA4, *base[1:]])), "no B"
    assert not starts_keyframe("VP9", bytes([0xAC, 0x81, 0x00, 0x02, 0x07, 0x82])), "spatial layer 1"
    assert starts_keyframe("VP9", bytes([0xAC, 0x01, 0x00, 0x07, 0x82])), "short picture id"
    assert starts_keyframe("VP9", bytes([0x08, 0x82])), "neither picture id nor layers"


def test_sound_and_unknown_codecs_begin_anywhere_and_nothing_has_no_start() -> None:
    for codec in CODECS:
        assert is_video(codec) == (codec in VIDEO)
        assert not starts_keyframe(codec, b"")
        assert picture_size(codec, b"") is None
    assert all(starts_keyframe(codec, b"\xfc") for codec in ("OPUS", "G722", "PCMU", "PCMA", "OTHER"))
    assert not starts_keyframe("NONE", b"\xfc")


optional = st.one_of(st.none(), st.integers(0, 255))


@given(
    picture_id=st.one_of(st.none(), st.sampled_from([0, 1, 127, 128, 32767]), st.integers(0, 32767)),
    tl0=optional,
    temporal=st.one_of(st.none(), st.tuples(st.integers(0, 3), st.integers(0, 1))),
    key_index=st.one_of(st.none(), st.integers(0, 31)),
    start=st.integers(0, 1),
    partition=st.integers(0, 7),
)
def test_vp8_descriptor_reads_what_aiortc_writes(
    picture_id: int | None,
    tl0: int | None,
    temporal: tuple[int, int] | None,
    key_index: int | None,
    start: int,
    partition: int,
) -> None:
    written = bytes(
        VpxPayloadDescriptor(start, partition, picture_id=picture_id, tl0picidx=tl0, tid=temporal, keyidx=key_index)
    )
    fields = vp8_descriptor(written + b"\x00")
    assert fields is not None
    assert fields["header_bytes"] == len(written)
    assert fields["picture_id"] == (-1 if picture_id is None else picture_id)
    assert fields["tl0_picture_index"] == (-1 if tl0 is None else tl0)
    assert fields["temporal_id"] == (-1 if temporal is None else temporal[0])
    assert fields["layer_sync"] == (temporal[1] if temporal else 0)
    assert fields["key_index"] == (-1 if key_index is None else key_index)
    assert (fields["starts_partition"], fields["partition"]) == (start, partition)
    assert starts_keyframe("VP8", written + b"\x00") == (start == 1 and partition == 0)
    assert not starts_keyframe("VP8", written + b"\x01"), "P: predicted"
    assert not starts_keyframe("VP8", written), "descriptor alone"
    for cut in range(len(written)):
        assert vp8_descriptor(written[:cut]) is None


@pytest.mark.parametrize("codec", VIDEO)
def test_every_prefix_of_a_keyframe_is_read_without_confusion(codec: str) -> None:
    picture = keyframe(codec, 320, 180)
    for cut in range(min(len(picture.payloads[0]), 200)):
        assert picture_size(codec, picture.payloads[0][:cut]) in (None, (320, 180))


def test_h264_lengths_that_lie_end_the_aggregate() -> None:
    sps = next(unit for unit in nal_units(encoded("H264", 64, 64)[0].data) if unit[0] & 0x1F == 7)
    good = b"\x78" + len(sps).to_bytes(2, "big") + sps
    assert picture_size("H264", good) == (64, 64)
    assert picture_size("H264", b"\x78\x00\x00" + good[1:]) is None, "empty unit"
    assert picture_size("H264", b"\x78" + (len(sps) + 1).to_bytes(2, "big") + sps) is None, "past the end"
    assert not starts_keyframe("H264", b"\x78\xff\xff\x67")
    assert h264_aggregated(b"\x00\x00\x00\x01" + sps) == [sps]


def test_sizes_that_no_codec_allows_are_not_told() -> None:
    # baseline SPS: profile, constraints, level, then ue(v) fields: id 0, frame num 0, POC type 2, refs 0,
    # gaps 0, width 2**20 macroblocks, height 1, frames only
    bits = "1" + "1" + "011" + "1" + "0" + "0" * 20 + "1" + "0" * 20 + "1" + "1" + "1" + "0" + "0" + "1"
    bits += "0" * (-len(bits) % 8)
    body = bytes([66, 0, 30]) + int(bits, 2).to_bytes(len(bits) // 8, "big")
    assert picture_size("H264", b"\x67" + body) is None
    vp8_zero = b"\x10\x00\x00\x00\x9d\x01\x2a" + bytes(4)
    assert starts_keyframe("VP8", vp8_zero)
    assert picture_size("VP8", vp8_zero) is None
