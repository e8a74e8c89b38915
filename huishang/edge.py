"""The node's doors, put together: signing in, acts and readings over HTTP, the pages' WebSocket and their media.

Everything here asks the one coordinator and the tables it owns; whoever loses access is gone from all doors at once.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from config import Settings, Token
from dispatch.desk.caretaker import Caretaker
from dispatch.errors import Forbidden
from dispatch.permissions import Actor, Permissions, Right
from dispatch.store.quality import Samples
from dispatch.store.reading import Reader
from huishang import __version__
from huishang.desk import NodeDesk
from huishang.home import access_keys
from media.relay import Relay
from signaling.auth.endpoint import SessionEndpoint
from signaling.auth.passwords import Passwords
from signaling.auth.proofs import Proofs
from signaling.auth.revocation import Lost
from signaling.auth.signin import SignIn
from signaling.auth.tokens import TokenRefused, Tokens
from signaling.auth.watch import Watch
from signaling.http.access import Access, PersonIdentity, TokenIdentity
from signaling.http.acts import ActsEndpoint, all_acts
from signaling.http.described import media_operations, session_operations
from signaling.http.health import Fault, Health, HealthEndpoint, Part
from signaling.http.measuring import LoopLag, MeasuredActs
from signaling.http.metrics import Metrics, MetricsEndpoint, dispatch_readers, plane_readers
from signaling.http.naming import NamesEndpoint
from signaling.http.openapi import openapi_routes
from signaling.http.problem import Problem
from signaling.http.qr import QrEndpoint
from signaling.http.reads import ReadsEndpoint, collections
from signaling.http.timeline import TimelineEndpoint
from signaling.http.transfer import TransferEndpoint
from signaling.webrtc.exchange import Exchange
from signaling.ws.hub import Hub
from signaling.ws.media import PageMedia
from signaling.ws.presence import PagePresence
from signaling.ws.quality import QualityLog
from signaling.ws.speakers import Speakers

#: A page that is gone for less is on its way back: a reload, a tunnel, a change of networks.
ABSENT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class NodeEdge:
    """What of the edge others need: who may, the way in, the pages, and the routes of it all."""

    access: Access
    signin: SignIn
    hub: Hub
    routes: Sequence[web.RouteDef]


@contextlib.asynccontextmanager
async def edge(
    settings: Settings,
    tokens: Sequence[Token],
    desk: NodeDesk,
    relay: Relay,
    exchange: Exchange,
    metrics: Metrics,
) -> AsyncIterator[NodeEdge]:
    """Open all doors, and close them in reverse."""
    tables, permissions = desk.coordinator.tables, desk.coordinator.permissions
    async with contextlib.AsyncExitStack() as ends:
        signed = Tokens(access_keys(settings), settings.server.node)
        proofs = Proofs(tables, signed)
        access = Access(tokens, proofs, permissions)
        signin = SignIn(desk.coordinator, signed, Passwords(), settings.server.node)
        ends.push_async_callback(signin.close)
        presence = PagePresence()
        media = PageMedia(desk.coordinator, exchange.connections)
        hub = Hub(
            desk.coordinator,
            MeasuredActs(desk.coordinator, metrics.acts),
            all_acts(),
            presence,
            exchange.registry,
            media,
            lambda token: _who(proofs, desk, token),
            node=settings.server.node,
            tracks=lambda source: _tracks(exchange, source),
        )
        media.start()
        ends.push_async_callback(media.close)
        exchange.listen(hub.source_changed)
        hub.start()
        ends.push_async_callback(hub.close)
        watch = Watch(desk.coordinator)
        watch.listen(lambda lost: _cut_off(hub, lost))
        watch.start()
        ends.callback(watch.close)
        speakers = Speakers(tables, lambda source: _level(exchange, source), hub.speaking)
        caretaker = Caretaker(desk.coordinator, lambda person: _is_here(presence, person))
        lag = LoopLag(metrics.lag_seconds)
        quality = QualityLog(tables, media, exchange.connections, Samples(desk.database).add)
        for task in (speakers, caretaker, lag, quality):
            task.start()
            ends.push_async_callback(task.close)
        metrics.read(dispatch_readers(tables, exchange.registry, lambda: hub.pages))
        metrics.read(plane_readers(lambda: relay.threads, lambda: exchange.figures))
        routes = [
            *SessionEndpoint(signin, access).routes(),
            *hub.routes(),
            *_described(desk, access, metrics, Health(_parts(exchange, desk))),
        ]
        yield NodeEdge(access, signin, hub, routes)


def _described(desk: NodeDesk, access: Access, metrics: Metrics, health: Health) -> list[web.RouteDef]:
    """Return the routes that are made from their descriptions, and the description of all."""
    tables, permissions = desk.coordinator.tables, desk.coordinator.permissions
    doing = MeasuredActs(desk.coordinator, metrics.acts)
    reader = Reader(desk.database)
    endpoints = (
        ActsEndpoint(doing, tables, access.person, collections()),
        ReadsEndpoint(tables, permissions, access.person),
        TransferEndpoint(doing, tables, permissions, access.person),
        TimelineEndpoint(reader, tables, permissions, access.person),
        NamesEndpoint(reader, tables, permissions, access.person),
        QrEndpoint(tables, access.person),
        HealthEndpoint(health),
        MetricsEndpoint(metrics, lambda request: _require_measure(access, permissions, request)),
    )
    operations = [operation for endpoint in endpoints for operation in endpoint.operations()]
    operations += [*media_operations(), *session_operations()]
    routes = [route for endpoint in endpoints for route in endpoint.routes()]
    return [*routes, *openapi_routes(operations, __version__)]


def _parts(exchange: Exchange, desk: NodeDesk) -> Mapping[str, Part]:
    def plane() -> Fault | None:
        return None if exchange.is_healthy else Fault("plane-unwell")

    def journal() -> Fault | None:
        code = desk.coordinator.fault
        return Fault(code) if code else None

    def database() -> Fault | None:
        health = desk.projector.health
        return Fault(health.code, health.since_us) if health.code else None

    return {
        "plane": Part(plane, vital=True),
        "journal": Part(journal, vital=False),
        "database": Part(database, vital=False),
    }


def _who(proofs: Proofs, desk: NodeDesk, token: str) -> tuple[Actor, int]:
    """Return who shows an access token on a WebSocket, and until when the sign-in lasts. Raises Forbidden."""
    try:
        actor = proofs.person(token, time.time_ns() // 1000)
    except TokenRefused as refused:
        raise Forbidden("token-refused", str(refused)) from None
    return actor, desk.coordinator.tables.logins.get(actor.login).until_us


def _cut_off(hub: Hub, lost: Lost) -> None:
    if lost.kind == "login":
        hub.close_login(lost.id)
    elif lost.kind == "person":
        hub.close_person(lost.id)


def _is_here(presence: PagePresence, person: str) -> bool:
    gone_us = time.time_ns() // 1000 - presence.since_us(person)
    return presence.is_online(person) or gone_us < ABSENT_SECONDS * 1e6


def _require_measure(access: Access, permissions: Permissions, request: web.Request) -> None:
    """Raise Problem for who may not read the node's figures from another machine."""
    identity = access.identify(request)
    if isinstance(identity, PersonIdentity):
        may = permissions.may(identity.actor, Right.ADMIN, "node", time.time_ns() // 1000)
    else:
        may = isinstance(identity, TokenIdentity) and "measure" in identity.token.verbs
    if not may:
        raise Problem("forbidden", "reading the figures needs a token that may measure, or the right admin of the node")


def _tracks(exchange: Exchange, source: str) -> list[str]:
    media = exchange.media.get(source)
    return sorted(media.publications) if media else []


def _level(exchange: Exchange, source: str) -> float | None:
    media = exchange.media.get(source)
    sound = media.publications.get("audio") if media else None
    return sound.level_dbov if sound is not None else None
