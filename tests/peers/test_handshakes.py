"""ClientHellos in floods at the whole server, from strangers and from peers it knows, while others watch."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import Any

import pytest
from playwright.async_api import Browser

from benchmarks.machine import resident_bytes
from tests.peers.aiortc_ends import Viewer
from tests.peers.browser import open_page
from tests.peers.programs import Program, running
from tests.peers.server import Server
from tests.peers.test_recovery import goes_on

pytestmark = pytest.mark.asyncio(loop_scope="package")
HELLOS_A_SECOND = 4_000
#: Half of them come from strangers; of these every octet that was kept would show in the server's memory.
WATCHED = 10_000
OCTETS_OF_A_HELLO = 200
#: Sessions of the flood itself: three that were only checked, and one that views.
SESSIONS = 4


async def told(flood: Program, enough: int = 0) -> dict[str, Any]:
    """Read the flood's figures until strangers have sent so many hellos."""
    figures: dict[str, Any] = {}
    while figures.get("stranger", 0) < max(1, enough):
        figures = json.loads(await flood.line())
    return figures


async def test_floods_of_client_hellos_are_nobodys_loss(server: Server, browser: Browser) -> None:
    assert server.process is not None
    async with open_page(browser, server) as page:
        await page.publish("greeted", "yellow", 800)
        viewer = await page.view("greeted")
        await page.shows(viewer, "yellow")
        await page.hears(viewer, 800)
        before = [await page.stats(viewer, "inbound-rtp", kind) for kind in ("video", "audio")]
        lines = len(server.log().splitlines())
        arguments = [server.url, server.token, str(server.folder / "tls/ca.pem"), "greeted"]
        arguments += [str(server.media_port), str(HELLOS_A_SECOND)]
        async with running([sys.executable, "-m", "tests.peers.hello_flood", *arguments]) as flood:
            begun = await told(flood)
            async with Viewer(f"{server.url}/whep/greeted", server.token) as newcomer:
                await newcomer.shows("yellow")
                await newcomer.hears(800)
            first = await told(flood, begun["stranger"] + HELLOS_A_SECOND)
            resident = resident_bytes(server.process.pid)
            last = await told(flood, first["stranger"] + WATCHED)
            grown = resident_bytes(server.process.pid) - resident
            assert (await asyncio.to_thread(server.get, "/healthz"))["status"] == "ok"
            await goes_on(page, viewer)
            os.kill(flood.pid, signal.SIGTERM)
            ended = json.loads(await flood.line())
            while "viewing_goes_on" not in ended:
                ended = json.loads(await flood.line())
        print(f"{last}; the server's memory grew by {grown} octets")
        after = [await page.stats(viewer, "inbound-rtp", kind) for kind in ("video", "audio")]
        assert [item["packetsLost"] for item in after] == [item["packetsLost"] for item in before]
        await page.shows(viewer, "yellow")
        await page.hears(viewer, 800)
    assert ended == {"viewing_goes_on": True}
    assert "stranger_octets_back" not in last
    # Those it knows are answered, but never with more than they sent.
    assert 0 < last["checked_octets_back"] < last["checked"] * OCTETS_OF_A_HELLO
    assert grown < WATCHED * OCTETS_OF_A_HELLO / 2
    # Peers of earlier tests that are silent until their consent runs out have their pictures held.
    told_of = [line for line in server.log_from(lines) if "picture_held" not in line or "source=greeted" in line]
    assert len(told_of) <= SESSIONS + 1
    assert all("session_ended" in line for line in told_of)
