"""What tracks sounded like and showed, from the files of every codec that is recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recorder.export.canvas import Canvas
from recorder.export.feeds import PATIENCE_US, RATE, PictureFeed, SoundFeed
from recorder.export.grid import Box
from recorder.files import Codec
from tests.recorder.export.reel import SECOND, STEP_US, number_in, pictures, segments
from tests.recorder.files.frames import T0, written


@pytest.mark.parametrize(
    ("codec", "channels"),
    [(Codec.OPUS, 1), (Codec.OPUS, 2), (Codec.PCMU, 1), (Codec.PCMA, 1), (Codec.G722, 1)],
)
def test_each_sound_is_heard_as_loud_as_it_was_at_its_time(codec: Codec, channels: int, tmp_path: Path) -> None:
    path = tmp_path / written(tmp_path, codec, 3.0, channels).name
    feed = SoundFeed([path], T0 - SECOND, T0 + 10 * SECOND)
    blocks = [feed.read(at * RATE // 4, RATE // 4) for at in range(20)]
    assert feed.failures == 0
    for number, block in enumerate(blocks):
        inside = 4 <= number < 16
        assert np.abs(block).max() < 0.001 if not inside else 0.2 < np.abs(block).max() < 0.3, number
        if 5 <= number < 15:
            assert abs(np.argmax(np.abs(np.fft.rfft(block))) * 4 - 440) < 5


def test_picture_is_the_last_that_was_shown_and_goes_after_a_while(tmp_path: Path) -> None:
    paths = segments(tmp_path, Codec.H264, pictures(Codec.H264, 4), 2)
    left_out = [(T0 + SECOND, T0 + 2 * SECOND)]
    feed = PictureFeed(paths, T0 + SECOND // 2, T0 + 60 * SECOND, left_out)
    shown = {}
    for time in range(0, 9 * SECOND, STEP_US // 2):
        if feed.at(T0 + time):
            shown[time] = number_in(feed.planes(96, 56)[0])
    for time, number in shown.items():
        expected = 19 if SECOND <= time < 2 * SECOND else min(79, time // STEP_US)
        assert number == expected, time
    assert 3_950_000 + PATIENCE_US < max(shown) < 4_050_000 + PATIENCE_US


def test_text_is_cut_off_at_the_edge_and_shades_what_is_behind() -> None:
    canvas = Canvas(64, 48)
    canvas.put((np.full((48, 64), 200, np.uint8), *(np.full((24, 32), 90, np.uint8),) * 2), Box(0, 0, 64, 48))
    canvas.write(np.full((20, 40), 255, np.uint8), 40, 40)
    canvas.write(np.zeros((20, 40), np.uint8), 200, 0)
    luma, blue, _ = canvas.planes
    assert luma[40:, 40:].min() == 235 and (luma[:40] == 200).all() and (blue[:20] == 90).all()
    assert (blue[20:, 20:] > 110).all()
