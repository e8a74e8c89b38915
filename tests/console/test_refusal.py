"""What a tile says when watching is refused, how often the page comes back, and what it asks of the browser."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import BrowserContext, Page, Route, expect

import console
from huishang.demo.units import WIDTH, by_id
from tests.console.node import TOKEN, LiveUnit, Node
from tests.console.test_page import tile, wait_state

pytestmark = pytest.mark.asyncio(loop_scope="module")

DRONE = by_id("drone-1")
OFFERS = "**/whep/*"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def unit(node: Node) -> AsyncIterator[None]:
    async with LiveUnit(DRONE, node):
        await node.wait(lambda sources: sources.get(DRONE.id, {}).get("state") == "live")
        yield


@pytest_asyncio.fixture(loop_scope="module")
async def page(context: BrowserContext, unit: None) -> AsyncIterator[Page]:
    page = await context.new_page()
    yield page
    await page.close()


@pytest.mark.parametrize(
    ("status", "code", "zh", "en"),
    [
        (503, "session-limit", "服务器的连接已满", "as many connections as it may"),
        (406, "sdp-no-common-codec", "请换用 Chrome", "use Chrome"),
        (503, "node-busy", "服务器正忙", "server is busy"),
        (404, "source-unknown", "已没有这个信源", "no such source"),
        (500, "internal", "代码 internal", "code internal"),
        (502, None, "代码 http-502", "code http-502"),
    ],
)
async def test_refusal_is_told_in_its_own_words(
    page: Page, node: Node, status: int, code: str | None, zh: str, en: str
) -> None:
    async def refuse(route: Route) -> None:
        await route.fulfill(status=status, json={"code": code} if code else None)

    await page.route(OFFERS, refuse)
    await page.goto(f"{node.url}/#token={TOKEN}")
    await wait_state(page, DRONE.id, "retrying")
    said = tile(page, DRONE.id).locator(".state")
    await expect(said).to_contain_text(zh)
    await expect(said.locator(".title")).to_have_text("暂时不能观看，正在重试")
    await expect(tile(page, DRONE.id).get_by_role("button").first).to_have_accessible_name(
        f"{DRONE.name}，暂时不能观看，正在重试。按回车键放大或缩小"
    )
    await page.locator(".language").click()
    await expect(said).to_contain_text(en)
    await page.unroute(OFFERS)
    await wait_state(page, DRONE.id, "live")


async def test_server_out_of_reach_is_not_called_a_refusal(page: Page, node: Node) -> None:
    await page.route(OFFERS, lambda route: route.abort())
    await page.goto(f"{node.url}/#token={TOKEN}")
    await wait_state(page, DRONE.id, "retrying")
    said = tile(page, DRONE.id).locator(".state")
    await expect(said.locator(".title")).to_have_text("连接中断，正在重连")
    await expect(said).to_contain_text("连不上服务器")


async def test_browser_that_cannot_join_abort_signals_shows_the_picture(page: Page, node: Node) -> None:
    await page.add_init_script("delete AbortSignal.any; delete AbortSignal.timeout;")
    await page.goto(f"{node.url}/#token={TOKEN}")
    await wait_state(page, DRONE.id, "live")
    assert await page.evaluate("AbortSignal.any") is None
    assert await tile(page, DRONE.id).locator("video").evaluate("video => video.videoWidth") == WIDTH


@pytest.mark.parametrize(("language", "words"), [("zh", "这个浏览器打不开"), ("en", "This browser cannot open")])
async def test_browser_without_what_is_needed_is_told_so(
    context: BrowserContext, files: str, language: str, words: str
) -> None:
    page = await context.new_page()
    await page.emulate_media(color_scheme="light")
    await page.add_init_script(
        f"delete window.RTCPeerConnection; localStorage.setItem('huishang.language', '{language}');"
    )
    await page.goto(f"{files}/index.html")
    await expect(page.get_by_role("alert")).to_contain_text(words)
    await expect(page.get_by_role("alert")).to_contain_text("RTCPeerConnection")
    await expect(page.locator("dialog")).to_have_count(0)
    # Colours come with the theme: without one the words are black on whatever ground there is.
    await expect(page.locator("html")).to_have_attribute("data-theme", "light")


async def test_answer_that_stops_in_its_middle_is_not_waited_for(context: BrowserContext) -> None:
    """A list whose end never comes; the page's own clock runs only when told."""
    begun = asyncio.Event()

    async def stall(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        await answer.prepare(request)
        await answer.write(b'{"sources": [')
        begun.set()
        await over.wait()
        return answer

    over = asyncio.Event()
    app = web.Application()
    app.router.add_get("/api/v1/sources", stall)
    app.router.add_static("/", console.STATIC)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        page = await context.new_page()
        await page.clock.install()
        await page.goto(f"http://127.0.0.1:{runner.addresses[0][1]}/index.html#token={TOKEN}")
        await begun.wait()
        await page.clock.run_for(7_000)
        await expect(page.locator(".link")).to_have_attribute("data-link", "lost")
    finally:
        over.set()
        await runner.cleanup()


# A real session to the unit, whose waits are the longest that chance allows.
WATCH = """async ([token, id]) => {
  Math.random = () => 1;
  const { setToken } = await import("/js/api.js");
  const { Session } = await import("/js/session.js");
  setToken(token);
  window.session = new Session({
    path: () => `/whep/${id}`,
    prepare: (pc) => pc.addTransceiver("video", { direction: "recvonly" }),
    changed: () => {},
  });
  window.session.open();
}"""
CONNECTED = "() => window.session.state === 'connected'"
RENEW = """() => {
  window.session.renew();
  return Math.round((window.session.retryAt - performance.now()) / 100) * 100;
}"""


async def test_session_that_ends_right_after_it_began_comes_back_less_and_less_often(page: Page, node: Node) -> None:
    await page.clock.install()
    await page.goto(f"{node.url}/icons.svg")
    await page.clock.pause_at("2100-01-01")
    await page.evaluate(WATCH, [TOKEN, DRONE.id])
    for wait in (500, 1000, 2000):
        await page.wait_for_function(CONNECTED)
        assert await page.evaluate(RENEW) == wait
        await page.clock.run_for(wait + 50)
    await page.wait_for_function(CONNECTED)
    await page.clock.run_for(10_000)
    assert await page.evaluate(RENEW) == 500
    await page.evaluate("() => window.session.close()")


# The place is handed on, and before the next one takes it up, it is closed.
CLOSED_ON_THE_WAY = """async () => {
  const { Session } = await import("/js/session.js");
  const { Turns } = await import("/js/turns.js");
  const made = [];
  const Real = RTCPeerConnection;
  window.RTCPeerConnection = class extends Real {
    constructor(...how) {
      super(...how);
      made.push(this);
    }
  };
  const turns = new Turns(1);
  let leave;
  const held = turns.take(() => new Promise((done) => { leave = done; }), new AbortController().signal);
  const session = new Session({ path: () => "/whep/x", prepare: () => {}, changed: () => {}, turns });
  session.open();
  while (!leave) await null;
  leave();
  await held;
  session.close();
  // Whoever comes next gets the place when the closed one has given it back.
  await turns.take(() => {}, new AbortController().signal);
  window.RTCPeerConnection = Real;
  return [made.length, session.connection];
}"""


async def test_session_closed_while_it_is_given_its_turn_makes_no_connection(blank: Page) -> None:
    got: Any = await blank.evaluate(CLOSED_ON_THE_WAY)
    assert got == [0, None]
