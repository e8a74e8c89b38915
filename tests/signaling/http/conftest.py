from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from signaling.http import recordings
from tests.signaling.http.recorded import Recorded
from tests.signaling.http.recorded import running as recorded
from tests.signaling.node import EVERYTHING, Node, running_node


@pytest_asyncio.fixture
async def node() -> AsyncIterator[Node]:
    async with running_node(origins=["https://portal.example"]) as node:
        yield node


@pytest_asyncio.fixture
async def made(tmp_path: Path) -> AsyncIterator[Recorded]:
    """A recording that runs."""
    async with recorded(tmp_path) as made:
        yield made


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that a recording held is known at its end."""
    monkeypatch.setattr(recordings, "SETTLING_US", 0)


def client(node: Node) -> aiohttp.ClientSession:
    """A client of the node that may do everything."""
    return aiohttp.ClientSession(node.url, headers={"Authorization": f"Bearer {EVERYTHING}"})


@pytest_asyncio.fixture
async def http(node: Node) -> AsyncIterator[aiohttp.ClientSession]:
    async with client(node) as session:
        yield session
