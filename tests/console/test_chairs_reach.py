"""The rest of what a chair does by click, and what is seen of it: places, sounds, times, and who is there at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.console.county import PEOPLE, UNITS, County
from tests.console.said import says_done
from tests.console.seat import Seat
from tests.console.test_meeting import choose, row, seat
from tests.patience import until

pytestmark = pytest.mark.asyncio(loop_scope="package")
OFFICER, EAST = PEOPLE["officer"][1], PEOPLE["east"][1]
LARGE = "() => [...document.querySelectorAll('.seat:not([hidden]):not(.small) .name')].map((one) => one.title).sort()"


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def two(browser: Browser, county: County) -> AsyncIterator[tuple[Seat, Seat]]:
    """Officer and east in the officer's consultation, both with sound and picture."""
    officer, east = [await Seat.take(browser, county, login) for login in ("officer", "east")]
    unit = county.known.units["C"]
    made = {"title": "防汛会商", "unit": unit, "invite": [f"unit:{unit}"]}
    consultation = await officer.do("POST", "/consultations", made)
    for one in (officer, east):
        await one.page.set_viewport_size({"width": 1440, "height": 900})
        await one.join(consultation)
    for one in (officer, east):
        await one.flows("audio")
    yield officer, east
    for one in (officer, east):
        await one.close()


async def is_large(page: Page, *names: str) -> None:
    await until(f"{names} are large", partial(page.evaluate, LARGE), lambda shown: shown == sorted(names))


async def test_page_has_one_connection_for_all_it_sends_and_takes(two: tuple[Seat, Seat]) -> None:
    for one in two:
        opened = "() => window.connections.filter((peer) => peer.connectionState !== 'closed').length"
        assert await one.page.evaluate(opened) == 1


async def test_seat_tells_level_and_time_of_capture(two: tuple[Seat, Seat]) -> None:
    officer, _ = two
    other = seat(officer.page, EAST)
    await expect(other.locator(".capture")).to_be_visible()
    for name, words in ((EAST, "乡镇"), (OFFICER, "县")):
        await expect(seat(officer.page, name).locator(".tag")).to_have_text(words)


async def test_muting_all_silences_the_wire_and_asking_gives_the_sound_back(two: tuple[Seat, Seat]) -> None:
    officer, east = two
    await officer.page.locator(".chair-acts .button").nth(0).click()
    await officer.rests("audio", "video")
    await expect(east.page.locator(".cut-off")).to_contain_text("您的话筒被主持人静音")
    await east.flows("audio")  # the chair's own goes on
    await row(officer.page, EAST).locator('[aria-haspopup="menu"]').click()
    await choose(officer.page, "请其打开话筒")
    await expect(east.page.locator(".cut-off")).to_be_hidden()
    await officer.flows("audio")
    # Who has switched the microphone off is asked, and says yes.
    await east.page.locator(".control.microphone").click()
    await officer.rests("audio", "video")
    await row(officer.page, EAST).locator('[aria-haspopup="menu"]').click()
    await choose(officer.page, "请其打开话筒")
    await east.page.locator('[data-prompt="ask"] .main').click()
    await officer.flows("audio")


async def test_spotlight_is_everybodys_and_layouts_are_ones_own(two: tuple[Seat, Seat]) -> None:
    officer, east = two
    await row(officer.page, EAST).locator('[aria-haspopup="menu"]').click()
    await choose(officer.page, "给所有人放大")
    for one in two:
        await is_large(one.page, EAST)
    layouts = east.page.locator(".layouts .button")
    await seat(east.page, OFFICER).click()
    await is_large(east.page, OFFICER)
    await expect(layouts.nth(2)).to_have_attribute("aria-pressed", "true")
    await is_large(officer.page, EAST)
    await layouts.nth(0).click()
    await is_large(east.page, EAST)
    await row(officer.page, EAST).locator('[aria-haspopup="menu"]').click()
    await choose(officer.page, "不再放大")
    for one in two:
        await is_large(one.page, EAST, OFFICER)


async def test_wrong_choice_is_taken_back_at_the_thing_it_concerns(two: tuple[Seat, Seat]) -> None:
    officer, _ = two
    await row(officer.page, EAST).locator('[aria-haspopup="menu"]').click()
    await choose(officer.page, "给所有人放大")
    for one in two:
        await is_large(one.page, EAST)
    async with says_done(row(officer.page, EAST).locator(".note"), "已完成"):
        await row(officer.page, EAST).locator(".undo").click()
    for one in two:
        await is_large(one.page, EAST, OFFICER)
    # The place's own note has the same way back, and pressing it chooses no picture.
    await row(officer.page, EAST).locator('[aria-haspopup="menu"]').click()
    await choose(officer.page, "设为副主持")
    await expect(seat(officer.page, EAST).locator(".office")).to_have_text("副主持")
    await seat(officer.page, EAST).locator(".undo").click()
    await expect(seat(officer.page, EAST).locator(".office")).to_be_hidden()
    await is_large(officer.page, EAST, OFFICER)


async def test_tree_shows_who_is_there(two: tuple[Seat, Seat]) -> None:
    officer, _ = two
    rows = officer.page.locator(".left .tree-row")
    for unit in ("C", "E", "W"):
        one = rows.filter(has_text=UNITS[unit][2]).first
        if await one.get_attribute("aria-expanded") == "false":
            await one.locator(".arrow").click()
    for login, lamp in (("east", "on"), ("west", "off")):
        person = rows.filter(has_text=PEOPLE[login][1])
        await expect(person.locator(".lamp")).to_have_attribute("data-lamp", lamp)


async def test_consultation_of_later_is_on_the_overview_with_its_time_until_the_chair_begins(
    two: tuple[Seat, Seat], browser: Browser, county: County
) -> None:
    chief, west = [await Seat.take(browser, county, login) for login in ("chief", "west")]
    page = chief.page
    await page.locator(".create-button").click()
    await expect(page.locator("dialog[open] select option")).not_to_have_count(0)
    await page.locator("dialog[open] input[type=text]").fill("明日例会")
    await page.locator('dialog[open] input[name="when"][value="1"]').check()
    await page.locator("dialog[open] input[type=datetime-local]").fill("2026-12-31T09:30")
    await page.locator("dialog[open] .search input").fill("liuyang")
    await page.locator("dialog[open] .tree-row").filter(has_text=PEOPLE["west"][1]).click()
    await page.locator("dialog[open] .main").click()
    card = west.page.locator(".card").filter(has_text="明日例会")
    await expect(card).to_contain_text("2026-12-31")
    await expect(card).to_contain_text("09:30")
    await expect(card.locator(".go")).to_have_attribute("aria-disabled", "true")
    await page.locator(".card").filter(has_text="明日例会").locator(".go").click()
    await expect(page.locator(".where")).to_have_text("明日例会")
    await card.locator(".go").click()
    await expect(seat(west.page, PEOPLE["chief"][1])).to_have_count(1)
    for one in (chief, west):
        await one.close()


async def test_keys_switch_layout_camera_and_microphone(two: tuple[Seat, Seat]) -> None:
    _, east = two
    page = east.page
    await page.keyboard.press("g")
    await is_large(page, OFFICER)  # of two who sound alike, not oneself
    await expect(page.locator(".layouts .button").nth(1)).to_have_attribute("aria-pressed", "true")
    await page.keyboard.press("g")
    await is_large(page, EAST, OFFICER)
    for key, name in (("e", "camera"), ("d", "microphone"), ("MediaPlayPause", "microphone")):
        for state in ("off", "on"):
            await page.keyboard.press(key)
            await expect(page.locator(f".control.{name}")).to_have_attribute("data-state", state)


async def test_headset_switches_the_microphone_also_while_a_text_is_written(two: tuple[Seat, Seat]) -> None:
    officer, east = two
    await east.page.get_by_role("tab", name="文字").click()
    await east.page.locator(".texts textarea").fill("正在")
    for state, heard in (("off", partial(officer.rests, "audio", "video")), ("on", partial(officer.flows, "audio"))):
        await east.page.keyboard.press("MediaPlayPause")
        await expect(east.page.locator(".control.microphone")).to_have_attribute("data-state", state)
        await heard()
    # A question on the page is no reason to go on being heard.
    await east.page.locator(".top .keys").click()
    for state in ("off", "on"):
        await east.page.keyboard.press("MediaPlayPause")
        await expect(east.page.locator(".control.microphone")).to_have_attribute("data-state", state)
    await east.page.keyboard.press("Escape")
    for action, name in (("togglemicrophone", "microphone"), ("togglecamera", "camera")):
        for state in ("off", "on"):
            await east.page.evaluate("(action) => window.buttons[action]()", action)
            await expect(east.page.locator(f".control.{name}")).to_have_attribute("data-state", state)
    await expect(east.page.locator(".texts textarea")).to_have_value("正在")
