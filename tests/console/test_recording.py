"""Recording from the page: the chair begins, rests and ends it, everybody sees it, and it is on disk and proved."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from recorder.book.evidence import is_closed
from tests.console.node import Node
from tests.console.test_meeting import Two, open_page, seat
from tests.patience import until

pytestmark = pytest.mark.asyncio(loop_scope="package")

TITLE = "堤防险情会商"


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def two(browser: Browser, node: Node) -> AsyncIterator[Two]:
    trouble: list[str] = []
    chair, member = [await open_page(browser, node, login, trouble) for login in ("chair", "member")]
    await chair.locator(".create-button").click()
    await expect(chair.locator("dialog[open] select option")).not_to_have_count(0)
    await chair.locator("dialog[open] input[type=text]").fill(TITLE)
    await chair.keyboard.press("Enter")
    await expect(seat(chair, "李秀英")).to_have_count(1)
    await chair.locator("button.control.camera").click()
    await expect(chair.locator("button.control.camera")).to_have_attribute("data-state", "on")
    yield Two(chair, member, trouble)
    for page in (chair, member):
        await page.context.close()
    assert trouble == []


async def test_all_see_that_it_is_recorded_and_what_was_is_proved(two: Two, node: Node) -> None:
    sign = two.chair.locator(".bar .recorded")

    async def act(name: str) -> None:
        """Choose an act of the chair's: their buttons give way to the sign."""
        await two.chair.locator(".chair-menu").click()
        await two.chair.get_by_role("menuitem", name=name).click()

    card = two.member.locator(".card").filter(has_text=TITLE)
    await expect(sign).to_be_hidden()
    await two.chair.locator(".chair-acts").get_by_role("button", name="录制", exact=True).click()
    await expect(sign).to_be_in_viewport()
    await expect(sign).to_contain_text("正在录制")
    await expect(card).to_contain_text("正在录制")
    root = node.folder / "recordings"
    (recording,) = await until("a chain", lambda: os.listdir(root / "sessions") if (root / "sessions").exists() else [])
    if folder := os.environ.get("SCREENSHOTS"):
        await two.chair.screenshot(path=f"{folder}/wide.png")
        await two.member.screenshot(path=f"{folder}/card.png")
        await two.chair.set_viewport_size({"width": 390, "height": 844})
        await two.chair.screenshot(path=f"{folder}/phone.png")
        await two.chair.locator(".chair-menu").click()
        await two.chair.screenshot(path=f"{folder}/menu.png")
        await two.chair.keyboard.press("Escape")
        await two.chair.set_viewport_size({"width": 1440, "height": 900})
    await until("a picture on disk", lambda: list(root.glob("tracks/*/*")))
    await act("暂停录制")
    await expect(sign).to_contain_text("录制暂停")
    await expect(card).to_contain_text("录制暂停")
    await act("继续录制")
    await act("停止录制")
    await expect(sign).to_be_hidden()
    await expect(card.locator(".recorded")).to_be_hidden()
    await until("the closure", lambda: is_closed(root, recording))
    command = [sys.executable, "-m", "huishang", "verify", "--json", str(root)]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, json.loads(done.stdout)


async def test_who_manages_sets_how_long_it_is_kept_and_keeps_it_from_deletion(two: Two, node: Node) -> None:
    page = two.chair
    await page.goto(f"{node.url}/#/recordings")
    row = page.locator(".recordings .card").filter(has_text=TITLE).first
    await expect(row).to_contain_text("普通保存")
    await row.get_by_role("button", name="保存期限").click()
    dialog = page.locator("dialog[open]")
    await dialog.get_by_label("保存类别").select_option("lasting")
    await dialog.get_by_label("保留理由").fill("调查取证")
    if folder := os.environ.get("SCREENSHOTS"):
        await page.screenshot(path=f"{folder}/keep.png")
        await page.set_viewport_size({"width": 390, "height": 844})
        await page.screenshot(path=f"{folder}/keep-phone.png")
    await dialog.get_by_role("button", name="确定").click()
    await expect(dialog).to_have_count(0)
    if folder:
        await page.screenshot(path=f"{folder}/kept-phone.png")
        await page.set_viewport_size({"width": 1280, "height": 800})
        await page.screenshot(path=f"{folder}/kept.png")
    for _ in range(2):
        await expect(row).to_contain_text("长期保存")
        await expect(row.locator(".sign[title='调查取证']")).to_be_visible()
        await page.get_by_role("button", name="刷新").click()
