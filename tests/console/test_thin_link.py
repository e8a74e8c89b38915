"""What a page says of a thin link, and what it tells for it: sizes up, words and signs down.

The words of the server that matter here are said by the test: they go into the real page's real line to a real server.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, WebSocketRoute, expect

from huishang.demo.units import Unit, by_id
from tests.console.browser import REPEATED
from tests.console.node import LiveUnit, Node, sign_in
from tests.patience import until

pytestmark = pytest.mark.asyncio(loop_scope="package")

UNIT = by_id("county-command")
WATCH = """
const Real = RTCPeerConnection;
window.RTCPeerConnection = class extends Real {
  constructor(...given) { super(...given); window.connection = this; }
};
"""
ACTIVE = """() => {
  const senders = window.connection?.getSenders().filter((sender) => sender.track?.kind === "video") ?? [];
  return senders.map((sender) => sender.getParameters().encodings.map(({ rid, active }) => [rid, active]));
}"""


@dataclass
class Line:
    """The page's WebSocket, with the test in the middle."""

    sizes: list[dict[str, Any]] = field(default_factory=list)
    "what the page told, oldest first"
    offered: dict[str, Any] = field(default_factory=dict)
    "its newest offer"
    route: WebSocketRoute | None = None

    def pass_on(self, line: WebSocketRoute) -> None:
        """Carry everything but what the server itself says of the link."""
        server = line.connect_to_server()
        self.route = line

        def up(text: str | bytes) -> None:
            message = json.loads(text)
            if message["t"] == "sizes":
                self.sizes.append(message)
            elif message["t"] == "offer":
                self.offered = message
            server.send(text)

        line.on_message(up)
        server.on_message(lambda text: None if json.loads(text)["t"] in ("link", "layers") else line.send(text))

    def shown(self) -> dict[str, tuple[int, int, int]]:
        """What the page has told of its newest connection, by mid: width, height, rank."""
        known: dict[str, tuple[int, int, int]] = {}
        for message in self.sizes:
            if message["connection"] == self.sizes[-1]["connection"]:
                known |= {one["mid"]: (one["width"], one["height"], one["rank"]) for one in message["lines"]}
        return known

    def say(self, t: str, **said: Any) -> None:
        """Speak as the server, of the connection that was offered last."""
        assert self.route is not None
        self.route.send(json.dumps({"t": t, "connection": self.offered["connection"], **said}))

    def link(
        self, state: str, bps: int | None, layer: int, held: str = "", *, queue_ms: int = 30, repair: str = ""
    ) -> None:
        """Say how the link is, and what it carries of every picture."""
        lines = [{"mid": mid, "layer": layer, "layers": 3, "held": held} for mid in self.shown()]
        self.say("link", state=state, bps=bps, queue_ms=queue_ms, loss=0.02, repair=repair, lines=lines)


@pytest_asyncio.fixture(loop_scope="package")
async def line() -> Line:
    return Line()


@asynccontextmanager
async def watching(context: BrowserContext, node: Node, line: Line, unit: Unit) -> AsyncIterator[Page]:
    """The page of somebody who watches a unit over a line that the test speaks on."""
    page = await context.new_page()
    await page.add_init_script(WATCH)
    await page.route_web_socket("**/api/v1/ws", line.pass_on)
    async with LiveUnit(unit, node):
        await sign_in(page, node)
        await expect(page.locator(".tile")).to_have_attribute("data-state", "live")
        yield page
    await page.close()


@pytest_asyncio.fixture(loop_scope="package")
async def page(context: BrowserContext, node: Node, line: Line) -> AsyncIterator[Page]:
    """The page of somebody who watches a unit."""
    async with watching(context, node, line, UNIT) as page:
        yield page


async def test_page_tells_how_large_it_shows_a_picture_and_how_much_it_matters(page: Page, line: Line) -> None:
    box = await page.locator(".tile video").bounding_box()
    assert box is not None
    small = (round(box["width"]), round(box["height"]), 0)
    await until("the size of the tile", lambda: list(line.shown().values()), [small].__eq__)
    await page.locator(".tile .picture").click()
    await until("the full view", lambda: [one[2] for one in line.shown().values() if one[0] > small[0]], [2].__eq__)
    await page.keyboard.press("Escape")
    await until("the tile again", lambda: list(line.shown().values()), [small].__eq__)
    told = len(line.sizes)
    # Drawn anew each second, and nothing of it is news.
    await page.evaluate(REPEATED, 2)
    assert len(line.sizes) == told


async def test_picture_without_room_is_a_still_that_says_so_and_comes_back(page: Page, line: Line) -> None:
    tile, top = page.locator(".tile"), page.locator(".link")
    await until("a size", lambda: bool(line.shown()))
    line.link("tight", 400_000, 0)
    await expect(top).to_have_attribute("data-link", "tight")
    await expect(top).to_contain_text("线路较窄，画面缩小。")
    await expect(top).to_contain_text("400 kb/s")
    await expect(tile.locator(".figures")).to_contain_text("第 1 层，共 3 层")
    await expect(tile).to_have_attribute("data-state", "live")

    # With a queue, so that no still comes and the words stay.
    line.link("poor", 90_000, 0, "no-room", queue_ms=700)
    await expect(tile).to_have_attribute("data-state", "noRoom")
    await expect(tile.locator(".state .title")).to_have_text("线路太窄，画面暂停")
    await expect(tile.locator(".state .why")).to_contain_text("声音不受影响")
    await expect(tile.locator(".picture")).to_have_attribute(
        "aria-label", f"{UNIT.name}，线路太窄，画面暂停。按回车键放大或缩小"
    )
    await expect(tile.locator("canvas.still")).to_be_visible()
    await expect(top).to_contain_text("线路太窄，1 路画面暂停。")
    assert await page.evaluate(REPEATED, 3) == []

    line.link("good", None, 2)
    await expect(tile).to_have_attribute("data-state", "live")
    await expect(top).to_have_attribute("data-link", "up")
    await expect(tile.locator(".figures")).to_contain_text("第 3 层，共 3 层")


async def test_how_losses_are_made_up_for_is_said(page: Page, line: Line) -> None:
    top = page.locator(".link")
    await until("a size", lambda: bool(line.shown()))
    line.link("good", None, 2, repair="asked")
    await expect(top).to_contain_text("丢包 2%：声音重复发送，画面丢失后补发。")
    line.link("tight", 400_000, 0, repair="ahead")
    await expect(top).to_contain_text("线路较窄，画面缩小。")
    await expect(top).to_have_attribute("title", "丢包 2%：声音重复发送，画面附带冗余。")
    line.link("good", None, 2)
    await expect(top).to_have_attribute("data-link", "up")
    await expect(top).to_have_attribute("title", "")


async def test_word_of_an_earlier_connection_is_not_heeded(page: Page, line: Line) -> None:
    await until("a size", lambda: bool(line.shown()))
    line.offered["connection"] -= 1
    line.link("poor", 1, 0, "no-room")
    line.offered["connection"] += 1
    line.link("tight", 1, 0)
    await expect(page.locator(".link")).to_have_attribute("data-link", "tight")
    await expect(page.locator(".tile")).to_have_attribute("data-state", "live")


async def test_own_camera_is_sent_in_layers_and_those_nobody_needs_are_off(page: Page, line: Line, node: Node) -> None:
    await page.locator(".publish").first.click()
    await page.locator("dialog[open] select").first.select_option("test")
    await page.locator("dialog[open] .main").click()
    both = [[["h", True], ["f", True]]]
    await until("two layers", lambda: page.evaluate(ACTIVE), both.__eq__)
    await node.wait(lambda sources: any(len(one["tracks"]) == 2 and one["state"] == "live" for one in sources.values()))
    (mid,) = (one["mid"] for one in line.offered["lines"] if one.get("send", {}).get("kind") == "video")
    line.say("layers", lines=[{"mid": mid, "rids": ["h"]}])
    await until("one", lambda: page.evaluate(ACTIVE), [[["h", True], ["f", False]]].__eq__)
    line.say("layers", lines=[{"mid": mid, "rids": ["h", "f"]}])
    await until("both again", lambda: page.evaluate(ACTIVE), both.__eq__)
