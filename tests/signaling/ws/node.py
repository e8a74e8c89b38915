"""A real server with the WebSocket: coordinator, hub, aiohttp. The journal keeps its records in memory."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import dispatch.acts.chair
import dispatch.acts.consultation  # noqa: F401
from dispatch.acts.base import ACTS
from dispatch.desk.coordinator import Coordinator
from dispatch.entry import Entry
from dispatch.errors import Conflict, Forbidden
from dispatch.hlc import HybridClock
from dispatch.permissions import Actor
from dispatch.presence import GRACE_US, Presence
from dispatch.sources import SourceRegistry
from dispatch.tables import Change, Tables
from huishang.authority import Names, create_authority, issue
from signaling.http.listener import listening
from signaling.http.problem import problems
from signaling.ice.turn import NO_TURN, Turn
from signaling.ws.connection import DEFAULT_LIMITS, Limits
from signaling.ws.hub import PATH, Hub
from signaling.ws.messages import AnsweredLine, LineQuality, LineSize, Offer
from signaling.ws.ports import Page
from tests.dispatch.desk.disk import Disk
from tests.patience import PATIENCE_S, until
from tests.signaling.ws.client import Json, Pages
from tests.signaling.ws.town import DIRECTORY, no_tracks

NEVER_US = 1 << 60


class Door:
    """Media connections that are no more than noted."""

    def __init__(self) -> None:
        self.noted: list[Any] = []
        self.pages: list[Page] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def offer(self, page: Page, offer: Offer) -> tuple[str, Sequence[AnsweredLine]]:
        sdp = offer.sdp
        self.pages.append(page)
        self.noted.append(("offer", sdp))
        await self.gate.wait()
        if sdp == "bad":
            raise Conflict("sdp-malformed", "no description")
        self.noted.append(("answer", sdp))
        return f"answer to {sdp}", [AnsweredLine(line.mid, "open") for line in offer.lines]

    def hangup(self, page: Page) -> None:
        self.noted.append(("hangup", page.actor.person))

    def see(self, page: Page, number: int, lines: Sequence[LineSize]) -> None:
        self.noted.append(("see", page.actor.person, number, list(lines)))

    def quality(self, page: Page, rtt_ms: float, lines: Sequence[LineQuality]) -> None:
        self.noted.append(("quality", page.actor.person, rtt_ms))


class Tab:
    """A page's connection to the node."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, pages: Pages) -> None:
        self.socket = socket
        self.pages = pages
        self.answers: list[Json] = []
        self.code: int | None = None
        self._some = asyncio.Condition()
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for frame in self.socket:
            message = msgspec.json.decode(frame.data)
            async with self._some:
                if message["t"] in ("state", "gone"):
                    self.pages.receive(message)
                else:
                    self.answers.append(message)
                self._some.notify_all()
        async with self._some:
            self.code = self.socket.close_code
            self._some.notify_all()

    async def send(self, **message: Any) -> None:
        await self.socket.send_str(msgspec.json.encode(message).decode())

    async def until(self, condition: Callable[[], Any]) -> Any:
        """Wait until the condition holds of what was received."""
        async with asyncio.timeout(PATIENCE_S), self._some:
            await self._some.wait_for(lambda: self.code is not None or condition())
        assert condition(), (self.code, self.answers)
        return condition()

    async def answer(self, kind: str, **fields: Any) -> Json:
        """Wait for an answer of a type, with these fields."""

        def found() -> Json | None:
            fits = (item for item in self.answers if item["t"] == kind)
            return next((item for item in fits if all(item[key] == value for key, value in fields.items())), None)

        answer: Json = await self.until(found)
        return answer

    async def do(self, identifier: str, act: str, **params: Any) -> Json:
        """Do an act; return its answer."""
        await self.send(t="act", id=identifier, name=act, params=params)
        answer: Json = await self.until(
            lambda: next((item for item in self.answers if item.get("id") == identifier), None)
        )
        return answer

    async def closed(self) -> int:
        """Wait until the node closes; return the code."""
        async with asyncio.timeout(PATIENCE_S):
            await self._task
        assert self.code is not None
        return self.code

    async def watch(self, topic: str) -> None:
        await self.send(t="watch", topic=topic)
        await self.until(lambda: topic in self.pages.held or topic in self.pages.gone)

    async def leave(self) -> None:
        await self.socket.close()
        await self._task


@dataclass(frozen=True)
class Certificate:
    """A server's certificate, and who trusts it."""

    server: ssl.SSLContext
    client: ssl.SSLContext


def certificate(folder: Path) -> Certificate:
    """Make an authority and a certificate for the loopback address."""
    now = datetime.now(UTC)
    authority = create_authority("test", now)
    key = ec.generate_private_key(ec.SECP256R1())
    issued = issue(authority, key.public_key(), Names(("localhost",), (ip_address("127.0.0.1"),)), now)
    chain, root = folder / "server.pem", folder / "ca.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    chain.write_bytes(issued.public_bytes(Encoding.PEM) + private)
    root.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain)
    return Certificate(server, ssl.create_default_context(cafile=str(root)))


class Node:
    """The server; tokens are people's ids."""

    def __init__(
        self,
        limits: Limits = DEFAULT_LIMITS,
        tls: Certificate | None = None,
        grace_us: int = GRACE_US,
        turn: Turn = NO_TURN,
    ) -> None:
        self.tls = tls
        tables = Tables()
        for kind, record in DIRECTORY:
            tables.of_kind(kind).put(record)
        tables.commit()
        self.tables = tables
        self.keeper = Disk()
        self.coordinator = Coordinator(tables, HybridClock(), self.keeper, "node")
        self.entries: list[Entry] = []
        self.coordinator.listen(self._note)
        self.presence = Presence(grace_us)
        self.sources = SourceRegistry(100)
        self.door = Door()
        self.until_us = {"wang": NEVER_US, "li": NEVER_US, "zhao": NEVER_US, "qian": NEVER_US}
        self.limits = limits
        self.turn = turn
        self.hub = self._new_hub()
        self._stack = contextlib.AsyncExitStack()

    def _note(self, entries: Sequence[Entry], changes: Sequence[Change]) -> None:
        self.entries += entries

    def _identify(self, token: str) -> tuple[Actor, int]:
        if token not in self.until_us:
            raise Forbidden("unauthorized", "no such token")
        return Actor(token, f"login-{token}"), self.until_us[token]

    def _new_hub(self) -> Hub:
        return Hub(
            self.coordinator,
            self.coordinator,
            ACTS,
            self.presence,
            self.sources,
            self.door,
            self._identify,
            node="node",
            tracks=no_tracks,
            limits=self.limits,
            turn=self.turn,
        )

    async def restart_hub(self) -> None:
        """End the life of the server that pages know, and begin another."""
        await self.hub.close()
        self.hub = self._new_hub()
        self.hub.start()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        return await self.hub.handle(request)

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[problems])
        app.add_routes([web.get(PATH, self._handle)])
        self.coordinator.start()
        self._stack.push_async_callback(self.coordinator.close)
        self.hub.start()
        self.port = await self._stack.enter_async_context(
            listening(app, "127.0.0.1", 0, self.tls.server if self.tls else None)
        )
        self._stack.push_async_callback(self._stop_hub)
        self.client = await self._stack.enter_async_context(aiohttp.ClientSession())
        return self

    async def _stop_hub(self) -> None:
        await self.hub.close()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}{PATH}"

    async def connect(self, **options: Any) -> Tab:
        """Open a connection that has not said hello."""
        return Tab(
            await self.client.ws_connect(self.url, ssl=self.tls.client if self.tls else True, **options), Pages()
        )

    async def tab(self, person: str, pages: Pages | None = None, **hello: Any) -> Tab:
        """Open a page of somebody's, and wait for its welcome."""
        tab = await self.connect()
        tab.pages = pages or tab.pages
        await tab.send(t="hello", **{"versions": [1], "token": person, "device": f"{person}-tab", **hello})
        await tab.answer("welcome")
        return tab

    async def until_pages(self, count: int) -> None:
        await until(f"{count} pages", lambda: self.hub.pages, lambda pages: pages == count)


@contextlib.asynccontextmanager
async def consultation_of_li(node: Node) -> AsyncIterator[tuple[Tab, str]]:
    """A page of Li's who leads a consultation, and the consultation."""
    tab = await node.tab("li")
    made = await tab.do("make", "consultation.create", title="防汛会商", unit="county", invite=["unit:town"])
    yield tab, made["object"]
    await tab.leave()
