"""The composition root: one node, put together from settings and taken apart in reverse order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from config import Settings, load_tokens
from console import STATIC
from dispatch.desk.coordinator import Coordinator
from dispatch.sources import SourceRegistry
from huishang import __version__
from huishang.addresses import page_urls, reachable
from huishang.desk import desk
from huishang.edge import NodeMedia, edge
from huishang.memory import staying
from huishang.recording.service import RecordingService
from huishang.tls import keep_fresh, server_context
from media.relay import Relay
from signaling.auth.signin import SignIn
from signaling.dtls.certificate import Certificate
from signaling.dtls.context import DtlsContext
from signaling.http.api import SourcesEndpoint
from signaling.http.app import make_app
from signaling.http.listener import listening
from signaling.http.metrics import Metrics
from signaling.webrtc.exchange import Exchange

_log = structlog.get_logger(__name__)

#: Of `server.language`, as markup names them (BCP 47).
LANGUAGES = {"zh": "zh-CN", "en": "en"}
SAMPLE_SECONDS = 1.0
ADDRESSES_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Node:
    """A node that is about to listen."""

    coordinator: Coordinator
    signin: SignIn


#: Is awaited before the node listens.
Begin = Callable[[Node], Awaitable[None]]


async def serve(
    settings: Settings, ready: Callable[[list[str]], None], stop: asyncio.Event, begin: Begin | None = None
) -> None:
    """Run the node until `stop` is set; call `ready` with its base URLs once it listens.

    Raises ConfigError for unusable tokens, PlaneError or OSError for a port or file that cannot be had.
    """
    async with contextlib.AsyncExitStack() as ends:
        tokens = load_tokens(settings.tokens_path)
        tls = server_context(settings) if settings.http.tls else None
        metrics = Metrics(__version__)
        with staying():
            memory = await ends.enter_async_context(desk(settings, metrics))
        relay = Relay(settings.media)
        ends.callback(relay.close)
        relay.open()
        exchange = Exchange(
            relay,
            SourceRegistry(settings.limits.max_sources),
            DtlsContext(Certificate.generate()),
            candidate_addresses(settings),
            cname=settings.server.node,
            max_publishers=settings.limits.max_sources,
            max_viewers=settings.limits.max_viewers,
            silent_after_s=settings.limits.silent_after_s,
            shared_port=settings.http.port if settings.http.media else 0,
        )
        exchange.start()
        ends.push_async_callback(exchange.close)
        recording = RecordingService(settings, memory, exchange)
        recording.start()
        ends.push_async_callback(recording.close)
        doors = await ends.enter_async_context(
            edge(settings, tokens, memory, NodeMedia(relay, exchange, recording), metrics)
        )
        app, sources = make_app(
            exchange,
            doors.access,
            STATIC,
            doors.routes,
            doors.acts,
            outermost=[metrics.count_refusals],
            max_sdp_bytes=settings.limits.max_sdp_bytes,
            origins=settings.http.allowed_origins,
            language=LANGUAGES[settings.server.language],
            proxies=settings.http.trusted_proxies,
            turn=doors.turn,
        )
        # Peers are told first: requests in hand may take seconds, and who stops us may not wait so long.
        app.on_shutdown.append(lambda _: exchange.close())
        app.on_shutdown.append(lambda _: doors.hub.close())
        tasks = [asyncio.create_task(_sample(sources)), asyncio.create_task(_keep_addresses(exchange, settings))]
        if tls is not None:
            tasks.append(asyncio.create_task(keep_fresh(tls, settings)))
        for task in tasks:
            ends.callback(task.cancel)
        if begin is not None:
            await begin(Node(memory.coordinator, doors.signin))
        media = exchange.take if settings.http.media else None
        await ends.enter_async_context(listening(app, settings.http.host, settings.http.port, tls, media))
        ready(page_urls(settings))
        await _until(stop, tasks)


def candidate_addresses(settings: Settings) -> list[str]:
    """Return the addresses that peers are told to send media to: configured, or the machine's own."""
    if settings.media.advertised_addresses:
        return list(settings.media.advertised_addresses)
    own = [str(address) for address in reachable(settings.media.bind)]
    if own:
        return own
    # A machine without a network still serves itself.
    return ["127.0.0.1"] if settings.media.bind in ("::", "0.0.0.0", "127.0.0.1") else [settings.media.bind]


async def _until(stop: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
    """Wait for `stop`; raise what one of the tasks, which run for ever, ended with: half a node helps nobody."""
    waiting = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait((waiting, *tasks), return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    for task in done:
        task.result()


async def _sample(sources: SourcesEndpoint) -> None:
    while True:
        try:
            sources.sample()
        except Exception:  # so broad, because this task's end is the node's: the list grows stale, pictures go on
            _log.exception("sources_not_sampled")
        await asyncio.sleep(SAMPLE_SECONDS)


async def _keep_addresses(exchange: Exchange, settings: Settings) -> None:
    """Tell new peers the addresses the machine has now: networks come up after boot, leases and cables change."""
    while True:
        await asyncio.sleep(ADDRESSES_SECONDS)
        try:
            exchange.addresses = await asyncio.to_thread(candidate_addresses, settings)
        except Exception:  # so broad, because this task's end is the node's: the addresses told so far serve on
            _log.exception("addresses_not_read")
