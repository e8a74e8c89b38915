"""The page of a replay: by hand, by keys, by links; how it looks on a phone."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from tests.console.recorded import SECOND_US, T0
from tests.console.recordings_site import RECORDING, RecordingsSite
from tests.console.replaying import ABOUT, DRONE, FIELD, HALL, PHONE
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="package")

#: What the page's large clock says at the beginning, in UTC+8.
BEGIN: Final = "20:13:20.1"


@pytest_asyncio.fixture(loop_scope="package")
async def page(loud: Browser, site: RecordingsSite) -> AsyncIterator[Page]:
    context = await loud.new_context(viewport={"width": 1280, "height": 800}, locale="zh-CN")
    context.set_default_timeout(PATIENCE_S * 1000)
    page = await context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    await context.close()
    assert faults == []


async def opened(page: Page, site: RecordingsSite, seconds: float = 0.0, more: str = "") -> None:
    at = f"&t={(T0 + seconds * SECOND_US) / 1000}" if seconds else ""
    await page.goto(f"{site.url}/#replay={RECORDING}{at}{more}")
    await expect(tile(page, HALL)).to_have_attribute("data-state", "shown")


def tile(page: Page, track: str) -> Locator:
    return page.locator(f".replay .tile[data-id='{ABOUT[track]['source']}']")


def clock(page: Page) -> Locator:
    return page.locator(".replay-time")


async def test_a_link_leads_to_its_moment_and_the_address_keeps_it(page: Page, site: RecordingsSite) -> None:
    await opened(page, site, 12.0)
    await expect(clock(page)).to_have_text("20:13:32.1")
    await expect(tile(page, HALL).locator(".capture")).to_have_text("20:13:32.1")
    await expect(tile(page, FIELD).locator(".state .title")).to_have_text("传输中丢失")
    await expect(tile(page, FIELD).locator(".state .why")).to_have_text("20:13:30 起 · 20:13:36 恢复")
    await page.keyboard.press("ArrowRight")
    await expect(clock(page)).to_have_text("20:13:37.1")
    await tile(page, HALL).locator(".picture").click()
    await expect(tile(page, FIELD)).to_be_hidden()
    await page.reload()
    await expect(clock(page)).to_have_text("20:13:37.1")
    await expect(tile(page, HALL)).to_have_attribute("data-state", "shown")
    await expect(tile(page, FIELD)).to_be_hidden()
    await page.keyboard.press("Escape")
    await expect(tile(page, FIELD)).to_be_visible()


async def test_keys_and_presses_drive_it(page: Page, site: RecordingsSite) -> None:
    await opened(page, site)
    await expect(clock(page)).to_have_text(BEGIN)
    # Who has no right to export it is not offered that.
    await expect(page.get_by_role("button", name="导出", exact=True)).to_be_hidden()
    await page.keyboard.press("n")
    await expect(clock(page)).to_have_text("20:13:22.1")
    await page.keyboard.press("s")
    await expect(clock(page)).to_have_text("20:13:26.1")
    await page.keyboard.press("s")
    await expect(clock(page)).to_have_text("20:13:38.1")
    await page.locator(".happened-row").nth(1).click()
    await expect(clock(page)).to_have_text("20:13:23.1")
    await expect(page.locator(".happened-rows [aria-current=true]")).to_contain_text("20:13:23")
    await page.keyboard.press(">")
    await expect(page.locator(".replay-chosen select").first).to_have_value("1.5")
    strip = page.locator("canvas.strip")
    box = await strip.bounding_box()
    assert box
    await strip.click(position={"x": box["width"] / 2, "y": 40})
    await expect(strip).to_have_attribute("aria-valuetext", "2025-11-23 20:13:35")
    await page.locator(".replay-go input").fill("2025-11-23T20:13:48")
    await page.locator(".replay-go button").click()
    await expect(clock(page)).to_have_text("20:13:48.0")
    await page.keyboard.press(" ")
    await expect(clock(page)).to_have_text("20:13:50.1")
    await expect(page.locator("[data-act=play]")).to_have_attribute("title", "播放（空格）")


async def test_what_cannot_be_played_or_is_not_there_yet_says_so(page: Page, site: RecordingsSite) -> None:
    await opened(page, site)
    await expect(page.locator(".replay .tile[data-state=cannot] .state .title")).to_have_text("这里放不了")
    await expect(tile(page, DRONE).locator(".state .title")).to_have_text("还没有开始发送")
    await expect(tile(page, DRONE).locator(".state .why")).to_have_text("20:13:23 开始")


async def test_sound_that_is_heard_by_a_copy_says_so(page: Page, site: RecordingsSite) -> None:
    with site.copying():
        await opened(page, site)
        await expect(tile(page, PHONE)).to_have_attribute("data-state", "shown")
        sound = tile(page, PHONE).locator(".mute")
        await expect(sound).to_have_attribute("title", re.compile("副本"))
        await expect(sound).to_have_attribute("aria-disabled", "false")
        await expect(tile(page, HALL).locator(".mute")).not_to_have_attribute("title", re.compile("副本"))


async def test_who_may_not_see_it_is_told_in_words(page: Page, site: RecordingsSite) -> None:
    await page.goto(f"{site.url}/#replay=01KARR5QKB00000000000000XX")
    await expect(page.locator(".replay-trouble")).to_contain_text("打不开这段录像")
    await expect(page.locator(".replay-trouble button")).to_be_visible()


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 800), (1000, 700)])
async def test_everything_that_drives_it_is_within_the_window(
    page: Page, site: RecordingsSite, width: int, height: int
) -> None:
    await page.set_viewport_size({"width": width, "height": height})
    await opened(page, site, 5.0)
    for name in ("play", "frameOn", "eventAfter", "speaker"):
        box = await page.locator(f"[data-act={name}]").bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height and box["height"] >= 36
    wide = await page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width


async def test_recordings_are_listed_and_lead_to_their_replay(page: Page, site: RecordingsSite) -> None:
    await page.goto(f"{site.url}/#/")
    await page.locator(".overview a[href='#/recordings']").click()
    row = page.locator(".recordings .card")
    await expect(row).to_contain_text("山洪应急会商")
    await expect(row).to_contain_text("2025-11-23 20:13:20 – 20:13:50")
    await row.locator("a.go").click()
    await expect(tile(page, HALL)).to_have_attribute("data-state", "shown")
    await page.locator(".replay-head a").click()
    await expect(row).to_be_visible()
    await expect(tile(page, HALL)).to_have_count(0)


async def test_recording_that_policy_deleted_says_so_on_every_tile_and_in_the_list(
    page: Page, site: RecordingsSite
) -> None:
    site.recorded.deleted.update({row["segment"]: row["t1_us"] for row in site.rows})
    site.look()
    site.more = {"deleted_us": site.to_us, "deleted_by": "brief: disk-low"}
    try:
        await page.goto(f"{site.url}/#replay={RECORDING}&t={(T0 + 3 * SECOND_US) / 1000}")
        for track in (HALL, FIELD):
            await expect(tile(page, track).locator(".state .title")).to_have_text("已按规定删除")
        if folder := os.environ.get("SCREENSHOTS"):
            await page.wait_for_timeout(1500)
            await page.screenshot(path=f"{folder}/gone.png")
        await page.goto(f"{site.url}/#/recordings")
        await expect(page.locator(".recordings .card")).to_contain_text("磁盘不足，已按规定删除")
    finally:
        site.recorded.deleted.clear()
        site.more = {}
        site.look()
