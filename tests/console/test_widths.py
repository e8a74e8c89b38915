"""Every button has its place whole, however much room the window gives: wide desks, phones, zoomed pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.console.county import County
from tests.console.office import go, speak
from tests.console.seat import Seat
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="package")

#: The last two are 1440x900 and 1280x800 at 200 % zoom.
SIZES: Final = [
    (1920, 1080), (1440, 900), (1280, 800), (1024, 768), (1001, 700), (1000, 600), (853, 533), (721, 600), (720, 900),
    (390, 844), (720, 450), (640, 400),
]  # fmt: skip
#: What of a page is cut off sideways, or in height where nothing scrolls to it, or has more in it than room.
CUT: Final = """
() => {
  const found = [];
  const scrolls = (way) => ["auto", "scroll"].includes(way);
  const nameOf = (one) => `${one.className || one.tagName} "${one.ariaLabel ?? one.textContent}"`;
  for (const one of document.querySelectorAll("*")) {
    const slides = scrolls(getComputedStyle(one).overflowX) || one === document.documentElement;
    if (slides && one.scrollWidth > one.clientWidth + 1) found.push(`scrolls sideways: ${one.className}`);
  }
  for (const one of document.querySelectorAll("button, a[href], input, select, textarea")) {
    if (!one.checkVisibility({ visibilityProperty: true }) || one.matches(".skip, .file-pick *")) continue;
    const box = one.getBoundingClientRect();
    // A badge stands over its button's edge.
    const holds = one.tagName === "BUTTON" && !one.querySelector(".badge");
    if (holds && one.scrollWidth > one.clientWidth + 1) found.push(`overflows: ${nameOf(one)}`);
    const window = { left: 0, right: innerWidth, top: 0, bottom: innerHeight };
    let reached = false;
    for (let up = one.parentElement; up; up = up.parentElement) {
      const { overflowX, overflowY } = getComputedStyle(up);
      const edge = up === document.documentElement ? window : up.getBoundingClientRect();
      const cuts = (from, to) => box[from] < edge[from] - 1 || box[to] > edge[to] + 1;
      if (overflowX !== "visible" && cuts("left", "right")) found.push(`cut sideways: ${nameOf(one)}`);
      reached ||= scrolls(overflowY);
      if (!reached && overflowY !== "visible" && cuts("top", "bottom")) found.push(`cut in height: ${nameOf(one)}`);
    }
  }
  return found;
}
"""


@dataclass(frozen=True, slots=True)
class Pages:
    """The chair inside, with both sides open and all there is to show; one who is in it, on the overview; the chief."""

    chair: Seat
    away: Seat
    chief: Seat


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def pages(browser: Browser, county: County) -> AsyncIterator[Pages]:
    chair, away, chief = [await Seat.take(browser, county, login) for login in ("officer", "east", "chief")]
    unit = county.known.units["C"]
    made = {"title": "白龙江流域山洪灾害应急处置联合视频会商", "unit": unit, "invite": [f"unit:{unit}"]}
    consultation = await chair.do("POST", "/consultations", made)
    await chair.do("POST", f"/consultations/{consultation}/sources", {"source": county.known.camera})
    await chair.join(consultation)
    await away.join(consultation)
    await away.page.locator(".control.hand").click()
    await expect(chair.page.locator('[data-section="hands"] .person-row')).to_have_count(1)
    await away.page.locator(".brand").click()
    await expect(away.page.locator(".onair")).to_be_visible()
    yield Pages(chair, away, chief)
    for one in (chair, away, chief):
        await one.close()


async def is_whole(page: Page, width: int, height: int) -> None:
    """Nothing is cut off at this size; its layout is done when the browser has drawn twice."""
    await page.set_viewport_size({"width": width, "height": height})
    await page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert await page.evaluate(CUT) == []


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_nothing_is_cut_off(pages: Pages, width: int, height: int, language: str) -> None:
    for seat in (pages.chair, pages.away, pages.chief):
        await speak(seat, language)
        await is_whole(seat.page, width, height)
    # One large picture, and the others as small as they become.
    await pages.chair.page.keyboard.press("g")
    await is_whole(pages.chair.page, width, height)
    await pages.chair.page.keyboard.press("g")


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(("width", "height"), [size for size in SIZES if size[0] > 720])
async def test_every_control_says_what_it_does_in_full_to_a_screen_reader(
    pages: Pages, width: int, height: int, language: str
) -> None:
    page = pages.chair.page
    await speak(pages.chair, language)
    await page.set_viewport_size({"width": width, "height": height})
    names = {"zh": ["话筒已开", "摄像头已开", "共享屏幕"], "en": ["Microphone is on", "Camera is on", "Share screen"]}
    for name in names[language]:
        await expect(page.locator(".controls").get_by_role("button", name=name, exact=True)).to_be_visible()


async def test_between_wide_and_phone_one_side_is_open_at_a_time_and_both_are_where_there_is_room(
    pages: Pages,
) -> None:
    page = pages.chair.page
    left, right = page.locator(".place.left"), page.locator(".place.right")
    await page.set_viewport_size({"width": 900, "height": 600})
    await expect(right).to_be_visible()
    await expect(left).to_be_hidden()
    await page.locator(".top .left").click()
    await expect(left).to_be_visible()
    await expect(right).to_be_hidden()
    await page.set_viewport_size({"width": 1280, "height": 800})
    for place in (left, right):
        await expect(place).to_be_visible()


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_administration_is_whole(pages: Pages, language: str) -> None:
    await speak(pages.chief, language)
    for section in ("directory", "files", "timeline", "grants"):
        page = await go(pages.chief, section)
        for size in SIZES:
            await is_whole(page, *size)
    page = pages.chief.page
    await page.locator(".brand").click()


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_lobby_and_dialogs_are_whole(pages: Pages, language: str) -> None:
    page = pages.chief.page
    await speak(pages.chief, language)
    await page.set_viewport_size({"width": 1280, "height": 800})
    await page.locator(".create-button").click()
    await expect(page.locator("dialog[open] select option")).not_to_have_count(0)
    for size in SIZES:
        await is_whole(page, *size)
    await page.keyboard.press("Escape")
    await page.evaluate("(hash) => { location.hash = hash; }", pages.chair.page.url.partition("#")[2])
    await expect(page.locator(".lobby .main")).to_be_visible()
    for size in SIZES:
        await is_whole(page, *size)
    await page.locator(".brand").click()
    chair = pages.chair.page
    await speak(pages.chair, language)
    await chair.set_viewport_size({"width": 1280, "height": 800})
    await chair.locator(".control.devices").click()
    await expect(chair.locator("dialog[open] select option")).not_to_have_count(0)
    for size in SIZES:
        await is_whole(chair, *size)
    await chair.keyboard.press("Escape")


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_sign_in_is_whole(browser: Browser, county: County, language: str) -> None:
    context = await browser.new_context(ignore_https_errors=True)
    context.set_default_timeout(PATIENCE_S * 1000)
    page = await context.new_page()
    await page.goto(county.url)
    await expect(page.locator(".signin .main").first).to_be_visible()
    await page.evaluate("async (name) => (await import('/js/i18n.js')).setLanguage(name)", language)
    for size in SIZES:
        await is_whole(page, *size)
    await context.close()
