"""A recording whose server was killed: what was recorded before and after is replayed on one page, and proved."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.console.node import sign_in
from tests.huishang.recording.office import UNIT, office
from tests.patience import PATIENCE_S, until

pytestmark = pytest.mark.asyncio(loop_scope="package")

#: Whether the picture has anything to see in it.
SEEN = """(video) => {
  const canvas = new OffscreenCanvas(32, 18);
  const drawn = canvas.getContext("2d");
  drawn.drawImage(video, 0, 0, 32, 18);
  return new Set(drawn.getImageData(0, 0, 32, 18).data).size > 20;
}"""


async def test_what_was_recorded_before_and_after_is_seen_again(browser: Browser, tmp_path: Path) -> None:
    async with office(tmp_path) as node:
        recording = await node.record(f"source:{UNIT.id}")
        told = await node.told(recording, 1)
        await node.node.stop(signal.SIGKILL)
        await until("the worker has closed everything", node.is_written)
        await node.begin_again()
        later = await node.told(recording, 1, after=max(each["track"] for each in told))
        await node.end(recording)
        await node.indexed(recording)
        context = await browser.new_context(viewport={"width": 1280, "height": 800}, locale="zh-CN")
        context.set_default_timeout(PATIENCE_S * 1000)
        page = await context.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        await sign_in(page, node.node)
        for some in (told, later):
            pictures = [each for each in some if each["about"]["kind"] == "video"]
            longest = max(pictures, key=lambda each: each["end"] - each["start"])
            await page.goto(f"{node.node.url}/#replay={recording}&t={(longest['start'] + longest['end']) // 2000}")
            tile = page.locator(f".replay .tile[data-id='{UNIT.id}'][data-state='shown']")
            await expect(tile).to_be_visible()
            video = tile.locator("video")
            await until("a picture", lambda video=video: video.evaluate(SEEN))  # type: ignore[misc]
        await context.close()
        assert faults == []
        status, findings = node.verify()
        assert status == 0, findings
