"""Our transport-wide feedback is understood by a decoder that is not ours: Chromium's estimate of its uplink.

It begins at 300 kbit/s. By receiver reports without loss alone it grows by 8 % a second; probes lift it tenfold at
once, and only transport-wide feedback tells it how they arrived. So a publisher with feedback overtakes one that began
before it and lacks nothing but the feedback. A REMB of ours, or anything else, would lift both.
"""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, Route

from tests.patience import until
from tests.peers.browser import PeerPage, open_page
from tests.peers.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="package")

FEEDBACK_LINES = re.compile(r"^a=(rtcp-fb:\S+ transport-cc|extmap:\d+ \S+transport-wide-cc\S*)\r\n", re.MULTILINE)
#: Chromium was seen to go from 300 to 3,600 kbit/s.
FAR_ABOVE = 4
CAUGHT_UP_BPS = 1_000_000
#: On a busy machine the probes themselves are held up, and feedback says so.
TRIES = 5


async def without_feedback(route: Route) -> None:
    """Let a publisher have the server's answer without transport-wide feedback."""
    response = await route.fetch()
    text, removed = FEEDBACK_LINES.subn("", await response.text())
    assert removed == 4, "attribute and header extension of picture and sound"
    await route.fulfill(response=response, body=text)


async def estimate_bps(page: PeerPage, person: str) -> float:
    """Return what a publisher thinks it can send, 0 before it thinks anything."""
    entries = await page.call("stats", person)
    return max((entry.get("availableOutgoingBitrate", 0) for entry in entries), default=0)


async def overtakes(page: PeerPage, server: Server, number: int) -> bool:
    """Let both publish; whether the one with feedback is far above before the other, too, has come to something."""
    await page.page.route(f"**/whip/without-{number}", without_feedback)
    without = await page.publish(f"without-{number}", "red", 500)
    await until("the first estimate", lambda: estimate_bps(page, without))
    fed = await page.publish(f"with-{number}", "blue", 700)

    async def estimates() -> tuple[float, float]:
        # The slower one last: it may only have more by then.
        return await estimate_bps(page, fed), await estimate_bps(page, without)

    def decided(both: tuple[float, float]) -> bool:
        return both[0] > FAR_ABOVE * both[1] or both[1] > CAUGHT_UP_BPS

    both: tuple[float, float] = await until("one of the estimates rises", estimates, decided)
    await until("the slower one is live", lambda: server.state_of(f"without-{number}"), "live".__eq__)
    return both[0] > FAR_ABOVE * both[1]


async def test_publisher_with_our_feedback_soon_knows_its_uplink(browser: Browser, server: Server) -> None:
    for number in range(TRIES):
        async with open_page(browser, server) as page:
            if await overtakes(page, server, number):
                return
    pytest.fail("no publisher learned of its uplink what the other did not")
