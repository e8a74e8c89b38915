"""A page of Chromium whose media go over a bad way: relays of ours between it and the server."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from playwright.async_api import Browser, Route

from huishang.demo.detour import best_candidate, redirect_candidates
from huishang.demo.link import Shape
from huishang.demo.relay import UdpRelay
from huishang.demo.way import both
from tests.peers.browser import PeerPage, Site, open_page


@asynccontextmanager
async def detoured_page(browser: Browser, server: Site, shape: Shape) -> AsyncIterator[tuple[PeerPage, list[UdpRelay]]]:
    """A page all of whose media go through relays; give those, one for each connection."""
    relays: list[UdpRelay] = []
    async with AsyncExitStack() as ends:

        async def detour(route: Route) -> None:
            answer = await route.fetch()
            text = await answer.text()
            target = best_candidate(text)
            if route.request.method != "POST" or target is None:
                await route.fulfill(response=answer)
                return
            relays.append(await ends.enter_async_context(UdpRelay(target, shape)))
            await route.fulfill(response=answer, body=redirect_candidates(text, relays[-1].address))

        page = await ends.enter_async_context(open_page(browser, server))
        await page.page.route(re.compile("/wh[ei]p/"), detour)
        yield page, relays


def change_way(relay: UdpRelay, shape: Shape) -> None:
    """Let both directions of a relay be another way from now on; what is under way arrives as it would have."""
    relay.uplink, relay.downlink = both(shape)
