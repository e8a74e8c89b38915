"""A picture of VP8 with temporal rungs, from a page to one behind a link that becomes thin: fewer frames, all again."""

from __future__ import annotations

import math
import re
import tomllib
from contextlib import AsyncExitStack

import pytest
from playwright.async_api import Browser, Page, expect

from huishang.demo.link import Shape
from huishang.demo.relay import UdpRelay
from tests.console.node import Node, sign_in
from tests.console.test_bad_way import open_page
from tests.console.test_thin_link import WATCH
from tests.patience import PATIENCE_S, until

pytestmark = pytest.mark.asyncio(loop_scope="package")

#: A browser that has no H.264, as some builds: the page sends VP8 then.
VP8_ONLY = """
for (const Of of [RTCRtpReceiver, RTCRtpSender]) {
  const all = Of.getCapabilities.bind(Of);
  Of.getCapabilities = (kind) => {
    const { codecs, ...rest } = all(kind);
    return { ...rest, codecs: codecs.filter(({ mimeType }) => mimeType !== "video/H264") };
  };
}
"""
#: In which steps each layer is sent.
SENT = """async () => {
  const found = [];
  for (const one of (await window.connection?.getStats())?.values() ?? [])
    if (one.type === "outbound-rtp" && one.kind === "video" && one.framesSent) found.push(one.scalabilityMode);
  return found;
}"""
#: Of fifteen a second the lowest rung has every fourth, the two lowest every second; a busy machine makes some fewer.
ALL, FEW = re.compile(r"^1[1-6] 帧/秒$"), re.compile(r"^[2-9] 帧/秒$")


def carrying(bps: float) -> Shape:
    return Shape(rates=((-math.inf, bps),), delay_s=0.02, queue_s=1.0)


async def publish(page: Page, node: Node) -> None:
    """Send the test picture in VP8."""
    await page.add_init_script(VP8_ONLY + WATCH)
    await sign_in(page, node)
    await page.locator(".publish").first.click()
    await page.locator("dialog[open] select").first.select_option("test")
    await page.locator("dialog[open] .main").click()
    await until("both layers are sent in rungs", lambda: page.evaluate(SENT), ["L1T3", "L1T3"].__eq__)


async def test_thin_link_has_fewer_frames_and_says_so_and_all_again_when_it_is_wide(
    browser: Browser, node: Node
) -> None:
    port = tomllib.loads((node.folder / "node.toml").read_text())["media"]["port"]
    async with AsyncExitStack() as ends:
        relay = await ends.enter_async_context(UdpRelay(("127.0.0.1", port), carrying(3e6)))
        context = await browser.new_context()
        context.set_default_timeout(PATIENCE_S * 1000)
        ends.push_async_callback(context.close)
        await publish(await context.new_page(), node)
        page = await open_page(browser, node, ends, relay)
        tile = page.locator(".tile")
        await expect(tile).to_have_attribute("data-state", "live")
        figures = tile.locator(".figures")
        rate = figures.locator("span").nth(2)
        await expect(rate).to_have_text(ALL)

        relay.downlink.link.shape = carrying(70e3)
        await expect(figures.locator(".bad")).to_contain_text(["帧率已降"])
        await expect(page.locator(".link")).to_contain_text("线路较窄，1 路画面帧率降低。")
        await expect(rate).to_have_text(FEW)
        await expect(tile).to_have_attribute("data-state", "live")

        relay.downlink.link.shape = carrying(3e6)
        await expect(rate).to_have_text(ALL)
        await expect(figures).not_to_contain_text("帧率已降")
        await expect(page.locator(".link")).to_have_attribute("data-link", "up")
