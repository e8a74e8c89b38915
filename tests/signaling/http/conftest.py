from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest_asyncio

from tests.signaling.node import EVERYTHING, Node, running_node


@pytest_asyncio.fixture
async def node() -> AsyncIterator[Node]:
    async with running_node(origins=["https://portal.example"]) as node:
        yield node


def client(node: Node) -> aiohttp.ClientSession:
    """A client of the node that may do everything."""
    return aiohttp.ClientSession(node.url, headers={"Authorization": f"Bearer {EVERYTHING}"})


@pytest_asyncio.fixture
async def http(node: Node) -> AsyncIterator[aiohttp.ClientSession]:
    async with client(node) as session:
        yield session
