"""Peers that are killed: their sessions end when their consent has run out, and nobody else's."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack

import pytest
from playwright.async_api import Browser

from tests.patience import until
from tests.peers.browser import open_page
from tests.peers.programs import running
from tests.peers.server import Server
from tests.peers.test_recovery import goes_on, publisher

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_crashes_of_a_viewer_and_of_a_publisher_end_their_own_sessions_only(
    server: Server, browser: Browser
) -> None:
    def viewers(source: str) -> int:
        entry = server.source(source)
        return int(entry["viewers"]) if entry else 0

    async with AsyncExitStack() as ends:
        page = await ends.enter_async_context(open_page(browser, server))
        await page.publish("steady", "green", 700)
        steady = await page.view("steady")
        doomed = await ends.enter_async_context(running(publisher(server, "doomed", "red", "VP8")))
        await until("a live source", lambda: server.state_of("doomed"), "live".__eq__)
        bereft = await page.view("doomed")
        await page.shows(bereft, "red")
        # A crowd of our own clients in one process, so that one death is the death of several.
        arguments = [server.url, server.token, str(server.folder / "tls/ca.pem"), "steady", "4"]
        crowd = await ends.enter_async_context(running([sys.executable, "-m", "tests.peers.watchers", *arguments]))
        assert await crowd.line() == b"watching\n"
        assert viewers("steady") == 5
        await crowd.kill()
        await doomed.kill()
        await until("the source has no publisher", lambda: server.state_of("doomed"), "offline".__eq__)
        await until("the killed viewers are gone", lambda: viewers("steady"), (1).__eq__)
        await page.shows(steady, "green")
        await page.hears(steady, 700)
        await goes_on(page, steady)
        assert await server.state_of("steady") == "live"
        assert viewers("doomed") == 1
        for viewer in (steady, bereft):
            assert (await page.stats(viewer, "transport"))["dtlsState"] == "connected"
        assert (await page.stats(steady, "inbound-rtp", "video"))["packetsLost"] == 0
        again = await ends.enter_async_context(running(publisher(server, "doomed", "blue", "H264")))
        await page.shows(bereft, "blue")
        await page.hears(bereft, 600)
        await again.kill()
