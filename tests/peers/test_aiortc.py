"""aiortc at both ends, and at one end with Chromium at the other."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from tests.peers.aiortc_ends import SIZE, Publisher, Viewer
from tests.peers.browser import open_page
from tests.peers.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest.mark.parametrize("codec", ["H264", "VP8"])
async def test_viewer_decodes_colour_and_tone_of_the_publisher(server: Server, codec: str) -> None:
    source = f"aiortc-{codec}"
    async with (
        Publisher(f"{server.url}/whip/{source}", server.token, "blue", 900, codec) as publisher,
        Viewer(f"{server.url}/whep/{source}", server.token) as viewer,
    ):
        await viewer.shows("blue")
        await viewer.hears(900)
        assert await viewer.next_colours(10) == {"blue"}
        assert "GCM" in publisher.srtp_profile and "GCM" in viewer.srtp_profile


async def test_chromium_shows_what_aiortc_publishes(server: Server, browser: Browser) -> None:
    async with (
        Publisher(f"{server.url}/whip/mixed", server.token, "yellow", 1300),
        open_page(browser, server) as page,
    ):
        viewer = await page.view("mixed")
        await page.shows(viewer, "yellow")
        await page.hears(viewer, 1300)
        video = await page.stats(viewer, "inbound-rtp", "video")
        assert (await page.colour(viewer), video["frameWidth"], video["frameHeight"]) == ("yellow", *SIZE)


async def test_aiortc_decodes_what_chromium_publishes(server: Server, browser: Browser) -> None:
    async with open_page(browser, server) as page:
        await page.publish("from-chromium", "green", 400)
        async with Viewer(f"{server.url}/whep/from-chromium", server.token) as viewer:
            await viewer.shows("green")
            await viewer.hears(400)
            assert await viewer.next_colours(10) == {"green"}
