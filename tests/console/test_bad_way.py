"""A page behind a bad way: what is lost is told on the wall and in the consultation, and nothing beside it."""

from __future__ import annotations

import json
import re
import tomllib
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from playwright.async_api import Browser, Page, WebSocketRoute, expect

from huishang.demo.detour import redirect_candidates
from huishang.demo.link import Loss, Shape
from huishang.demo.relay import UdpRelay
from huishang.demo.units import by_id
from tests.console.node import LiveUnit, Node, sign_in
from tests.console.test_chairing import LIVE, drop, enter_cameras
from tests.console.test_meeting import seat
from tests.console.test_page import tile
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="package")
WAY = Shape(delay_s=0.05, loss=Loss(0.2))


async def open_page(browser: Browser, node: Node, ends: AsyncExitStack, relay: UdpRelay | None) -> Page:
    """Open the chair's page; with a relay, all of its media go over that."""
    context = await browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE_S * 1000)
    ends.push_async_callback(context.close)
    page = await context.new_page()

    def detour(line: WebSocketRoute) -> None:
        server = line.connect_to_server()

        def pass_on(said: str | bytes) -> None:
            message = json.loads(said)
            if message["t"] == "answer" and relay is not None:
                message["sdp"] = redirect_candidates(message["sdp"], relay.address)
            line.send(json.dumps(message))

        server.on_message(pass_on)

    if relay is not None:
        await page.route_web_socket(re.compile("/api/v1/ws"), detour)
    await sign_in(page, node, "chair")
    return page


async def test_what_is_lost_on_the_way_is_told_on_the_wall_and_in_the_consultation(
    browser: Browser, node: Node
) -> None:
    camera = (await enter_cameras(node))[LIVE]
    port = tomllib.loads((node.folder / "node.toml").read_text())["media"]["port"]
    async with AsyncExitStack() as ends:
        await ends.enter_async_context(LiveUnit(replace(by_id("radio-phone"), id=camera), node))
        relay = await ends.enter_async_context(UdpRelay(("127.0.0.1", port), WAY))
        good = await open_page(browser, node, ends, None)
        bad = await open_page(browser, node, ends, relay)
        figures = tile(bad, camera).locator(".figures")
        # Of a second with 50 packets, so that any share near a fifth is one.
        await expect(figures).to_contain_text(re.compile(r"丢包 [1-4]\d(\.\d)?\s?%"))
        await expect(figures.locator(".bad")).to_contain_text(["丢包"])
        await expect(tile(bad, camera).locator(".bars")).to_have_attribute("data-bars", "1")
        await expect(tile(good, camera).locator(".figures")).to_contain_text(re.compile(r"丢包 0(\.0+)?\s?%"))
        await expect(tile(good, camera).locator(".bars")).to_have_attribute("data-bars", "3")
        await hold(bad)
        await drop(bad, LIVE)
        bars = seat(bad, LIVE).locator(".bars")
        told = re.compile(r"丢包 [1-4]\d(\.\d)?\s?%.*延迟 \d+ 毫秒.*kb/s", re.DOTALL)
        await expect(bars).to_have_attribute("aria-label", told)
        await expect(bars).to_have_attribute("data-bars", "1")
        assert relay.downlink.link.lost > 0


async def hold(page: Page) -> None:
    """Begin a consultation by clicking."""
    await page.locator(".create-button").click()
    await expect(page.locator("dialog[open] select option")).not_to_have_count(0)
    await page.locator("dialog[open] input[type=text]").fill("线路不好的会商")
    await page.keyboard.press("Enter")
    await expect(seat(page, "李秀英")).to_have_count(1)
