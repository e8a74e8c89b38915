"""Chromium behind a firewall that lets nothing but TCP through: pictures and sound both ways, and back again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.patience import until
from tests.peers.browser import PeerPage, open_page
from tests.peers.inside import Inside
from tests.peers.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest_asyncio.fixture(loop_scope="package")
async def pages(browser: Browser, inside: Inside) -> AsyncIterator[tuple[PeerPage, PeerPage]]:
    async with open_page(browser, inside) as left, open_page(browser, inside) as right:
        for page in (left, right):
            await page.call("only", "tcp")
        yield left, right


async def test_pictures_and_sound_go_both_ways_over_tcp_alone(pages: tuple[PeerPage, PeerPage], inside: Inside) -> None:
    left, right = pages
    publishers = await left.publish("left", "red", 500), await right.publish("right", "blue", 1100)
    at_left, at_right = await left.view("right"), await right.view("left")
    await left.shows(at_left, "blue")
    await right.shows(at_right, "red")
    await left.hears(at_left, 1100)
    await right.hears(at_right, 500)
    for page, name in ((left, publishers[0]), (right, publishers[1]), (left, at_left), (right, at_right)):
        assert await page.call("pair", name) == ["tcp", "tcp"]
    for page, name in ((left, at_left), (right, at_right)):
        for media in ("audio", "video"):
            inbound = await page.stats(name, "inbound-rtp", media)
            assert inbound["packetsReceived"] > 0 and inbound["packetsLost"] == 0
    thread = inside.node.relay.threads[0]
    assert not {"not_taken", "authentication", "replay"} & set(thread.counters()["drops"])


async def test_a_session_that_restarts_goes_on_over_tcp_and_an_end_closes_the_connections(
    pages: tuple[PeerPage, PeerPage], inside: Inside
) -> None:
    left, right = pages
    publisher = await left.publish("source", "green", 700)
    viewer = await right.view("source")
    await right.shows(viewer, "green")
    await right.call("restartIce", viewer)
    before = (await right.stats(viewer, "inbound-rtp", "video"))["framesDecoded"]

    async def decoded() -> int:
        return int((await right.stats(viewer, "inbound-rtp", "video"))["framesDecoded"])

    await until("more pictures", decoded, lambda count: count > before + 20)
    assert await right.call("pair", viewer) == ["tcp", "tcp"]
    thread = inside.node.relay.threads[0]
    await right.call("leave", viewer)
    await left.call("leave", publisher)
    await until("no connection is left", lambda: thread.counters()["connections"], lambda count: count == 0)


async def test_a_connection_that_is_cut_is_made_anew_and_the_session_goes_on(
    pages: tuple[PeerPage, PeerPage], inside: Inside
) -> None:
    left, right = pages
    await left.publish("source", "green", 700)
    viewer = await right.view("source")
    await right.shows(viewer, "green")
    peer = inside.session(publishes=False).peer
    transport = peer.transport
    for address in peer._ice.addresses:
        transport.forget(address)
    await until("the connection is cut", lambda: transport.stats()["remote"], lambda there: not there)
    await until("another is chosen", lambda: transport.stats()["remote"])
    packets = transport.stats()["sent_packets"]
    await until("packets go there", lambda: transport.stats()["sent_packets"], lambda count: count > packets + 50)

    async def decoded() -> int:
        return int((await right.stats(viewer, "inbound-rtp", "video"))["framesDecoded"])

    shown = await decoded()
    await until("more pictures", decoded, lambda count: count > shown + 20)
    assert await right.call("pair", viewer) == ["tcp", "tcp"]


async def test_pages_and_media_share_one_port(browser: Browser, tmp_path: Path) -> None:
    with Server(tmp_path, HUISHANG_HTTP__MEDIA="true", HUISHANG_MEDIA__THREADS="2") as server:
        async with open_page(browser, server) as left, open_page(browser, server) as right:
            for page in (left, right):
                await page.call("only", "tcp", server.http_port)
            publisher = await left.publish("left", "red", 500)
            viewer = await right.view("left")
            await right.shows(viewer, "red")
            await right.hears(viewer, 500)
            for page, name in ((left, publisher), (right, viewer)):
                assert await page.call("pair", name) == ["tcp", "tcp"]


async def test_who_gets_datagrams_through_uses_them(browser: Browser, inside: Inside) -> None:
    async with open_page(browser, inside) as page:
        publisher = await page.publish("source", "green", 700)
        viewer = await page.view("source")
        await page.shows(viewer, "green")
        assert await page.call("pair", publisher) == await page.call("pair", viewer) == ["udp", "udp"]
