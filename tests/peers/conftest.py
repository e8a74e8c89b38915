from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.console.browser import CHROMIUM
from tests.peers.browser import ALL_FLAGS
from tests.peers.inside import Inside
from tests.peers.server import Server
from tests.signaling.node import running_node


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("node"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def no_fault_of_the_server(server: Server) -> Iterator[None]:
    """Whatever a peer does, the server's log holds no fault of its own."""
    before = len(server.faults())
    yield
    assert server.faults()[before:] == []


@pytest_asyncio.fixture(loop_scope="package")
async def inside() -> AsyncIterator[Inside]:
    async with running_node() as node:
        yield Inside(node)


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ALL_FLAGS)
        yield browser
        await browser.close()
