"""The node's WebRTC side in the test's own loop: real plane, real exchange, real HTTP, on loopback and free ports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

import console
from config import Media, Token
from dispatch.sources import SourceRegistry
from media.plane.memory import live_objects
from media.relay import Relay
from media.stills.stills import Stills
from signaling.dtls.certificate import Certificate
from signaling.dtls.context import DtlsContext
from signaling.http.access import Access
from signaling.http.api import SourcesEndpoint
from signaling.http.app import make_app
from signaling.http.health import Fault, Health, HealthEndpoint, Part
from signaling.http.listener import listening
from signaling.http.stills import StillsEndpoint
from signaling.ice.turn import NO_TURN, Turn
from signaling.webrtc.exchange import Exchange

EVERYTHING: Final = "token-for-everything-1"
WATCHER: Final = "token-that-only-watches"
ONE_CAMERA: Final = "token-of-one-camera-only"
TOKENS: Final = (
    Token(name="all", secret=EVERYTHING, verbs=("publish", "watch")),
    Token(name="watcher", secret=WATCHER, verbs=("watch",)),
    Token(name="camera", secret=ONE_CAMERA, verbs=("publish",), sources=("camera",)),
)
MAX_SDP_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Node:
    """What runs: `url` is the base of its plain HTTP."""

    url: str
    exchange: Exchange
    relay: Relay
    sources: SourcesEndpoint
    app: web.Application
    stills: Stills


@asynccontextmanager
async def running_node(
    *,
    threads: int = 1,
    max_sources: int = 100,
    max_publishers: int = 100,
    max_viewers: int = 100,
    silent_after_s: float = 1.0,
    page: Path = console.STATIC,
    origins: Iterable[str] = (),
    language: str = "zh-CN",
    turn: Turn = NO_TURN,
) -> AsyncIterator[Node]:
    """Run a node; assert at the end that nothing of it is left in the plane."""
    before = live_objects()
    async with AsyncExitStack() as ends:
        # Port 0, a free one, is for tests only: settings from a file do not allow it.
        relay = Relay(Media(bind="127.0.0.1", port=0, threads=threads))
        ends.callback(relay.close)
        relay.open()
        exchange = Exchange(
            relay,
            SourceRegistry(max_sources),
            DtlsContext(Certificate.generate()),
            ["127.0.0.1"],
            cname="node",
            max_publishers=max_publishers,
            max_viewers=max_viewers,
            silent_after_s=silent_after_s,
        )
        exchange.start()
        ends.push_async_callback(exchange.close)
        plane = Part(lambda: None if exchange.is_healthy else Fault("plane-unwell"), vital=True)
        access, stills = Access(TOKENS), Stills(relay)
        ends.push_async_callback(stills.close)
        app, sources = make_app(
            exchange,
            access,
            page,
            [*HealthEndpoint(Health({"plane": plane})).routes(), *StillsEndpoint(exchange, access, stills).routes()],
            max_sdp_bytes=MAX_SDP_BYTES,
            origins=origins,
            language=language,
            turn=turn,
        )
        port = await ends.enter_async_context(listening(app, "127.0.0.1", 0))
        yield Node(f"http://127.0.0.1:{port}", exchange, relay, sources, app, stills)
    assert live_objects() == before
