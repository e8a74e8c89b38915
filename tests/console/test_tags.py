"""The tags of levels can be told apart and read, by day and by night."""

from __future__ import annotations

import itertools
import re
from typing import Final

import pytest
from playwright.async_api import BrowserContext

from dispatch.records import Level

pytestmark = pytest.mark.asyncio(loop_scope="package")

#: WCAG 2.2, 1.4.3: the least contrast of text of this size.
LEAST: Final = 4.5
#: Nearer than this in every part, two colours are one to a tired eye.
APART: Final = 24
SHOWN: Final = """([theme, levels]) => {
  document.documentElement.dataset.theme = theme;
  return levels.map((level) => {
    const tag = document.createElement("span");
    tag.className = "tag";
    tag.dataset.level = level;
    document.body.append(tag);
    const { color, backgroundColor, borderTopColor } = getComputedStyle(tag);
    return [color, backgroundColor, borderTopColor];
  });
}"""
Colour = tuple[int, int, int]


def parts(css: str) -> Colour:
    red, green, blue = map(int, re.fullmatch(r"rgb\((\d+), (\d+), (\d+)\)", css).groups())  # type: ignore[union-attr]
    return red, green, blue


def luminance(colour: Colour) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    linear = [part / 255 / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Colour, other: Colour) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["dark", "light"])
async def test_every_level_has_a_colour_of_its_own_that_can_be_read(
    context: BrowserContext, files: str, theme: str
) -> None:
    page = await context.new_page()
    await page.goto(f"{files}/index.html")
    levels = [level.value for level in Level]
    shown = dict(zip(levels, await page.evaluate(SHOWN, [theme, levels]), strict=True))
    inks = {level: parts(ink) for level, (ink, _, _) in shown.items()}
    assert {level: edge for level, (ink, _, edge) in shown.items() if edge != ink} == {}, "the edge is of the same"
    weak = {level: round(contrast(inks[level], parts(ground)), 2) for level, (_, ground, _) in shown.items()}
    assert {level: value for level, value in weak.items() if value < LEAST} == {}
    for one, other in itertools.combinations(levels, 2):
        differs = max(abs(a - b) for a, b in zip(inks[one], inks[other], strict=True))
        assert differs >= APART, (one, other)
