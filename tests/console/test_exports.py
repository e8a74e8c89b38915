"""Exporting from the replay's page: a clip is ordered, made and downloaded, and found again by the next page."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.console.node import sign_in
from tests.huishang.recording.exports import left, probe
from tests.huishang.recording.office import UNIT, Office, office
from tests.patience import PATIENCE_S, until

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def opened(browser: Browser, node: Office, recording: str) -> Page:
    """Open the replay of a recording."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800}, locale="zh-CN")
    context.set_default_timeout(PATIENCE_S * 1000)
    page = await context.new_page()
    tracks = (await node.ask("GET", f"/recordings/{recording}/tracks"))["tracks"]
    begin_ms = max(track["t0_us"] for track in tracks) // 1000 + 1000
    await sign_in(page, node.node, "admin", f"#replay={recording}&t={begin_ms}")
    await expect(page.locator(".replay .tile[data-state=shown]")).to_have_count(1)
    return page


async def test_clip_is_ordered_made_and_downloaded(browser: Browser, tmp_path: Path) -> None:
    async with office(tmp_path) as node:
        recording = await node.record(f"source:{UNIT.id}")
        await node.told(recording, 1)
        await node.end(recording)
        await node.indexed(recording)
        page = await opened(browser, node, recording)
        await page.get_by_role("button", name="导出", exact=True).click()
        dialog = page.locator("dialog[open]")
        await expect(dialog.get_by_role("combobox", name="信源")).to_have_value(UNIT.id)
        await dialog.get_by_role("button", name="开始导出").click()
        row = dialog.locator(".export-row")
        await expect(row.filter(has_text="单路片段")).to_contain_text("保留到")
        async with page.expect_download() as coming:
            await row.get_by_role("button", name="下载").click()
        download = await coming.value
        assert download.suggested_filename.endswith("_片段.mp4") and UNIT.name in download.suggested_filename
        await download.save_as(tmp_path / "clip.mp4")
        assert probe(tmp_path / "clip.mp4")["video"]["codec_name"] == "h264"
        await dialog.get_by_role("radio", name="证据包").check()
        await dialog.get_by_role("button", name="开始导出").click()
        await expect(row.filter(has_text="证据包")).to_contain_text("保留到")
        await page.reload()
        await page.get_by_role("button", name="导出", exact=True).click()
        await expect(row).to_have_count(2)
        await seen(page)
        await row.last.get_by_role("button", name="删除").click()
        await expect(row).to_have_count(1)
        await until("its file is gone", lambda: len(left(node)) == 1)


async def seen(page: Page) -> None:
    """Keep pictures of it, for who wants to look."""
    folder = os.environ.get("SCREENSHOTS")
    if not folder:
        return
    for theme in ("dark", "light"):
        await page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
        await page.set_viewport_size({"width": 1280, "height": 800})
        await expect(page.locator("dialog[open] .button.main")).to_be_in_viewport()
        await page.screenshot(path=f"{folder}/wide-{theme}.png")
        await page.set_viewport_size({"width": 390, "height": 844})
        await page.screenshot(path=f"{folder}/phone-{theme}.png")
        await page.locator("dialog[open]").evaluate("dialog => dialog.scrollTo(0, 10000)")
        await page.screenshot(path=f"{folder}/phone-list-{theme}.png")
        await page.locator("dialog[open]").evaluate("dialog => dialog.scrollTo(0, 0)")
    await page.set_viewport_size({"width": 1280, "height": 800})
