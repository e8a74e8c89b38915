"""GStreamer's webrtcbin as viewer and as publisher."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Final

import pytest

from tests.patience import PATIENCE_S, until
from tests.peers import colour
from tests.peers.aiortc_ends import Publisher, Viewer
from tests.peers.programs import Program, running
from tests.peers.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="package")
SCRIPT: Final = ("/usr/bin/python3", str(Path(__file__).parent / "gst_peer.py"))


async def shows(viewer: Program, colour_name: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while colour.name_of(json.loads(await viewer.line())["colour"]) != colour_name:
            pass


async def test_webrtcbin_decodes_what_is_published(server: Server) -> None:
    async with (
        Publisher(f"{server.url}/whip/to-gst", server.token, "green", 600),
        running([*SCRIPT, "view", f"{server.url}/whep/to-gst", server.token]) as viewer,
    ):
        await shows(viewer, "green")


async def test_what_webrtcbin_publishes_is_decoded(server: Server) -> None:
    wanted = "{:02x}{:02x}{:02x}".format(*colour.COLOURS["yellow"])
    url = f"{server.url}/whip/from-gst"
    async with running([*SCRIPT, "publish", url, server.token, wanted]):
        await until("a live source", lambda: server.state_of("from-gst"), lambda state: state == "live")
        async with Viewer(f"{server.url}/whep/from-gst", server.token) as viewer:
            await viewer.shows("yellow")
