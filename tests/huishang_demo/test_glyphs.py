import numpy as np
import pytest

from huishang.demo import glyphs
from huishang.demo.units import UNITS


def test_every_unit_name_can_be_drawn() -> None:
    for unit in UNITS:
        drawn = glyphs.draw(unit.name)
        assert drawn.dtype == np.uint8
        assert drawn.max() > 200


def test_clock_digits_have_one_width_so_that_the_clock_stands_still() -> None:
    widths = {glyphs.draw(digit, glyphs.CLOCK_PIXELS).shape[1] for digit in "0123456789"}
    assert len(widths) == 1


def test_different_characters_look_different() -> None:
    drawn = [glyphs.draw(digit, glyphs.CLOCK_PIXELS).tobytes() for digit in "0123456789"]
    assert len(set(drawn)) == 10


def test_missing_glyph_is_named() -> None:
    with pytest.raises(glyphs.MissingGlyph, match="龘"):
        glyphs.draw("县龘")
