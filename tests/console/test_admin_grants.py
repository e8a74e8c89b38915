"""Rights are lent and taken back by click, and each is seen to hold while it does."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from tests.console.county import CAMERA, UNITS, County
from tests.console.office import agree, go, pick
from tests.console.seat import Seat

pytestmark = pytest.mark.asyncio(loop_scope="package")

PROVINCE, COUNTY, EAST, WEST = (UNITS[key][2] for key in "PCEW")


async def test_right_that_is_lent_holds_until_it_is_taken_back(browser: Browser, county: County) -> None:
    chief = await Seat.take(browser, county, "chief")
    member = await Seat.take(browser, county, "east")
    change = ("PATCH", f"/endpoints/{county.known.camera}", {"name_en": "Dike"})
    assert (await member.api(*change))[0] == 403
    page = await go(chief, "grants")
    give = page.locator(".filter-acts .main")
    await expect(give).to_have_attribute("aria-disabled", "true")
    await page.locator(".picker").nth(0).click()
    await pick(page, PROVINCE, COUNTY, EAST, "杨芳")
    await page.locator(".filters select").select_option("manage")
    await page.locator(".picker").nth(1).click()
    await pick(page, PROVINCE, COUNTY, WEST, CAMERA)
    await give.click()
    row = page.locator(".grant-rows li")
    await expect(row).to_contain_text(f"杨芳：管理目录（{CAMERA}）")
    await expect(row).to_contain_text("由陈明授予")
    assert (await member.api(*change))[0] == 200
    _, told = await member.api("GET", "/grants")
    assert [(grant["verb"], grant["object"]) for grant in told["items"]] == [
        ("manage", f"endpoint:{county.known.camera}")
    ]
    await row.get_by_role("button", name="收回").click()
    await expect(page.locator("dialog[open]")).to_contain_text("杨芳")
    await agree(page)
    await expect(row).to_have_count(0)
    assert (await member.api("PATCH", change[1], {"name_en": "Bank"}))[0] == 403
    await member.close()
    await chief.close()


async def test_grant_that_cannot_be_is_refused_at_the_form(browser: Browser, county: County) -> None:
    officer = await Seat.take(browser, county, "officer")
    page = await go(officer, "grants")
    await page.locator(".picker").nth(0).click()
    await pick(page, PROVINCE, COUNTY, EAST)
    await page.locator(".filters select").select_option("admin")
    await page.locator(".picker").nth(1).click()
    await pick(page, PROVINCE, COUNTY, WEST)
    await page.locator(".filter-acts .main").click()
    await expect(page.locator(".filter-acts .note")).to_contain_text("您自己没有这项权限")
    await page.locator(".filters select").select_option("view")
    await page.locator(".filters input[type=datetime-local]").fill("2001-01-01T00:00")
    await page.locator(".filter-acts .main").click()
    await expect(page.locator(".filters input[type=datetime-local]")).to_be_focused()
    await expect(page.locator(".grant-rows li")).to_have_count(0)
    await officer.close()
