"""How much of the link pictures may take, by choice and by the link: what the page shows then, and what comes to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, expect

from huishang.demo.units import Unit, by_id
from tests.console.node import Node
from tests.console.test_thin_link import Line, watching
from tests.patience import until

pytestmark = pytest.mark.asyncio(loop_scope="package")


def red_unit() -> Unit:
    """A unit whose caption is bright red."""
    unit = by_id("drone-1")
    assert unit.video is not None
    return replace(unit, video=replace(unit.video, colour=(235, 16, 16)))


UNIT = red_unit()
#: What has come over the page's connection: packets of pictures and of sound, bytes of all, pixels decoded.
CAME = """async () => {
  const came = { video: 0, audio: 0, bytes: 0, frames: 0 };
  for (const one of (await window.connection.getStats()).values()) {
    if (one.type === "inbound-rtp") came[one.kind] += one.packetsReceived;
    if (one.type === "inbound-rtp" && one.kind === "video") came.frames += one.framesDecoded;
    if (one.type === "candidate-pair" && one.nominated) came.bytes += one.bytesReceived;
  }
  return came;
}"""
#: The part of the still that is red.
RED = """(still) => {
  const { data } = still.getContext("2d").getImageData(0, 0, still.width, still.height);
  let red = 0;
  for (let at = 0; at < data.length; at += 4) if (data[at] > 180 && data[at + 1] < 80 && data[at + 2] < 80) red += 1;
  return (red * 4) / data.length;
}"""


@pytest_asyncio.fixture(loop_scope="package")
async def line() -> Line:
    return Line()


@pytest_asyncio.fixture(loop_scope="package")
async def page(context: BrowserContext, node: Node, line: Line) -> AsyncIterator[Page]:
    """The page of somebody who watches and hears a red unit."""
    async with watching(context, node, line, UNIT) as page:
        await page.locator(".tile .mute").click()
        await until("sound", lambda: came(page, "audio"))
        yield page


async def came(page: Page, what: str) -> int:
    return int((await page.evaluate(CAME))[what])


async def choose(page: Page, mode: str) -> None:
    """Choose a mode as somebody at the keyboard does."""
    await page.locator(".acts .mode").focus()
    await page.keyboard.press("Enter")
    chosen = ["auto", "full", "slow", "stills", "sound"]
    await page.keyboard.press("Home")
    for _ in range(chosen.index(mode)):
        await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")


async def heard_without_pictures(page: Page) -> None:
    """Two seconds of sound come, and in them no picture: not a packet, and no more bytes than sound has."""
    before: dict[str, Any] = await page.evaluate(CAME)

    async def settled() -> bool:
        """Half a second of sound has come since the last packet of a picture."""
        nonlocal before
        now = await page.evaluate(CAME)
        if now["video"] != before["video"]:
            before = now
        return bool(now["audio"] > before["audio"] + 25)

    await until("pictures have ended", settled)
    before = await page.evaluate(CAME)
    await until("two seconds of sound", lambda: came(page, "audio"), lambda packets: packets > before["audio"] + 100)
    after = await page.evaluate(CAME)
    assert after["video"] in (0, before["video"])
    assert after["bytes"] - before["bytes"] < (after["audio"] - before["audio"]) * 350


async def test_stills_by_choice_are_the_picture_of_now_beside_unbroken_sound(page: Page) -> None:
    tile, top = page.locator(".tile"), page.locator(".link")
    await choose(page, "stills")
    await expect(top).to_have_attribute("data-link", "stills")
    await expect(top).to_contain_text("静态画面模式")
    await expect(tile).to_have_attribute("data-state", "stills")
    await expect(tile.locator(".state .title")).to_contain_text(":")
    still = tile.locator("canvas.still")
    assert await still.evaluate(RED) > 0.05
    assert await still.evaluate("(still) => [still.width, still.height]") == [320, 180]
    await heard_without_pictures(page)
    first = await tile.locator(".state .title").text_content()
    await until("another still", lambda: tile.locator(".state .title").text_content(), lambda text: text != first)

    # What was chosen holds for this browser.
    await page.reload()
    await expect(top).to_have_attribute("data-link", "stills")
    await expect(tile).to_have_attribute("data-state", "stills")
    await choose(page, "auto")
    await expect(tile).to_have_attribute("data-state", "live")
    await expect(top).to_have_attribute("data-link", "up")


async def test_sound_only_shows_nothing_and_hears_everything(page: Page) -> None:
    tile = page.locator(".tile")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await choose(page, "sound")
    await expect(tile).to_have_attribute("data-state", "soundMode")
    await expect(tile.locator(".state .title")).to_have_text("不收画面")
    await heard_without_pictures(page)
    assert not [url for url in asked if url.endswith("/still")]
    await choose(page, "auto")
    await expect(tile).to_have_attribute("data-state", "live")


async def test_low_frame_rate_is_told_to_the_server_for_every_picture(page: Page, line: Line) -> None:
    await until("a size", lambda: bool(line.shown()))
    await choose(page, "slow")
    await until("the word", lambda: [one["slow"] for one in line.sizes[-1]["lines"]], [True].__eq__)
    await expect(page.locator(".link")).to_have_attribute("data-link", "slow")
    await choose(page, "auto")
    await until("the word", lambda: [one["slow"] for one in line.sizes[-1]["lines"]], [False].__eq__)


async def test_picture_that_the_link_holds_back_is_shown_as_stills_once_the_queue_is_gone_until_there_is_room(
    page: Page, line: Line
) -> None:
    tile = page.locator(".tile")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await until("a size", lambda: bool(line.shown()))
    line.link("poor", 90_000, 0, "no-room", queue_ms=700)
    await expect(tile).to_have_attribute("data-state", "noRoom")
    # Longer than it takes until stills begin.
    await page.wait_for_function(
        "(end) => performance.now() > end", arg=await page.evaluate("performance.now() + 4500")
    )
    assert not [url for url in asked if url.endswith("/still")]
    line.link("poor", 90_000, 0, "no-room", queue_ms=30)
    await expect(tile).to_have_attribute("data-state", "stills")
    assert await tile.locator("canvas.still").evaluate(RED) > 0.05
    await expect(page.locator(".link")).to_have_attribute("data-link", "poor")
    line.link("good", None, 2)
    await expect(tile).to_have_attribute("data-state", "live")
