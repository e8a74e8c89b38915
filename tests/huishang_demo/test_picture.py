from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huishang.demo import glyphs
from huishang.demo.picture import BAND_HEIGHT, Picture, clock_text
from huishang.demo.scenes import to_yuv
from huishang.demo.units import Scene

NOON_UTC_US = int(datetime(2026, 11, 21, 12, 0, 0, 123_456, tzinfo=UTC).timestamp() * 1e6)
PURPLE = (92, 44, 112)


def picture(scene: Scene = Scene.ROOM) -> Picture:
    return Picture(scene, "竹园镇人民政府会议室", PURPLE)


def test_clock_is_utc_plus_eight_with_milliseconds() -> None:
    assert clock_text(NOON_UTC_US) == "20:00:00.123"


@given(st.integers(0, 4_000_000_000_000_000))
def test_clock_text_always_fits_and_is_drawable(utc_us: int) -> None:
    text = clock_text(utc_us)
    assert len(text) == 12
    glyphs.draw(text, glyphs.CLOCK_PIXELS)


@pytest.mark.parametrize("scene", list(Scene))
def test_caption_band_has_the_colour_of_the_unit(scene: Scene) -> None:
    frame = picture(scene).compose(NOON_UTC_US)
    y, u, v = to_yuv(PURPLE)
    assert frame.shape == (540, 640)
    corner = frame[360 - BAND_HEIGHT + 2 : 360 - BAND_HEIGHT + 8, 2:10]
    assert (corner == y).all()
    flat = frame.reshape(-1)
    chroma_row = (360 - BAND_HEIGHT // 2) // 2
    assert flat[640 * 360 + chroma_row * 320] == u
    assert flat[640 * 360 * 5 // 4 + chroma_row * 320] == v


@given(st.integers(0, 4_000_000_000_000_000))
def test_clock_in_the_picture_reads_the_time_asked_for(utc_us: int) -> None:
    frame = picture().compose(utc_us)
    text = clock_text(utc_us)
    assert read_clock(frame) == text


def read_clock(frame: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> str:
    """Recognise the digits by the glyph that fits best."""
    widths = {char: glyphs.draw(char, glyphs.CLOCK_PIXELS) for char in "0123456789:."}
    layout = "00:00:00.000"
    total = sum(widths[char].shape[1] for char in layout)
    left = 640 - total - 12
    height = widths["0"].shape[0]
    top = 360 - BAND_HEIGHT + (BAND_HEIGHT - height) // 2
    ground = int(to_yuv(PURPLE)[0])
    found = []
    for place in layout:
        width = widths[place].shape[1]
        seen = frame[top : 360 - 4, left : left + width].astype(int) - ground
        choices = "0123456789" if place == "0" else place
        rows = seen.shape[0]
        found.append(
            min(choices, key=lambda char: np.abs(seen - widths[char][:rows].astype(int) * (235 - ground) // 240).sum())
        )
        left += width
    return "".join(found)


def test_second_bar_grows_with_the_second() -> None:
    shown = picture()
    lengths = []
    for part in (0, 250_000, 500_000, 999_000):
        frame = shown.compose(NOON_UTC_US // 1_000_000 * 1_000_000 + part)
        lengths.append(int((frame[358] > 200).sum()))
    assert lengths == [0, 160, 320, 639]


def test_drone_moves_over_the_ground_and_room_stands() -> None:
    for scene, moves in ((Scene.GROUND, True), (Scene.ROOM, False), (Scene.RIDGE, True)):
        shown = picture(scene)
        before = shown.compose(NOON_UTC_US)[: 360 - BAND_HEIGHT].copy()
        after = shown.compose(NOON_UTC_US + 10_000_000)[: 360 - BAND_HEIGHT]
        assert bool((before != after).any()) is moves


def test_odd_size_is_refused() -> None:
    with pytest.raises(ValueError, match="even"):
        Picture(Scene.ROOM, "县", PURPLE, 641, 360)
