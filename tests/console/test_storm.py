"""When a server comes back, everybody wants it at once: the page waits its turn and makes no work for nobody."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route

from tests.console.test_logic import run

pytestmark = pytest.mark.asyncio(loop_scope="module")

OFFERS = "**/whep/*"

MAKE = """async ([count, most]) => {
  const { Session } = await import("/js/session.js");
  const { Turns } = await import("/js/turns.js");
  const turns = new Turns(most);
  window.sessions = Array.from({ length: count }, (_, index) => new Session({
    path: () => `/whep/${index}`,
    prepare: (pc) => pc.addTransceiver("audio", { direction: "recvonly" }),
    changed: () => {},
    turns,
  }));
  for (const session of window.sessions) session.open();
}"""
WAITS_MS = "() => window.sessions.map((session) => session.retryAt - performance.now())"
HURRY = "() => { for (const session of window.sessions) session.hurry(); }"
RETRYING = "() => window.sessions.every((session) => session.state === 'retrying')"


class Door:
    """Meets the page's offers: `answer` says what becomes of each; those it does not answer are held."""

    def __init__(self) -> None:
        self.came: asyncio.Queue[Route] = asyncio.Queue()
        self.count = 0
        self.answer: Callable[[Route], Awaitable[None]] | None = None

    async def __call__(self, route: Route) -> None:
        self.count += 1
        if self.answer is None:
            self.came.put_nowait(route)
        else:
            await self.answer(route)


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, files: str) -> AsyncIterator[Page]:
    """A page whose timers run only when the test says so."""
    page = await browser.new_page()
    await page.clock.install()
    await page.goto(f"{files}/icons.svg")
    await page.clock.pause_at("2100-01-01")
    yield page
    await page.close()


@pytest_asyncio.fixture(loop_scope="module")
async def door(page: Page) -> Door:
    door = Door()
    await page.route(OFFERS, door)
    return door


async def away(route: Route) -> None:
    await route.abort("connectionrefused")


async def busy(route: Route) -> None:
    await route.fulfill(status=503, headers={"Retry-After": "7"}, json={"code": "node-busy"})


async def test_slow_answer_is_waited_for(page: Page, door: Door) -> None:
    await page.evaluate(MAKE, [1, 1])
    await asyncio.wait_for(door.came.get(), 10)
    await page.clock.run_for(20_000)
    assert await page.evaluate("() => window.sessions[0].state") == "connecting"
    assert door.count == 1


async def test_hurry_leaves_an_offer_that_is_being_answered(page: Page, door: Door) -> None:
    door.answer = away
    await page.evaluate(MAKE, [1, 1])
    await page.wait_for_function(RETRYING)
    door.answer = None
    await page.clock.run_for(1_000)
    await asyncio.wait_for(door.came.get(), 10)
    await page.evaluate(HURRY)
    await page.clock.run_for(10_000)
    assert door.count == 2


async def test_hurry_is_spread_over_two_seconds(page: Page, door: Door) -> None:
    door.answer = away
    await page.evaluate(MAKE, [40, 40])
    while max(await page.evaluate(WAITS_MS)) < 6_000:
        await page.wait_for_function(RETRYING)
        await page.clock.run_for(4_000)
    await page.wait_for_function(RETRYING)
    door.answer = None
    await page.evaluate(HURRY)
    waits: list[float] = await page.evaluate(WAITS_MS)
    assert max(waits) <= 2_000
    assert len({round(wait) // 100 for wait in waits}) > 8


async def test_server_that_asks_for_time_gets_it_even_from_the_hurried(page: Page, door: Door) -> None:
    door.answer = busy
    await page.evaluate(MAKE, [20, 20])
    await page.wait_for_function(RETRYING)
    waits: list[float] = await page.evaluate(WAITS_MS)
    assert min(waits) >= 6_990
    assert max(waits) <= 7_500
    await page.evaluate(HURRY)
    assert min(await page.evaluate(WAITS_MS)) >= 6_990
    assert door.count == 20


async def test_few_offers_are_in_hand_at_once_and_the_next_goes_when_one_is_answered(page: Page, door: Door) -> None:
    await page.evaluate(MAKE, [8, 3])
    held = [await asyncio.wait_for(door.came.get(), 10) for _ in range(3)]
    # A request made after these has been answered: a fourth offer would have come before.
    await page.evaluate("() => fetch('/icons.svg').then((answer) => answer.text())")
    assert door.count == 3
    await away(held[0])
    await asyncio.wait_for(door.came.get(), 10)
    assert door.count == 4


async def test_who_leaves_the_line_takes_no_turn(page: Page, door: Door) -> None:
    await page.evaluate(MAKE, [3, 1])
    first = await asyncio.wait_for(door.came.get(), 10)
    await page.evaluate("() => window.sessions[1].close()")
    await away(first)
    second = await asyncio.wait_for(door.came.get(), 10)
    assert second.request.url.endswith("/whep/2")


@pytest.mark.parametrize(
    ("header", "ms"),
    [
        (None, 0),
        ("3", 3_000),
        ("0", 0),
        ("86400", 60_000),
        ("-5", 0),
        ("soon", 0),
        ("Sat, 21 Nov 2026 03:12:54 GMT", 10_000),
        ("Sat, 21 Nov 2026 03:12:34 GMT", 0),
    ],
)
async def test_time_to_stay_away_is_seconds_or_a_date_and_bounded(blank: Page, header: Any, ms: int) -> None:
    got = await run(blank, "api", "m.awayMs(a, Date.UTC(2026, 10, 21, 3, 12, 44))", header)
    assert got == ms
