"""The whole server over IPv6 alone, interface and media, with aiortc at the ends.

Chromium offers no IPv6 candidate on a machine that has only the loopback's address of that family: test_addresses.py
gives it another.
"""

from __future__ import annotations

from collections.abc import Iterator

import aioice.ice
import pytest

from tests.peers import aiortc_ends
from tests.peers.aiortc_ends import Publisher, Viewer
from tests.peers.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("six"), "::1") as server:
        yield server


@pytest.fixture(autouse=True)
def only_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    def six_only() -> None:
        aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["::1"]

    monkeypatch.setattr(aiortc_ends, "loopback_only", six_only)


async def test_aiortc_publishes_and_views_over_ipv6(six: Server) -> None:
    async with (
        Publisher(f"{six.url}/whip/other", six.token, "blue", 900),
        Viewer(f"{six.url}/whep/other", six.token) as viewer,
    ):
        await viewer.shows("blue")
        await viewer.hears(900)
