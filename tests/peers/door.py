"""Pages with one connection each, at a node of the test's own process: the door their offers come through, and a desk.

The product has no such door: the way of offers is not the connection's business.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from playwright.async_api import Browser, Page

import console
from signaling.http.listener import listening
from signaling.http.problem import problem_of
from signaling.webrtc.connections import Connections
from signaling.webrtc.lines import Line, ReceiveLine, SendLine
from signaling.webrtc.statistics import ConnectionStatistics, ReceiveStatistics
from tests.patience import PATIENCE_S, until
from tests.peers import colour, tone
from tests.signaling.node import Node, running_node

_SCRIPTS: Final = [Path(__file__).parent / name for name in ("page.js", "connected.js")]


def line_of(wish: dict[str, Any]) -> Line:
    """Read a line as the page describes it."""
    if wish["way"] == "send":
        return SendLine(wish["mid"], wish["kind"], wish["source"], wish["name"])
    return ReceiveLine(wish["mid"], wish["kind"], wish["source"], wish["context"])


@dataclass(slots=True)
class Door:
    """Where offers come in; `refuse` is a code to answer the next ones with."""

    node: Node
    url: str = ""
    owners: int = 0
    refuse: list[Exception] = field(default_factory=list)

    @property
    def connections(self) -> Connections:
        return self.node.exchange.connections

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 20)
        app.add_routes([web.post("/offer", self._offer), web.get("/blank", self._blank)])
        app.router.add_static("/", console.STATIC)
        return app

    async def _blank(self, request: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>-</title>", content_type="text/html")

    async def _offer(self, request: web.Request) -> web.Response:
        asked = json.loads(await request.text())
        lines, sdp = [line_of(wish) for wish in asked["lines"]], asked["sdp"].encode()
        try:
            if self.refuse:
                raise self.refuse.pop(0)
            if asked["connection"] is None:
                self.owners += 1
                answer = self.connections.open(f"page-{self.owners}", sdp, lines)
            else:
                answer = self.connections.offer(asked["connection"], sdp, lines)
        except Exception as error:
            return problem_of(error).response()
        return web.json_response({"connection": answer.connection, "sdp": answer.sdp})


class Desk:
    """One page with a `Connection`."""

    def __init__(self, page: Page, door: Door) -> None:
        self.page = page
        self.door = door

    async def call(self, function: str, *arguments: object) -> Any:
        """Call a function of connected.js."""
        return await self.page.evaluate(f"(given) => connected.{function}(...given)", list(arguments))

    async def publish(
        self,
        *sources: tuple[str, str, float],
        encodings: list[dict[str, object]] | None = None,
        size: tuple[int, int] = (320, 180),
    ) -> None:
        """Publish colours and tones: (source, colour, tone in Hz)."""
        wishes = [
            {"source": source, "name": source, "colour": colour.COLOURS[name], "frequency": hz}
            | {"width": size[0], "height": size[1], "rate": 15, "encodings": encodings}
            for source, name, hz in sources
        ]
        await self.call("publish", wishes)

    async def take(self, *lines: tuple[str, str, str, str]) -> None:
        """Take lines in one turn: (name, source, kind, context)."""
        await self.call("take", [wish(*line) for line in lines])

    async def connected(self) -> str:
        """Wait until the connection is up; give its identifier at the server."""
        summary = await until(
            "the connection is up", lambda: self.call("summary"), lambda it: it["state"] == "connected"
        )
        return str(summary["id"])

    async def shows(self, name: str, colour_name: str) -> None:
        """Wait until a line shows a colour."""

        async def shown() -> str | None:
            if not await self.page.evaluate("(name) => Boolean(peers.people.get(name)?.element)", name):
                return None
            seen = await self.page.evaluate("(name) => peers.look(name)", name)
            return colour.name_of(seen["colour"])

        await until(f"{name} shows {colour_name}", shown, lambda got: got == colour_name)

    async def hears(self, name: str, hz: float) -> None:
        """Wait until a line carries a tone."""

        async def heard() -> float:
            if not await self.page.evaluate("(name) => Boolean(peers.people.get(name)?.analyser)", name):
                return -1.0
            return float(await self.page.evaluate("(name) => peers.hear(name)", name))

        await until(f"{name} carries {hz} Hz", heard, lambda got: abs(got - hz) < tone.TOLERANCE_HZ)

    async def stats(self) -> dict[str, dict[str, Any]]:
        """Return the browser's statistics of every line that has some."""
        found: dict[str, dict[str, Any]] = await self.call("stats")
        return {name: entry for name, entry in found.items() if entry}

    async def more_frames(self, name: str, count: int = 5) -> None:
        """Wait until a line has shown so many more pictures."""
        first = (await self.stats())[name]["framesDecoded"]
        await until(
            f"{count} more pictures on {name}",
            self.stats,
            lambda stats: stats.get(name, {}).get("framesDecoded", 0) >= first + count,
        )

    async def counted(self) -> ConnectionStatistics:
        """Return what the server counted on this page's connection."""
        return self.door.connections.statistics(await self.connected())

    async def sent_to(self, source: str, kind: str = "video", context: str = "") -> ReceiveStatistics:
        """Return what the server counted on a line towards this page."""
        counted = await self.counted()
        (line,) = (
            item for item in counted.receiving if (item.source, item.kind, item.context) == (source, kind, context)
        )
        return line


def wish(name: str, source: str, kind: str, context: str = "") -> dict[str, str]:
    return {"called": name, "source": source, "kind": kind, "context": context}


@asynccontextmanager
async def open_door(**options: Any) -> AsyncIterator[Door]:
    """Run a node and its door."""
    async with AsyncExitStack() as ends:
        door = Door(await ends.enter_async_context(running_node(**options)))
        port = await ends.enter_async_context(listening(door.app(), "127.0.0.1", 0))
        door.url = f"http://127.0.0.1:{port}"
        yield door


@asynccontextmanager
async def open_desk(browser: Browser, door: Door) -> AsyncIterator[Desk]:
    """Open a page with a connection; closed at the end."""
    context = await browser.new_context()
    context.set_default_timeout(PATIENCE_S * 1000)
    page = await context.new_page()
    await page.goto(f"{door.url}/blank")
    for script in _SCRIPTS:
        await page.evaluate(script.read_text())
    desk = Desk(page, door)
    await desk.call("open")
    yield desk
    await context.close()
