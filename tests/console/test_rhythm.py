"""What the page draws with time: once a second, by the server's clock, all of it together, whatever one part does."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.patience import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="package")

#: The server's clock is 300 ms ahead of the page's.
AHEAD_MS = 300
DRIVE = """async (ahead) => {
  const { Rhythm } = await import("./js/rhythm.js");
  window.told = [];
  window.now = () => Date.now() + ahead;
  const note = (name) => () => window.told.push([name, Math.floor(window.now() % 1000)]);
  window.rhythm = new Rhythm(() => window.now());
  window.ends = [
    window.rhythm.join({ isLively: () => { throw new Error("one fails"); }, draw: () => { throw new Error("too"); } }),
    window.rhythm.join({
      isLively: () => window.lively, beat: note("beat"), measure: note("measure"), draw: note("draw"),
    }),
  ];
}"""


@pytest_asyncio.fixture(loop_scope="package")
async def rhythm(browser: Browser, files: str) -> AsyncIterator[Page]:
    page = await browser.new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    await page.goto(f"{files}/icons.svg")
    await page.clock.install(time="2026-01-01T00:00:00.050Z")
    await page.clock.pause_at("2026-01-01T00:00:01.050Z")
    await page.evaluate(DRIVE, AHEAD_MS)
    yield page
    await page.close()


async def told(page: Page, name: str) -> list[int]:
    return [at for what, at in await page.evaluate("window.told") if what == name]


async def test_it_measures_shortly_before_each_second_of_the_server_and_draws_with_it(rhythm: Page) -> None:
    await rhythm.clock.run_for(3_000)
    assert await told(rhythm, "beat") == []
    measured, drawn = await told(rhythm, "measure"), await told(rhythm, "draw")
    # What had not been drawn yet when it began is drawn with the first beat.
    assert len(measured) == 3 and all(900 <= at < 910 for at in measured)
    assert len(drawn) == 4 and all(at < 10 for at in drawn[1:])


async def test_it_beats_while_a_part_lives(rhythm: Page) -> None:
    await rhythm.evaluate("window.lively = true")
    await rhythm.clock.run_for(3_000)
    assert 20 <= len(await told(rhythm, "beat")) <= 30
    assert 2 <= len(await told(rhythm, "draw")) <= 4
    await rhythm.evaluate("window.lively = false; window.told = []")
    await rhythm.clock.run_for(2_000)
    assert await told(rhythm, "beat") == []


async def test_a_leap_of_the_clock_costs_nothing_but_one_round(rhythm: Page) -> None:
    await rhythm.clock.run_for(1_000)
    for leap in (3_600_000, -7_200_000):
        before = len(await told(rhythm, "draw"))
        await rhythm.evaluate("(leap) => { const now = window.now; window.now = () => now() + leap; }", leap)
        await rhythm.clock.run_for(2_000)
        assert 2 <= len(await told(rhythm, "draw")) - before <= 3


async def test_nothing_runs_once_all_have_left(rhythm: Page) -> None:
    await rhythm.evaluate("window.ends.forEach((end) => end())")
    before = await rhythm.evaluate("window.told.length")
    await rhythm.clock.run_for(3_000)
    assert await rhythm.evaluate("window.told.length") == before
