"""Which frame may follow which, and the silence where no sound came."""

from __future__ import annotations

import av
import numpy as np
import pytest
from av.audio.codeccontext import AudioCodecContext
from hypothesis import given
from hypothesis import strategies as st

from recorder.files import Codec, SegmentInvalid
from recorder.files.samples import MAX_GAP_US, OpusLine, PictureLine, PlainLine, Sample, us
from tests.recorder.files.frames import T0, frames

#: Packets of 2.5, 10, 20 and 60 ms: their TOC and how long they last.
PACKETS = ((b"\xe0x", 2500), (b"\xf0x", 10_000), (b"\xf8x", 20_000), (b"\x18x", 60_000))


def decode(packets: list[bytes], channels: int) -> list[float]:
    """Give the greatest sample in the second half of each packet: the first fades out what was before."""
    context = av.CodecContext.create("opus", "r")
    assert isinstance(context, AudioCodecContext)
    context.extradata = b"OpusHead\x01" + bytes((channels, 0, 0)) + (48_000).to_bytes(4, "little") + bytes(3)
    context.sample_rate, context.layout = 48_000, "stereo" if channels == 2 else "mono"
    return [
        float(np.abs(frame.to_ndarray()[:, frame.samples // 2 :]).max())
        for data in packets
        for frame in context.decode(av.Packet(data))
    ]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("heard_with", [1, 2])
def test_fills_are_silent_in_the_middle_of_a_tone(channels: int, heard_with: int) -> None:
    tone = [frame.data for frame in frames(Codec.OPUS, 1.0, channels)]
    line = OpusLine(T0, channels)
    line.take(tone[0], T0, True)
    *fills, _ = line.take(tone[1], T0 + 20_000 + 57_500, True)
    assert [sample.ticks for sample in fills] == [960, 960, 480, 240, 120]
    heard = decode([*tone[:10], *(sample.data for sample in fills), *tone[10:]], heard_with)
    assert min(heard[5:10]) > 0.1 and max(heard[10:15]) < 1e-6 and heard[-1] > 0.1


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(PACKETS), st.integers(0, 3), st.integers(-500, 500)), min_size=1, max_size=60
    )
)
def test_sound_stays_in_step_with_its_time_and_every_fill_is_told(
    steps: list[tuple[tuple[bytes, int], int, int]],
) -> None:
    line = OpusLine(T0, 1)
    taken: list[Sample] = []
    time = T0
    for (packet, duration), lost, drift in steps:
        time += lost * duration
        samples = line.take(packet, max(T0, time + drift), True)
        assert [sample.is_fill for sample in samples] == [True] * (len(samples) - 1) + [False]
        assert samples[-1].data == packet and samples[-1].pts_us == max(T0, time + drift)
        taken += samples
        heard_at = T0 + us(sum(sample.ticks for sample in taken[:-1]))
        assert -1500 < time - heard_at < 10_500
        time += duration


@pytest.mark.parametrize("late_us", [-100_100, MAX_GAP_US + 20_100])
def test_sound_from_before_or_much_later_is_refused_and_what_comes_then_is_taken(late_us: int) -> None:
    line = OpusLine(T0, 1)
    line.take(b"\xf8x", T0, True)
    with pytest.raises(SegmentInvalid):
        line.take(b"\xf8x", T0 + 20_000 + late_us, True)
    with pytest.raises(SegmentInvalid):
        line.take(b"\xff", T0 + 20_000, True)
    assert [sample.is_fill for sample in line.take(b"\xf8x", T0 + 20_000, True)] == [False]


def test_plain_sound_keeps_its_holes() -> None:
    line = PlainLine(T0, 100)
    line.take(bytes(160), T0, True)
    (sample,) = line.take(bytes(240), T0 + 220_050, True)
    assert (sample.pts_us, sample.duration_us) == (T0 + 220_000, 30_000)
    for pts_us in (T0 + 220_000, T0, T0 + 221_000 + MAX_GAP_US):
        with pytest.raises(SegmentInvalid):
            line.take(bytes(160), pts_us, True)


def test_picture_may_be_shown_before_one_decoded_earlier_but_not_before_what_is_written() -> None:
    line = PictureLine(T0, 1, reorders=True)
    for pts_us in (T0, T0 + 300, T0 + 100, T0 + 200):
        line.take(b"x", pts_us, pts_us == T0)
    line.seal(T0 + 300)
    line.take(b"x", T0 + 500, False)
    for pts_us, is_keyframe in ((T0 + 200, False), (T0 + 500, False), (T0 + 400, True), (T0 + MAX_GAP_US + 501, False)):
        with pytest.raises(SegmentInvalid):
            line.take(b"x", pts_us, is_keyframe)
    line.take(b"x", T0 + 400, False)


def test_picture_where_none_is_reordered_has_a_later_time_in_whole_steps() -> None:
    line = PictureLine(T0, 100, reorders=False)
    assert line.take(b"x", T0, True)[0].pts_us == T0
    assert line.take(b"x", T0 + 299, False)[0].pts_us == T0 + 200
    with pytest.raises(SegmentInvalid):
        line.take(b"x", T0 + 250, False)
