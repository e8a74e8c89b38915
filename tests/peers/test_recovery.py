"""What breaks and comes back: publishers that vanish, networks that change, peers that are not who they said."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from typing import Any

import pytest
from playwright.async_api import Browser

from tests.patience import until
from tests.peers.aiortc_ends import Publisher
from tests.peers.browser import PeerPage, open_page
from tests.peers.programs import running
from tests.peers.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="package")


def publisher(server: Server, source: str, colour: str, codec: str) -> Sequence[str]:
    whole = [f"{server.url}/whip/{source}", server.token, colour, "600", codec]
    return [sys.executable, "-m", "tests.peers.aiortc_ends", *whole]


async def frames(page: PeerPage, viewer: str) -> int:
    return int((await page.stats(viewer, "inbound-rtp", "video")).get("framesDecoded", 0))


async def goes_on(page: PeerPage, viewer: str) -> None:
    """Wait until ten more pictures have been decoded."""
    before = await frames(page, viewer)
    await until(f"{viewer} goes on", lambda: frames(page, viewer), lambda count: count >= before + 10)


async def connected_as(page: PeerPage, person: str, ufrag: str) -> None:
    """Wait until a connection has a path under these ICE credentials of its own."""

    def done(transport: dict[str, Any]) -> bool:
        return transport["iceLocalUsernameFragment"] == ufrag and transport["iceState"] in ("connected", "completed")

    await until(f"{person} uses its new credentials", lambda: page.stats(person, "transport"), done)


async def test_viewer_continues_when_a_publisher_that_vanished_is_back(server: Server, browser: Browser) -> None:
    async with open_page(browser, server) as page:
        async with running(publisher(server, "field", "red", "H264")) as first:
            await until("a live source", lambda: server.state_of("field"), lambda state: state == "live")
            viewer = await page.view("field")
            await page.shows(viewer, "red")
            await first.kill()
            begun = time.monotonic()
            noticed = await until("its silence", lambda: server.state_of("field"), lambda state: state != "live")
            print(f"noticed after {time.monotonic() - begun:.1f} s")
            assert noticed == "silent", "noticed by its silence, long before its consent runs out"
        assert (await page.stats(viewer, "transport"))["dtlsState"] == "connected"
        negotiated = await page.call("negotiated", viewer)
        async with running(publisher(server, "field", "blue", "H264")) as second:
            await page.shows(viewer, "blue")
            await second.kill()
        async with running(publisher(server, "field", "green", "VP8")):
            await page.shows(viewer, "green")
            await until("a live source", lambda: server.state_of("field"), lambda state: state == "live")
        assert await page.call("negotiated", viewer) == negotiated


async def test_viewer_may_wait_for_a_source_that_is_offline(server: Server, browser: Browser) -> None:
    async with Publisher(f"{server.url}/whip/later", server.token, "red", 600):
        pass
    assert await server.state_of("later") == "offline"
    async with open_page(browser, server) as page:
        viewer = await page.view("later")
        async with Publisher(f"{server.url}/whip/later", server.token, "yellow", 600):
            await page.shows(viewer, "yellow")


async def test_ice_restart_keeps_the_session_at_both_ends(server: Server, browser: Browser) -> None:
    async with open_page(browser, server) as page:
        sender = await page.publish("roaming", "green", 700)
        viewer = await page.view("roaming")
        await page.shows(viewer, "green")
        for person in (viewer, sender):
            restarted = await page.call("restartIce", person)
            await connected_as(page, person, restarted["ufrag"])
            await goes_on(page, viewer)
        assert (await page.stats(viewer, "inbound-rtp", "video"))["packetsLost"] == 0
        ended = [line for line in server.log().splitlines() if "session_ended" in line and "roaming" in line]
        assert ended == []


async def test_wrong_fingerprint_ends_that_session_only(server: Server, browser: Browser) -> None:
    def another_certificate(offer: str) -> str:
        wrong = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32)
        return re.sub(r"(a=fingerprint:\S+ \S+\s+)+", wrong + "\r\n", offer)

    class Impostor(Publisher):
        change = staticmethod(another_certificate)

    async def verdicts() -> list[str]:
        return [line for line in server.log().splitlines() if "source=impostor" in line]

    async with open_page(browser, server) as page:
        await page.publish("honest", "blue", 700)
        viewer = await page.view("honest")
        await page.shows(viewer, "blue")
        async with Impostor(f"{server.url}/whip/impostor", server.token, "red", 500):
            lines: list[str] = await until("a verdict", verdicts, lambda found: len(found) == 1)
        assert "code=dtls-fingerprint-mismatch" in lines[0]
        assert await server.state_of("impostor") == "offline"
        await goes_on(page, viewer)
