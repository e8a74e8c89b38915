"""A server with two plane threads and peers nobody here wrote on both, while the publisher comes and goes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from playwright.async_api import Browser

from signaling.client.http import HttpOptions
from signaling.client.session import SessionOptions, WhepSession
from tests.peers.aiortc_ends import Publisher, Viewer
from tests.peers.browser import PeerPage, open_page
from tests.peers.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="package")
#: A viewer stays with its publisher's thread until that has clearly more to do.
CROWD = 9


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("two"), HUISHANG_MEDIA__THREADS="2") as server:
        yield server


@asynccontextmanager
async def crowd(server: Server, source: str) -> AsyncIterator[set[int]]:
    """Let some viewers take the places of the publisher's thread; give the ports that all of them use."""
    options = SessionOptions(HttpOptions(server.token, server.folder / "tls/ca.pem"))
    async with AsyncExitStack() as ends:
        ports = set()
        for _ in range(CROWD):
            session = await ends.enter_async_context(WhepSession(f"{server.url}/whep/{source}", options=options))
            address = session.transport.peer.address
            assert address is not None
            ports.add(address[1])
        yield ports


async def port_of(page: PeerPage, viewer: str) -> int:
    """Return the server's port that a viewer's media comes from."""
    entries = await page.call("stats", viewer)
    (pair,) = (entry for entry in entries if entry["type"] == "candidate-pair" and entry.get("nominated"))
    return next(int(entry["port"]) for entry in entries if entry["id"] == pair["remoteCandidateId"])


async def test_viewers_of_both_threads_see_and_hear_every_next_publisher(two: Server, browser: Browser) -> None:
    async with AsyncExitStack() as ends:
        page = await ends.enter_async_context(open_page(browser, two))
        async with Publisher(f"{two.url}/whip/both", two.token, "red", 500):
            near = Viewer(f"{two.url}/whep/both", two.token)
            await ends.enter_async_context(near)
            ports = await ends.enter_async_context(crowd(two, "both"))
            far = await page.view("both")
            await page.shows(far, "red")
            await page.hears(far, 500)
            await near.shows("red")
            await near.hears(500)
            assert {*ports, await port_of(page, far)} == {two.media_port, two.media_port + 1}
        # Whichever thread they come to: the one with fewer peers takes the next publisher.
        for colour, tone_hz, codec in (("blue", 900, "H264"), ("yellow", 1300, "VP8")):
            async with Publisher(f"{two.url}/whip/both", two.token, colour, tone_hz, codec):
                await page.shows(far, colour)
                await page.hears(far, tone_hz)
                await near.shows(colour)
                await near.hears(tone_hz)
        assert (await page.stats(far, "transport"))["dtlsState"] == "connected"
