"""Policies of recording are made, changed and taken back by click; an emergency is seen by all whom it concerns."""

from __future__ import annotations

import os

import pytest
from playwright.async_api import Browser, Page, expect

from tests.console.county import UNITS, County
from tests.console.office import agree, go, known, pick, press
from tests.console.seat import Seat

pytestmark = pytest.mark.asyncio(loop_scope="package")

PROVINCE, COUNTY, EAST, WEST = (UNITS[key][2] for key in "PCEW")


async def shoot(page: Page, name: str) -> None:
    """Keep pictures of the page where somebody wants to look at them."""
    folder = os.environ.get("SCREENSHOTS")
    if not folder:
        return
    for theme in ("dark", "light"):
        await page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
        for width, height in ((1280, 800), (390, 844)):
            await page.set_viewport_size({"width": width, "height": height})
            await page.screenshot(path=f"{folder}/{name}-{theme}-{width}.png")
    await page.set_viewport_size({"width": 1440, "height": 900})


async def test_policy_is_made_changed_and_taken_back(chief: Seat, county: County) -> None:
    page = await go(chief, "policies")
    form, rows = page.locator(".filters:visible"), page.locator(".grant-rows:visible li")
    await expect(page.get_by_text("没有录制策略。")).to_be_visible()
    await form.locator(".picker").click()
    await pick(page, PROVINCE, COUNTY)
    await form.get_by_label("无人机").check()
    await form.locator("[name=retention]").select_option("lasting")
    await form.locator("[name=reason]").fill("汛期值守")
    await form.get_by_role("button", name="设定").click()
    await expect(rows).to_contain_text(f"{COUNTY}：信源（无人机）")
    await expect(rows).to_contain_text("保存：长期，每段 24 小时")
    await expect(rows).to_contain_text("由陈明设定 · 汛期值守")
    await shoot(page, "policies")
    _, told = await chief.api("GET", "/policies")
    (policy,) = told["items"]
    assert (policy["unit"], policy["kinds"], policy["until_us"]) == (county.known.units["C"], ["drone"], 0)
    await rows.get_by_role("button", name="修改").click()
    await form.locator("[name=what]").select_option("consultations")
    await form.get_by_role("button", name="保存").click()
    await expect(rows).to_contain_text(f"{COUNTY}：会商")
    changed = await known(chief, f"/policies/{policy['id']}", what="consultations", kinds=[])
    assert changed["from_us"] == policy["from_us"], "what nobody touched stays to the microsecond"
    await rows.get_by_role("button", name="取消策略").click()
    await agree(page)
    await expect(rows).to_have_count(0)


async def test_emergency_is_declared_with_a_reason_seen_by_its_units_and_ended(
    browser: Browser, chief: Seat, county: County
) -> None:
    page = await go(chief, f"directory/unit:{county.known.units['E']}")
    east, west = [await Seat.take(browser, county, login) for login in ("east", "west")]
    invited = [f"person:{county.known.people['east']}"]
    meeting = {"title": "河堤会商", "unit": county.known.units["E"], "invite": invited}
    await east.join(await chief.do("POST", "/consultations", meeting))
    bar = page.locator(".emergencies")
    await press(page, "应急录制")
    dialog = page.locator("dialog[open]")
    await expect(dialog).to_contain_text(EAST)
    await dialog.get_by_role("button", name="开始应急录制").click()
    await expect(bar).to_be_hidden()
    await expect(dialog).to_contain_text("内容是空的")
    await shoot(page, "declare")
    await dialog.locator("textarea").fill("河堤管涌")
    await dialog.get_by_role("button", name="开始应急录制").click()
    await expect(bar).to_contain_text(f"应急录制中：{EAST}")
    await expect(bar).to_contain_text("宣布：河堤管涌")
    await expect(page.locator(".admin-acts").get_by_role("button", name="结束应急录制")).to_be_visible()
    below = east.page.locator(".emergencies")
    await expect(below).to_contain_text("陈明于")
    await expect(below.get_by_role("button")).to_be_hidden()
    await expect(west.page.locator(".emergencies")).to_be_hidden()
    await expect(east.page.locator(".bar .recorded")).to_contain_text("正在录制")
    await expect(east.page.get_by_role("img", name="这个信源正在单独录制")).to_be_visible()
    await shoot(page, "emergency")
    await shoot(east.page, "emergency-below")
    await bar.get_by_role("button", name="结束应急录制").click()
    await agree(page)
    await expect(bar).to_be_hidden()
    await expect(below).to_be_hidden()
    await expect(east.page.locator(".bar .recorded")).to_be_hidden()
    for seat in (east, west):
        await seat.close()
