"""GStreamer's webrtcbin with sound, as viewer and as publisher: the tone tells whose it is."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest

from tests.patience import PATIENCE_S, until
from tests.peers import tone
from tests.peers.aiortc_ends import Publisher, Viewer
from tests.peers.programs import running
from tests.peers.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="package")
SCRIPT: Final = ("/usr/bin/python3", "-m", "tests.peers.gst_sound")


async def test_webrtcbin_hears_what_is_published(server: Server) -> None:
    async with (
        Publisher(f"{server.url}/whip/to-gst-ear", server.token, "green", 600),
        Publisher(f"{server.url}/whip/not-to-gst", server.token, "red", 1200),
        running([*SCRIPT, "view", f"{server.url}/whep/to-gst-ear", server.token]) as viewer,
        asyncio.timeout(PATIENCE_S),
    ):
        while abs(float(await viewer.line()) - 600) > tone.TOLERANCE_HZ:
            pass


async def test_what_webrtcbin_says_is_heard(server: Server) -> None:
    url = f"{server.url}/whip/gst-voice"
    async with running([*SCRIPT, "publish", url, server.token, "1500"]):
        await until("a live source", lambda: server.state_of("gst-voice"), lambda state: state == "live")
        async with Viewer(f"{server.url}/whep/gst-voice", server.token) as viewer:
            await viewer.hears(1500)
