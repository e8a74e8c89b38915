"""A second tab of the same person, copied from the first with all it keeps: neither takes anything from the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from tests.console.county import PEOPLE, County
from tests.console.seat import Seat

pytestmark = pytest.mark.asyncio(loop_scope="package")
KEPT = "() => sessionStorage.getItem('huishang.publish.id')"
OFFICER = PEOPLE["officer"][1]


@dataclass(frozen=True, slots=True)
class Tabs:
    """The officer's tab with its camera on, a copy of it, and somebody else's who sees them."""

    first: Page
    copy: Page
    other: Page


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def tabs(browser: Browser, county: County) -> AsyncIterator[Tabs]:
    officer, east = [await Seat.take(browser, county, login) for login in ("officer", "east")]
    made = {"title": "两个标签页", "unit": county.known.units["C"], "invite": [f"unit:{county.known.units['C']}"]}
    consultation = await officer.do("POST", "/consultations", made)
    await officer.join(consultation, sound=False)
    await east.join(consultation, sound=False, picture=False)
    await expect(pictures(east.page)).to_have_count(1)
    async with officer.page.expect_popup() as opened:
        await officer.page.evaluate("() => { window.open(location.href); }")
    copy = await opened.value
    copy.on("pageerror", lambda error: officer.faults.append(f"copy: {error}"))
    yield Tabs(officer.page, copy, east.page)
    for seat in (officer, east):
        await seat.close()


def places(page: Page) -> Locator:
    """The officer's places."""
    return page.locator(".seat").filter(has=page.locator(f'.name[title="{OFFICER}"]'))


def pictures(page: Page) -> Locator:
    """Those of them that show a picture."""
    return places(page).and_(page.locator('[data-state="live"]'))


def camera(page: Page) -> Locator:
    return page.locator(".control.camera")


async def test_copy_has_an_id_of_its_own_and_comes_in_beside_the_first(tabs: Tabs) -> None:
    await expect(tabs.copy.locator(".seat").first).to_be_visible()
    assert await tabs.copy.evaluate(KEPT) != await tabs.first.evaluate(KEPT)
    await expect(places(tabs.other)).to_have_count(2)
    await expect(camera(tabs.first)).to_have_attribute("data-state", "on")


async def test_cameras_of_both_are_seen_and_each_is_switched_off_alone(tabs: Tabs) -> None:
    for page, state, count in (
        (tabs.copy, "off", 1),
        (tabs.copy, "on", 2),
        (tabs.first, "off", 1),
        (tabs.first, "on", 2),
    ):
        if await camera(page).get_attribute("data-state") != state:
            await camera(page).click()
        await expect(camera(page)).to_have_attribute("data-state", state)
        for other in (tabs.other, tabs.first, tabs.copy):
            await expect(pictures(other)).to_have_count(count)


async def test_copy_that_is_closed_leaves_the_first_where_it_is(tabs: Tabs) -> None:
    await tabs.copy.close()
    for page in (tabs.other, tabs.first):
        await expect(places(page)).to_have_count(1)
        await expect(pictures(page)).to_have_count(1)
    await expect(camera(tabs.first)).to_have_attribute("data-state", "on")
