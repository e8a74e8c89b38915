"""A phone: every page fits it and is named for a screen reader; a network that goes and comes back costs nothing."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, Page, WebSocketRoute, expect

from tests.console.county import PEOPLE, County
from tests.console.office import go
from tests.console.seat import Seat

pytestmark = pytest.mark.asyncio(loop_scope="package")
PHONE = {"width": 390, "height": 844}
UNNAMED = """() => [...document.querySelectorAll("button, a[href], [role=button], select, input, textarea")]
  .filter((one) => one.checkVisibility())
  .filter((one) => !(one.ariaLabel || one.textContent.trim() || one.title || one.labels?.length || one.placeholder))
  .map((one) => one.outerHTML)"""


async def held(seat: Seat, **more: object) -> str:
    made = {"title": "防汛会商", "unit": seat.county.known.units["C"], **more}
    return await seat.do("POST", "/consultations", made)


async def fits_and_is_named(page: Page) -> None:
    assert await page.evaluate("() => document.documentElement.scrollWidth") <= PHONE["width"]
    assert await page.evaluate(UNNAMED) == []


async def test_every_page_fits_a_phone_and_is_named(browser: Browser, county: County) -> None:
    chief = await Seat.take(browser, county, "chief")
    page = chief.page
    await page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    await fits_and_is_named(page)
    for section in ("directory", f"directory/person:{county.known.people['east']}", "files", "timeline", "grants"):
        await go(chief, section)
        await fits_and_is_named(page)
    consultation = await held(chief)
    await page.goto(f"{county.url}/#/consultation/{consultation}")
    await expect(page.locator(".lobby .main")).to_be_visible()
    await fits_and_is_named(page)
    await page.locator(".lobby .main").click()
    acts = page.locator(".thumb-act")
    for name in ("microphone", "camera", "leave"):
        await expect(acts.and_(page.locator(f".{name}"))).to_be_in_viewport()
    await fits_and_is_named(page)
    await page.keyboard.press("h")
    await expect(page.locator(".seat .seat-sign").first).to_be_visible()
    await chief.close()


async def test_network_that_goes_and_comes_back_costs_nothing(browser: Browser, county: County) -> None:
    officer, east = [await Seat.take(browser, county, login) for login in ("officer", "east")]
    lines: list[WebSocketRoute] = []
    is_gone = False

    async def pass_on(line: WebSocketRoute) -> None:
        if is_gone:
            await line.close(code=4999)
            return
        line.connect_to_server()
        lines.append(line)

    await officer.page.route_web_socket(re.compile("/api/v1/ws"), pass_on)
    consultation = await held(officer, invite=[f"person:{county.known.people['east']}"])
    await officer.page.reload()
    await officer.join(consultation, picture=False)
    await east.join(consultation, picture=False)
    await officer.flows("audio")
    await officer.page.evaluate("() => { window.stayed = true; }")
    is_gone = True
    await lines[-1].close(code=4999)
    await expect(officer.page.locator(".link")).to_have_attribute("data-link", "lost")
    await east.do("POST", f"/consultations/{consultation}/messages", {"text": "断网时说的"})
    is_gone = False
    await expect(officer.page.locator(".link")).to_have_attribute("data-link", "up")
    await officer.page.locator(".tab").nth(1).click()
    await expect(officer.page.locator(".message p")).to_have_text(["断网时说的"])
    for one in (officer, east):
        await one.flows("audio")
        await expect(one.page.locator(f".seat .name[title='{PEOPLE['officer'][1]}']")).to_have_count(1)
    assert await officer.page.evaluate("() => window.stayed")
    for one in (officer, east):
        await one.close()
