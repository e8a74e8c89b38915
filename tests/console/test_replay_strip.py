"""The strip of a replay: who spoke when, and small pictures of other times, read off the screen."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any, Final

import av
import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from tests.console.recorded import BARS, FRAME_US, SECOND_US, T0, Recorded
from tests.console.recordings_site import RECORDING, RecordingsSite
from tests.console.replaying import ABOUT, FIELD, HALL, turn
from tests.patience import PATIENCE_S, until

pytestmark = pytest.mark.asyncio(loop_scope="package")

#: Of the hall's pictures; a segment, with one keyframe at its beginning, has two seconds.
LENGTH_S: Final = 42
EVENTS: Final = [
    turn("s-hall", 5, 9),
    # Parts of a long one.
    turn("s-field", 14, 20),
    turn("s-field", 20, 23),
    turn("s-hall", 21, 26),
]


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def strip_site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RecordingsSite]:
    recorded = Recorded(tmp_path_factory.mktemp("recordings"))
    for track in (HALL, FIELD):
        recorded.pictures(track, ABOUT[track], 0, LENGTH_S * SECOND_US // FRAME_US)
    site = RecordingsSite(recorded, EVENTS)
    await site.start()
    yield site
    await site.stop()


@pytest_asyncio.fixture(loop_scope="package")
async def page(loud: Browser, strip_site: RecordingsSite) -> AsyncIterator[Page]:
    context = await loud.new_context(viewport={"width": 1280, "height": 800}, locale="zh-CN")
    context.set_default_timeout(PATIENCE_S * 1000)
    page = await context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    await page.goto(f"{strip_site.url}/#replay={RECORDING}")
    await expect(tile(page, "s-hall")).to_have_attribute("data-state", "shown")
    yield page
    await context.close()
    assert faults == []


def tile(page: Page, source: str) -> Locator:
    return page.locator(f".replay .tile[data-id='{source}']")


async def pixels(element: Locator) -> np.ndarray[Any, Any]:
    """What stands on the screen, as grey values."""
    with av.open(io.BytesIO(await element.screenshot()), "r") as shot:
        return next(shot.decode(video=0)).to_ndarray(format="gray")


def number_of(picture: np.ndarray[Any, Any], left: float = 0.0, width: float = 0.0) -> int:
    """Read the number off a picture of bars that is `width` wide and begins at `left`; what is cut off reads as 0."""
    wide = width or picture.shape[1]
    row = picture[picture.shape[0] // 2]
    bits = [round(left + (bar + 0.5) * wide / BARS) for bar in range(BARS)]
    return int("".join(str(int(0 <= x < len(row) and row[x] > 127)) for x in bits), 2)


async def seen(element: Locator, second: int) -> None:
    """Wait until the picture of a second is on the screen."""

    async def number() -> int:
        return number_of(await pixels(element))

    wanted = second * SECOND_US // FRAME_US
    await until(f"the picture of {second}", number, lambda found: found == wanted)


async def test_next_and_last_speaker_and_who_it_is(page: Page, strip_site: RecordingsSite) -> None:
    clock = page.locator(".replay-time")
    speaking = page.locator(".tile.speaks .name")
    await expect(speaking).to_have_count(0)
    # A second ahead, so that it is heard to begin. T0 is 20:13:20.1.
    for key, time in (("s", "20:13:24.1"), ("s", "20:13:33.1"), ("s", "20:13:40.1"), ("s", "20:13:40.1")):
        await page.keyboard.press(key)
        await expect(clock).to_have_text(time)
    await page.keyboard.press("Shift+S")
    await expect(clock).to_have_text("20:13:33.1")
    await expect(speaking).to_have_count(0)
    at_ms = (T0 + 22 * SECOND_US) / 1000
    await page.evaluate(f"location.hash = '#replay={RECORDING}&t={at_ms}'")
    await expect(clock).to_have_text("20:13:42.1")
    names = sorted(ABOUT[source]["name"] for source in (HALL, FIELD))
    await until("both speak", speaking.all_text_contents, lambda told: sorted(told) == names)
    await expect(page.locator(".strip-names li.speaks")).to_have_count(2)
    # None is a line in what happened.
    await expect(page.locator(".happened-row")).to_have_count(0)


async def test_where_one_points_is_the_picture_of_that_time(page: Page, strip_site: RecordingsSite) -> None:
    strip, shown = page.locator("canvas.strip"), page.locator(".strip-tip canvas")
    box = await strip.bounding_box()
    assert box
    for second in (30.9, 11.1, 37.0):
        await strip.hover(position={"x": box["width"] * second / LENGTH_S, "y": 40})
        await seen(shown, int(second // 2 * 2))
    await page.mouse.move(5, 5)
    await expect(page.locator(".strip-tip")).to_be_hidden()
    # By keyboard it is the position's.
    await page.locator(".happened-rows").evaluate("() => document.activeElement.blur()")
    await page.keyboard.press("s")
    await strip.focus()
    await page.keyboard.press("ArrowRight")
    await seen(shown, 8)


async def test_row_shows_the_tile_that_is_looked_at_from_end_to_end(page: Page, strip_site: RecordingsSite) -> None:
    row = page.locator(".strip-thumbs")
    box = await row.bounding_box()
    assert box
    count = int(box["width"] // 72)
    assert 8 <= count <= 16
    each = box["width"] / count
    wide = box["height"] * 16 / 9

    def expected(place: int) -> int:
        number = int((place + 0.5) * LENGTH_S / count // 2 * 2) * SECOND_US // FRAME_US
        return number & seen_bits

    # The picture is as high as the row, and its sides are cut off.
    cut = (wide - each) / 2 / wide * BARS
    seen_bits = sum(1 << (BARS - 1 - bar) for bar in range(BARS) if cut + 0.5 < bar + 0.5 < BARS - cut - 0.5)

    async def numbers() -> list[int]:
        drawn = await pixels(row)
        return [number_of(drawn, place * each - (wide - each) / 2, wide) & seen_bits for place in range(count)]

    await until("the whole row", numbers, lambda told: told == [expected(place) for place in range(count)])
    await page.set_viewport_size({"width": 390, "height": 844})
    await expect(row).to_be_hidden()


async def test_stills_that_do_not_come_hold_up_nothing_and_are_asked_for_one_by_one(
    page: Page, strip_site: RecordingsSite
) -> None:
    await page.goto(f"{strip_site.url}/blank")
    await until("nothing is asked for any more", lambda: strip_site.stills_at_once == 0)
    strip_site.stills.clear()
    strip_site.most_stills_at_once = 0
    await page.goto(f"{strip_site.url}/#replay={RECORDING}")
    await expect(tile(page, "s-hall")).to_have_attribute("data-state", "shown")
    await until("a still is asked for", lambda: strip_site.stills_at_once == 1)
    await page.keyboard.press(" ")
    await page.wait_for_function("() => document.querySelector('.replay-time').textContent >= '20:13:24'")
    assert strip_site.most_stills_at_once == 1
    await expect(tile(page, "s-hall")).to_have_attribute("data-state", "shown")
    strip_site.stills.set()
