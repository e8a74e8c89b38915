"""When a server comes back, everybody wants it at once: a page waits its turn and makes no work for nobody."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from huishang.demo.units import by_id
from tests.console.node import PASSWORD, LiveUnit, Node
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="package")

PHONE = by_id("radio-phone")
#: A person may have 32 pages.
PAGES = 30

#: Connections whose offers `window.answer()` answers; it gives what to throw, or null for no answer yet.
MAKE = """async (count) => {
  const { Connection } = await import("/js/connection.js");
  const { ApiError } = await import("/js/api.js");
  window.offers = 0;
  window.answer = () => null;
  window.away = () => new ApiError("network");
  window.busy = () => new ApiError("node-busy", { retryAfterMs: 7000 });
  const exchange = () => {
    window.offers += 1;
    const error = window.answer();
    return error ? Promise.reject(error) : new Promise(() => {});
  };
  window.some = Array.from({ length: count }, () => new Connection({ exchange }));
}"""
TAKE = """(answer) => {
  if (answer) window.answer = window[answer];
  for (const one of window.some) one.take("S", "audio");
}"""
WAITS_MS = "() => window.some.map((one) => one.retryAt - performance.now())"
#: Takes a sound, and gives the connection up while the browser makes the offer for it.
GIVEN_UP = """() => new Promise((resolve) => {
  const browser = RTCPeerConnection.prototype;
  const real = browser.setLocalDescription;
  browser.setLocalDescription = function (...given) {
    browser.setLocalDescription = real;
    const made = real.apply(this, given);
    window.some[0].renew();
    resolve();
    return made;
  };
  window.some[0].take('S', 'audio');
})"""
HURRY = "() => { for (const one of window.some) one.networkChanged(); }"
RETRYING = "() => window.some.every((one) => one.state === 'retrying')"


@pytest_asyncio.fixture(loop_scope="package")
async def page(browser: Browser, files: str) -> AsyncIterator[Page]:
    """A page whose timers run only when the test says so."""
    page = await browser.new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    await page.clock.install()
    await page.goto(f"{files}/icons.svg")
    await page.clock.pause_at("2100-01-01")
    yield page
    await page.close()


async def test_slow_answer_is_waited_for_and_hurry_leaves_it_alone(page: Page) -> None:
    await page.evaluate(MAKE, 1)
    await page.evaluate(TAKE, "")
    await page.wait_for_function("() => window.offers === 1")
    await page.clock.run_for(20_000)
    await page.evaluate(HURRY)
    await page.clock.run_for(5_000)
    assert await page.evaluate("() => [window.offers, window.some[0].state]") == [1, "connecting"]


async def test_connection_given_up_while_the_browser_makes_its_offer_is_followed_by_another(page: Page) -> None:
    await page.evaluate(MAKE, 1)
    await page.evaluate(GIVEN_UP)
    assert await page.evaluate("() => [window.offers, window.some[0].state]") == [0, "retrying"]
    await page.clock.run_for(10_000)
    await page.wait_for_function("() => window.offers === 1")


async def test_hurry_is_spread_over_two_seconds(page: Page) -> None:
    await page.evaluate(MAKE, 40)
    await page.evaluate(TAKE, "away")
    while True:
        await page.wait_for_function(RETRYING)
        waits: list[float] = await page.evaluate(WAITS_MS)
        if max(waits) >= 6_000:
            break
        await page.clock.run_for(4_000)
    await page.evaluate(HURRY)
    waits = await page.evaluate(WAITS_MS)
    assert max(waits) <= 2_000
    assert len({round(wait) // 100 for wait in waits}) > 8


async def test_server_that_asks_for_time_gets_it_even_from_the_hurried(page: Page) -> None:
    await page.evaluate(MAKE, 20)
    await page.evaluate(TAKE, "busy")
    await page.wait_for_function(RETRYING)
    waits: list[float] = await page.evaluate(WAITS_MS)
    assert min(waits) >= 6_990
    assert max(waits) <= 7_500
    await page.evaluate(HURRY)
    assert min(await page.evaluate(WAITS_MS)) >= 6_990
    assert await page.evaluate("() => window.offers") == 20


#: As many links and media connections as `count` pages of one person, each of which hears one source.
MANY = """async ([count, login, password, source]) => {
  const { openSession } = await import("/js/api.js");
  const { Link } = await import("/js/link.js");
  const { Media } = await import("/js/media.js");
  const { token } = await openSession({ login, password });
  const account = { token, renew: async () => {} };
  window.many = Array.from({ length: count }, (_, index) => {
    const one = { offers: 0 };
    const changed = () => one.link.state === "up" && one.media.linkUp();
    one.link = new Link({ account, device: `page-${index}`, changed, heard: (said) => one.media.heard(said) });
    const offer = one.link.offer.bind(one.link);
    one.link.offer = (...given) => {
      if (one.link.state === "up") one.offers += 1;
      return offer(...given);
    };
    one.media = new Media({ link: one.link, changed: () => {} });
    one.line = one.media.take(source, "audio", "", () => {});
    one.link.open();
    return one;
  });
}"""
ALL_HEAR = "() => window.many.every((one) => one.line.state === 'open' && one.media.state === 'connected')"
BACK = f"() => window.many.every((one) => one.link.state === 'up' && one.offers > 0) && ({ALL_HEAR})()"
NONE_UP = "() => window.many.every((one) => one.link.state === 'lost')"


async def test_pages_that_lose_the_server_together_come_back_with_one_offer_each(browser: Browser, node: Node) -> None:
    async with LiveUnit(PHONE, node):
        await node.wait(lambda sources: sources.get(PHONE.id, {}).get("state") == "live")
        page = await browser.new_page()
        page.set_default_timeout(PATIENCE_S * 1000)
        await page.goto(f"{node.url}/icons.svg")
        await page.evaluate(MANY, [PAGES, "admin", PASSWORD, PHONE.id])
        await page.wait_for_function(ALL_HEAR)
        await node.stop(signal.SIGKILL)
        await page.wait_for_function(NONE_UP)
        await page.evaluate("() => { for (const one of window.many) one.offers = 0; }")
        await node.start()
        await page.wait_for_function(BACK)
        offers: list[int] = await page.evaluate("() => window.many.map((one) => one.offers)")
        # A second one where the first came before the source was back.
        assert max(offers) <= 3
        assert sum(offers) <= 2 * PAGES
        await page.close()
