from collections.abc import Iterable
from typing import cast

import av
import numpy as np
import pytest
from av.video.codeccontext import VideoCodecContext

from huishang.demo.encode import OpusEncoder, VideoEncoder
from huishang.demo.picture import BAND_HEIGHT, Picture
from huishang.demo.scenes import to_yuv
from huishang.demo.tone import SAMPLE_RATE, Tone
from huishang.demo.units import KEYFRAME_INTERVAL_S, UNITS, Scene, Unit, VideoCodec
from tests.huishang_demo.test_tone import strongest_hz

START_US = 1_790_000_000_000_000
DECODERS = {VideoCodec.H264: "h264", VideoCodec.VP8: "vp8"}
WITH_PICTURE = [unit for unit in UNITS if unit.video]


def is_keyframe(codec: VideoCodec, frame: bytes) -> bool:
    if codec is VideoCodec.VP8:
        return frame[0] & 1 == 0
    return b"\x00\x00\x01\x65" in frame


def frames(unit: Unit, count: int, keyframe_at: Iterable[int] = ()) -> list[bytes]:
    assert unit.video is not None
    picture = Picture(unit.video.scene, unit.name, unit.video.colour)
    encoder = VideoEncoder(unit.video.codec, 640, 360, unit.video.bitrate_bps)
    wanted = set(keyframe_at)
    coded = []
    for index in range(count):
        i420 = picture.compose(START_US + index * 66_667).copy()
        coded += encoder.encode(i420, index * 6_000, keyframe=index in wanted)
    return coded


@pytest.mark.parametrize("unit", WITH_PICTURE, ids=lambda unit: unit.id)
def test_decoded_picture_has_the_colour_of_its_unit(unit: Unit) -> None:
    assert unit.video is not None
    decoder = cast(VideoCodecContext, av.CodecContext.create(DECODERS[unit.video.codec], "r"))
    decoded = [frame for coded in frames(unit, 8) for frame in decoder.decode(av.Packet(coded))]
    last = decoded[-1].to_ndarray(format="yuv420p")
    band = last[360 - BAND_HEIGHT + 2 : 360 - BAND_HEIGHT + 10, 4:36]
    assert abs(float(band.mean()) - to_yuv(unit.video.colour)[0]) < 4
    flat = last.reshape(-1)
    at = (360 - BAND_HEIGHT + 4) // 2 * 320 + 10
    for plane, expected in ((640 * 360, 1), (640 * 360 * 5 // 4, 2)):
        assert abs(int(flat[plane + at]) - to_yuv(unit.video.colour)[expected]) < 8


def test_units_can_be_told_apart_by_colour_and_tone() -> None:
    tones = [unit.tone_hz for unit in UNITS]
    assert len(set(tones)) == len(tones)
    colours = [unit.video.colour for unit in UNITS if unit.video]
    for index, one in enumerate(colours):
        for other in colours[index + 1 :]:
            assert max(abs(a - b) for a, b in zip(one, other, strict=True)) > 40


@pytest.mark.parametrize("codec", list(VideoCodec))
def test_keyframe_comes_first_when_asked_and_every_few_seconds(codec: VideoCodec) -> None:
    unit = next(unit for unit in WITH_PICTURE if unit.video and unit.video.codec is codec)
    coded = frames(unit, 15 * KEYFRAME_INTERVAL_S + 25, keyframe_at=[20])
    keys = [index for index, frame in enumerate(coded) if is_keyframe(codec, frame)]
    assert keys[:2] == [0, 20]
    # Asked or not, the next comes about one interval after the first or after the one asked for.
    assert any(15 * KEYFRAME_INTERVAL_S <= key <= 15 * KEYFRAME_INTERVAL_S + 21 for key in keys[2:])


def test_h264_keyframe_carries_its_parameter_sets() -> None:
    unit = next(unit for unit in WITH_PICTURE if unit.video and unit.video.codec is VideoCodec.H264)
    coded = frames(unit, 12, keyframe_at=[10])
    for index in (0, 10):
        assert b"\x00\x00\x01\x67" in coded[index]
        assert b"\x00\x00\x01\x68" in coded[index]


@pytest.mark.parametrize("codec", list(VideoCodec))
def test_a_keyframe_is_of_a_few_ordinary_frames_and_without_an_interval_comes_when_asked_for_only(
    codec: VideoCodec,
) -> None:
    noise, bitrate_bps, asked = np.random.default_rng(1), 450_000, {0, 40, 100, 110}
    encoder = VideoEncoder(codec, 640, 360, bitrate_bps, keyframe_interval_s=None)
    picture = Picture(Scene.RIDGE, "县", (20, 98, 74))
    sizes = {}
    for index in range(150):
        i420 = picture.compose(START_US + index * 66_667).copy()
        i420[:360] = np.clip(i420[:360] + noise.normal(0.0, 3.0, (360, 640)), 0, 255)
        [frame] = encoder.encode(i420, index * 6_000, keyframe=index in asked)
        assert is_keyframe(codec, frame) == (index in asked)
        sizes[index] = len(frame)
    assert max(sizes[index] for index in asked) * 8 < 0.45 * bitrate_bps
    assert 0.8 < sum(sizes.values()) * 8 / (150 / 15) / bitrate_bps < 1.1


def test_every_frame_comes_out_at_once() -> None:
    encoder = VideoEncoder(VideoCodec.H264, 640, 360, 300_000)
    picture = Picture(Scene.ROOM, "县", (20, 98, 74))
    assert [len(encoder.encode(picture.compose(START_US + i), i * 6_000)) for i in range(5)] == [1] * 5


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.id)
def test_decoded_sound_is_the_tone_of_its_unit(unit: Unit) -> None:
    tone, encoder = Tone(unit.tone_hz), OpusEncoder()
    decoder = av.CodecContext.create("libopus", "r")
    blocks = []
    for index in range(100, 250):
        for coded in encoder.encode(tone.block(index), index * 960):
            assert len(coded) < 400
            blocks += [frame.to_ndarray() for frame in decoder.decode(av.Packet(coded))]
    mono = np.concatenate([block.reshape(-1, 2)[:, 0] if block.shape[0] == 1 else block[0] for block in blocks])
    assert decoder.sample_rate == SAMPLE_RATE
    assert abs(strongest_hz(mono.astype(float)) - unit.tone_hz) < 5
