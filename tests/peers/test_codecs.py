"""Video codecs that are forwarded untouched beside H.264 and VP8, encoded and decoded by Chromium."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from tests.peers.browser import open_page
from tests.peers.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest.mark.parametrize("codec", ["VP9", "AV1"])
async def test_what_is_published_in_another_codec_is_seen_by_who_comes_later_too(
    server: Server, browser: Browser, codec: str
) -> None:
    source = f"other-{codec}"
    async with open_page(browser, server) as page, open_page(browser, server) as later:
        await page.publish(source, "yellow", 900, codec=codec)
        for side in (page, later):
            viewer = await side.view(source)
            await side.shows(viewer, "yellow")
            picture = await side.stats(viewer, "inbound-rtp", "video")
            entries = await side.call("stats", viewer)
            assert next(entry["mimeType"] for entry in entries if entry["id"] == picture["codecId"]) == f"video/{codec}"
            assert picture["packetsLost"] == 0
        entry = server.source(source)
        assert entry is not None
        assert next(track["codec"] for track in entry["tracks"] if track["kind"] == "video") == codec
