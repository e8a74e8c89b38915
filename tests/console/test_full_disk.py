"""The node's disk is full: what somebody does is refused in words at what it concerns, and nothing else stops."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.console.county import PEOPLE
from tests.console.office import speak
from tests.console.said import says_done
from tests.console.test_long_session import running, talking
from tests.console.test_meeting import row
from tests.huishang.test_bad_days import fill_up, until_refused

pytestmark = pytest.mark.asyncio(loop_scope="package")
OFFICER, EAST = PEOPLE["officer"][1], PEOPLE["east"][1]


async def test_act_by_click_is_refused_in_words_at_what_it_concerns_and_done_when_there_is_room(
    browser: Browser, tmp_path: Path
) -> None:
    async with running(tmp_path, disk=1) as county, talking(county, browser, browser) as (officer, east):
        ballast = county.disk / "ballast"
        with ballast.open("wb", buffering=0) as file:
            fill_up(file.fileno())
        await until_refused(officer, f"/consultations/{officer.page.url.rpartition('/')[2]}")
        quick = row(officer.page, EAST).locator(".quick")
        for language, words in (
            ("zh", "服务器磁盘已满，没有生效"),
            ("en", "The server's disk is full; nothing was done"),
        ):
            for one in (officer, east):
                await speak(one, language)
            await quick.click()
            note = row(officer.page, EAST).locator(".note")
            await expect(note).to_have_attribute("data-said", "refused")
            await expect(note).to_contain_text(words)
            await east.page.locator(".control.hand").click()
            await expect(east.page.locator(".controls > .note")).to_contain_text(words)
            await expect(east.page.locator(".control.hand")).to_have_attribute("data-state", "off")
            await expect(quick).to_have_class("button bare quick heard")
        for one in (officer, east):
            for kind in ("video", "audio"):
                await one.flows(kind)
        ballast.unlink()
        async with says_done(row(officer.page, EAST).locator(".note")):
            await quick.click()
        await officer.rests("audio", "video")
        await east.page.locator(".control.hand").click()
        await expect(east.page.locator(".control.hand")).to_have_attribute("data-state", "on")
