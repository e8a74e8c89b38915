"""The node's doors, put together: signing in, acts and readings over HTTP, the pages' WebSocket and their media.

Everything here asks the one coordinator and the tables it owns; whoever loses access is gone from all doors at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from config import Settings, Token
from dispatch.desk.caretaker import Caretaker
from dispatch.desk.listening import Listening
from dispatch.desk.ports import Doing
from dispatch.directory.search import SearchIndex
from dispatch.errors import Forbidden
from dispatch.permissions import Actor
from dispatch.presence import Presence
from dispatch.records import Recording
from dispatch.sources import SourceState
from dispatch.speaker import SPEECH_DBOV
from dispatch.store.quality import Samples
from dispatch.store.retention import Retention
from dispatch.store.segments import SegmentReader
from dispatch.tables import Change, Tables
from huishang.desk import NodeDesk
from huishang.home import access_keys
from huishang.interface import interface_routes
from huishang.recording.exporting import Exports
from huishang.recording.exportorders import Ordering
from huishang.recording.service import RecordingService
from media.relay import Relay
from media.stills.stills import Stills
from recorder.copies.copies import Copies
from signaling.auth.acting import SignedActs
from signaling.auth.endpoint import SessionEndpoint
from signaling.auth.passwords import Passwords
from signaling.auth.proofs import Proofs
from signaling.auth.revocation import Lost
from signaling.auth.signin import SignIn
from signaling.auth.tokens import TokenRefused, Tokens
from signaling.auth.watch import Watch
from signaling.http.access import Access
from signaling.http.acts import all_acts
from signaling.http.health import Fault, Health, Part
from signaling.http.measuring import LoopLag, MeasuredActs
from signaling.http.metrics import Metrics, Reader, dispatch_readers, plane_readers
from signaling.http.recordings import RecordedFiles
from signaling.http.stills import StillsEndpoint
from signaling.ice.turn import Turn
from signaling.webhooks.service import Webhooks
from signaling.webrtc.exchange import Exchange
from signaling.ws.hub import Hub
from signaling.ws.linknews import LinkNews
from signaling.ws.media import PageMedia
from signaling.ws.quality import QualityLog
from signaling.ws.speakers import Speakers

#: Who has been without a page for so long has left the consultations. More than the grace after which others see that
#: somebody is offline: a tunnel or a change of networks costs nobody the place.
ABSENT_US = 20_000_000
#: A level is that of the last packet, which says nothing of now once no more come. Silence sends one each 0.4 s.
UNHEARD_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class NodeMedia:
    """What carries pictures and sound in this process, and keeps them."""

    relay: Relay
    exchange: Exchange
    recording: RecordingService


@dataclass(frozen=True, slots=True)
class NodeEdge:
    """What of the edge others need: who may, the way in, the pages, the routes of it all, who acts, TURN servers."""

    access: Access
    signin: SignIn
    hub: Hub
    routes: Sequence[web.RouteDef]
    acts: Doing
    turn: Turn


@contextlib.asynccontextmanager
async def edge(
    settings: Settings, tokens: Sequence[Token], desk: NodeDesk, media: NodeMedia, metrics: Metrics
) -> AsyncIterator[NodeEdge]:
    """Open all doors, and close them in reverse."""
    tables, relay, exchange = desk.coordinator.tables, media.relay, media.exchange
    async with contextlib.AsyncExitStack() as ends:
        signed = Tokens(access_keys(settings), settings.server.node)
        proofs, passwords = Proofs(tables, signed), Passwords()
        access = Access(tokens, proofs, desk.coordinator.permissions)
        acts = MeasuredActs(SignedActs(desk.coordinator, tables), metrics.acts)
        ends.push_async_callback(asyncio.to_thread, passwords.close)
        signin = SignIn(desk.coordinator, signed, passwords, settings.server.node)
        ends.push_async_callback(signin.close)
        presence = Presence()
        turn = Turn(settings.turn.urls, settings.turn.secret, settings.turn.lifetime_s)
        pages = PageMedia(desk.coordinator, exchange.connections)
        hub = Hub(
            desk.coordinator,
            acts,
            all_acts(),
            presence,
            exchange.registry,
            pages,
            lambda token: _who(proofs, desk, token),
            node=settings.server.node,
            turn=turn,
            tracks=lambda source: _tracks(exchange, source),
        )
        pages.start()
        ends.push_async_callback(pages.close)
        exchange.listen(hub.source_changed)
        media.recording.listen(hub.recording_troubled)
        hub.start()
        ends.push_async_callback(hub.close)
        watch = Watch(desk.coordinator)
        watch.listen(lambda lost: _cut_off(hub, lost))
        watch.start()
        ends.callback(watch.close)
        level = partial(_level, exchange)
        speakers, listening = Speakers(tables, level, hub.speaking), Listening(desk.coordinator, level)
        caretaker = _caretaker(desk, media, presence)
        webhooks = Webhooks(settings.webhook, desk.journal, settings.webhooks_path)
        desk.coordinator.listen(webhooks.heard)
        samples = Samples(desk.database)
        quality = QualityLog(tables, pages, exchange.connections, samples.add)
        links = LinkNews(pages, exchange.connections, exchange.adaptation)
        lag = LoopLag(metrics.lag_seconds)
        for task in (speakers, listening, caretaker, lag, quality, links, Retention(samples), webhooks):
            task.start()
            ends.push_async_callback(task.close)
        metrics.read(_readers(media, tables, hub, webhooks))
        index, health = _index(desk, ends), Health(_parts(media, desk, webhooks))
        stills, exports = _stills(relay, ends), await _exports(settings, desk, ends)
        files = RecordedFiles(settings.recordings_path, await _copies(settings, desk, ends), stills.process)
        routes = [
            *SessionEndpoint(signin, access).routes(),
            *hub.routes(),
            *StillsEndpoint(exchange, access, stills, tables).routes(),
            *interface_routes(desk, acts, access, metrics, health, index, files, exports),
        ]
        yield NodeEdge(access, signin, hub, routes, acts, turn)


def _caretaker(desk: NodeDesk, media: NodeMedia, presence: Presence) -> Caretaker:
    return Caretaker(
        desk.coordinator,
        lambda person: _is_here(presence, person),
        lambda: _live(media.exchange),
        media.recording.note_unmet,
    )


def _readers(media: NodeMedia, tables: Tables, hub: Hub, webhooks: Webhooks) -> list[Reader]:
    """Give the figures that are kept anyway."""
    exchange = media.exchange
    return [
        *webhooks.readers(),
        *media.recording.readers(),
        *dispatch_readers(tables, exchange.registry, lambda: hub.pages),
        *plane_readers(lambda: media.relay.threads, lambda: exchange.figures, lambda: exchange.links),
    ]


def _stills(relay: Relay, ends: contextlib.AsyncExitStack) -> Stills:
    """Give what makes stills, with a worker process that ends with us."""
    stills = Stills(relay)
    ends.push_async_callback(stills.close)
    return stills


async def _exports(settings: Settings, desk: NodeDesk, ends: contextlib.AsyncExitStack) -> Exports:
    """Begin to make exports, by processes that end with us."""
    ordering = Ordering(SegmentReader(desk.database), settings.recordings_path, settings.server.language)
    exports = Exports(settings.exports_path, ordering)
    await exports.start()
    ends.push_async_callback(exports.close)
    ends.callback(_when_deleted(desk, exports.deleted))
    return exports


async def _copies(settings: Settings, desk: NodeDesk, ends: contextlib.AsyncExitStack) -> Copies:
    """Give copies of recorded files, made by a process that ends with us; with a recording all copies go."""
    copies = Copies(settings.copies_path)
    await copies.start()
    ends.push_async_callback(copies.close)
    ends.callback(_when_deleted(desk, lambda recording: copies.empty()))
    return copies


def _when_deleted(desk: NodeDesk, tell: Callable[[str], None]) -> Callable[[], None]:
    """Have each recording told that is deleted from now on; return what ends that."""

    def heard(changes: Sequence[Change]) -> None:
        for change in changes:
            if isinstance(change.new, Recording) and change.new.deleted_us and not change.new.cleared_us:
                tell(change.new.id)

    return desk.coordinator.listen(lambda entries, changes: heard(changes))


def _index(desk: NodeDesk, ends: contextlib.AsyncExitStack) -> SearchIndex:
    """Make the search index, which follows the directory from now on."""
    index = SearchIndex()
    desk.coordinator.listen(lambda entries, changes: index.follow(changes))
    filling = asyncio.create_task(_fill(index, desk.coordinator.tables))
    ends.callback(filling.cancel)
    return index


async def _fill(index: SearchIndex, tables: Tables) -> None:
    """Take the directory into the search index, others' work in between: a large one takes seconds."""
    for _ in index.fill(tables):
        await asyncio.sleep(0)


def _parts(media: NodeMedia, desk: NodeDesk, webhooks: Webhooks) -> Mapping[str, Part]:
    def plane() -> Fault | None:
        return None if media.exchange.is_healthy else Fault("plane-unwell")

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
        "recording": Part(media.recording.fault, vital=False),
        "webhooks": Part(webhooks.fault, vital=False),
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


def _is_here(presence: Presence, person: str) -> bool:
    return presence.was_online(person, ABSENT_US, time.time_ns() // 1000)


def _live(exchange: Exchange) -> frozenset[str]:
    return frozenset(source.id for source in exchange.registry.all() if source.state is SourceState.LIVE)


def _tracks(exchange: Exchange, source: str) -> list[str]:
    media = exchange.media.get(source)
    return sorted(media.publications) if media else []


def _level(exchange: Exchange, source: str) -> float | None:
    media = exchange.media.get(source)
    sound = media.publications.get("audio") if media else None
    if sound is None:
        return None
    level = sound.level_dbov
    # Who is quiet need not be looked at, which costs a little.
    if level > SPEECH_DBOV and time.monotonic_ns() - sound.stats()[0]["heard_ns"] > UNHEARD_NS:
        return None
    return level
