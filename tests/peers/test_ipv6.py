"""The whole server over IPv6 alone: page, interface and media, with Chromium and aiortc at the ends."""

from __future__ import annotations

from collections.abc import Iterator

import aioice.ice
import pytest
from playwright.async_api import Browser

from tests.peers import aiortc_ends
from tests.peers.aiortc_ends import Publisher, Viewer
from tests.peers.browser import PeerPage, open_page
from tests.peers.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("six"), "::1")
    server.start()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def only_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    def six_only() -> None:
        aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["::1"]

    monkeypatch.setattr(aiortc_ends, "loopback_only", six_only)


async def paths(page: PeerPage, person: str) -> set[str]:
    """Return the server's addresses that a connection of the page has checked with success."""
    entries = await page.call("stats", person)
    pairs = [entry for entry in entries if entry["type"] == "candidate-pair" and entry["state"] == "succeeded"]
    remote = {pair["remoteCandidateId"] for pair in pairs}
    return {entry["address"] for entry in entries if entry["id"] in remote}


async def test_chromium_publishes_and_views_over_ipv6(six: Server, browser: Browser) -> None:
    async with open_page(browser, six) as page:
        await page.publish("six", "green", 600)
        viewer = await page.view("six")
        await page.shows(viewer, "green")
        await page.hears(viewer, 600)
        for person in ("publish-six", viewer):
            assert await paths(page, person) == {"::1"}
            assert (await page.stats(person, "transport"))["srtpCipher"].startswith("SRTP_AEAD_AES")


async def test_aiortc_publishes_and_views_over_ipv6(six: Server) -> None:
    async with (
        Publisher(f"{six.url}/whip/other", six.token, "blue", 900),
        Viewer(f"{six.url}/whep/other", six.token) as viewer,
    ):
        await viewer.shows("blue")
        await viewer.hears(900)
