"""FFmpeg's WHIP muxer, as PyAV brings it, in both DTLS roles."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.patience import until
from tests.peers.aiortc_ends import Viewer
from tests.peers.programs import running
from tests.peers.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest.mark.parametrize("flags", ["0", "dtls_active"], ids=["server-is-dtls-client", "server-is-dtls-server"])
async def test_what_the_muxer_publishes_is_seen_and_heard(server: Server, tmp_path: Path, flags: str) -> None:
    source = f"pyav-{flags}"
    arguments = [f"{server.url}/whip/{source}", server.token, "blue", "1000", flags, str(tmp_path)]
    async with running([sys.executable, "-m", "tests.peers.pyav_publisher", *arguments]):
        await until("a live source", lambda: server.state_of(source), lambda state: state == "live")
        async with Viewer(f"{server.url}/whep/{source}", server.token) as viewer:
            await viewer.shows("blue")
            await viewer.hears(1000)
