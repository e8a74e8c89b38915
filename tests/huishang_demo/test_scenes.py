from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huishang.demo import scenes

Draw = Callable[[int, int, scenes.Colour], scenes.Planes]


@pytest.mark.parametrize(
    ("colour", "expected"),
    [((0, 0, 0), (16, 128, 128)), ((255, 255, 255), (235, 128, 128)), ((255, 0, 0), (81, 90, 240))],
)
def test_yuv_is_limited_range_bt601(colour: scenes.Colour, expected: tuple[int, int, int]) -> None:
    assert scenes.to_yuv(colour) == expected


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_yuv_of_any_colour_is_in_range(colour: scenes.Colour) -> None:
    y, u, v = scenes.to_yuv(colour)
    assert 16 <= y <= 235
    assert 16 <= u <= 240
    assert 16 <= v <= 240


@pytest.mark.parametrize("draw", [scenes.room, scenes.ridge, scenes.ground])
def test_scene_has_the_size_asked_for_and_more_than_one_shade(draw: Draw) -> None:
    planes = draw(640, 304, (90, 40, 110))
    assert planes.y.shape == (304, 640)
    assert planes.u.shape == planes.v.shape == (152, 320)
    assert len(set(planes.y.reshape(-1).tolist())) > 4
