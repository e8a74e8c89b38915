"""Loss on the page: what the way to the browser loses is told on the tile, and nothing else than that."""

from __future__ import annotations

import re
from contextlib import AsyncExitStack

import pytest
from playwright.async_api import BrowserContext, Page, Route, expect

from huishang.demo.detour import best_candidate, redirect_candidates
from huishang.demo.link import LinkSettings
from huishang.demo.relay import UdpRelay
from huishang.demo.units import by_id
from tests.console.node import TOKEN, LiveUnit, Node
from tests.console.test_page import tile, wait_state

pytestmark = pytest.mark.asyncio(loop_scope="module")
PHONE = "radio-phone"
LOSS = LinkSettings(loss=0.2, seed=5)


async def test_loss_of_a_bad_way_is_shown_and_of_a_good_one_is_zero(context: BrowserContext, node: Node) -> None:
    async with AsyncExitStack() as ends:

        async def detour(route: Route) -> None:
            answer = await route.fetch()
            text = await answer.text()
            target = best_candidate(text)
            assert target is not None
            relay = await ends.enter_async_context(UdpRelay(target, LOSS))
            await route.fulfill(response=answer, body=redirect_candidates(text, relay.address))

        async def opened(bad: bool) -> Page:
            page = await context.new_page()
            ends.push_async_callback(page.close)
            if bad:
                await page.route(re.compile(r"/whep/[^/]+$"), detour)
            await page.goto(f"{node.url}/#token={TOKEN}")
            await wait_state(page, PHONE, "live")
            return page

        await ends.enter_async_context(LiveUnit(by_id(PHONE), node))
        figures = tile(await opened(True), PHONE).locator(".figures")
        # Of a second with 50 packets, so that any share near a fifth is one.
        await expect(figures).to_contain_text(re.compile(r"丢包 [1-4]\d(\.\d)?\s?%"))
        await expect(figures.locator(".bad")).to_contain_text(["丢包"])
        await expect(tile(await opened(False), PHONE).locator(".figures")).to_contain_text(
            re.compile(r"丢包 0(\.0+)?\s?%")
        )
