from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

import console
from tests.console.browser import CHROMIUM, FLAGS
from tests.console.county import County
from tests.console.node import Node
from tests.console.replaying import loud, site
from tests.console.seat import Seat
from tests.patience import PATIENCE_S

__all__ = ["loud", "site"]


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def chromium() -> AsyncIterator[Browser]:
    """One browser for all modules: its start and end take seconds."""
    expect.set_options(timeout=PATIENCE_S * 1000)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def browser(chromium: Browser) -> AsyncIterator[Browser]:
    """That browser; what a module left open in it is closed behind it."""
    yield chromium
    for context in chromium.contexts:
        await context.close()


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def files() -> AsyncIterator[str]:
    """Address of the page's files alone, without any server behind."""
    app = web.Application()
    app.router.add_static("/", console.STATIC)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def blank(browser: Browser, files: str) -> AsyncIterator[Page]:
    """A page of our origin with nothing on it, to try modules in."""
    page = await browser.new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    await page.goto(f"{files}/icons.svg")
    yield page
    await page.close()


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Node]:
    """A node with people and without sources."""
    node = Node(tmp_path_factory.mktemp("node"))
    await node.start()
    await node.found()
    yield node
    await node.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def county(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[County]:
    """A node with units and the people in them."""
    county = County(tmp_path_factory.mktemp("county"))
    await county.start()
    yield county
    await county.stop()


@pytest_asyncio.fixture(loop_scope="package")
async def own_county(tmp_path: Path) -> AsyncIterator[County]:
    """The same for one test, which may kill it or read its folder."""
    county = County(tmp_path)
    await county.start()
    yield county
    await county.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def chief(browser: Browser, county: County) -> AsyncIterator[Seat]:
    """The page of the county's administrator."""
    seat = await Seat.take(browser, county, "chief")
    yield seat
    await seat.close()


@pytest_asyncio.fixture(loop_scope="package")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A desk's window; its pages are closed after the test."""
    context = await browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE_S * 1000)
    yield context
    await context.close()
