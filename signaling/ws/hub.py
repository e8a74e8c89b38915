"""All pages of the node: lets them in, carries what happens into their topics, sends what is due. Shell."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import ParamSpec

import msgspec
import structlog
from aiohttp import web

from dispatch.acts.base import Act, Spec
from dispatch.desk.coordinator import Coordinator
from dispatch.desk.ports import Doing
from dispatch.entry import Entry, Origin
from dispatch.errors import Forbidden, Full, Unavailable, Unknown
from dispatch.ids import ulid
from dispatch.permissions import Actor
from dispatch.presence import Presence
from dispatch.sources import SourceRegistry
from dispatch.tables import Change
from signaling.http.access import address_of
from signaling.http.problem import Problem
from signaling.ice.turn import NO_TURN, IceServer, Turn
from signaling.ws import messages
from signaling.ws.changes import Changes
from signaling.ws.connection import CLOSE_SECONDS, DEFAULT_LIMITS, Connection, Limits
from signaling.ws.messages import MAX_MESSAGE_BYTES, MAX_TOPICS, Close, Hello
from signaling.ws.ports import Identify, MediaDoor, Tracks
from signaling.ws.topics import Topics
from signaling.ws.views import Views

_log = structlog.get_logger(__name__)

P = ParamSpec("P")

PATH = "/api/v1/ws"
#: Open at once: of the node, of a person.
MAX_PAGES = 10_000
MAX_PAGES_OF_PERSON = 32
#: The same of an address, not signed in yet: a page says who it is in milliseconds, and has ten seconds for it.
MAX_STRANGERS = 512
#: Pages written to in one turn of the loop, some 5 ms; in between it serves others.
PAGES_A_TURN = 256
LOOK_AFTER_SECONDS = 1.0
#: How long what pages have in hand may take once the node stops: a disk that hangs may never answer.
HAND_SECONDS = 2.0


class Hub:
    """The pages. `start` once, `close` at the end; `routes` are for an application between the two."""

    def __init__(
        self,
        coordinator: Coordinator,
        doing: Doing,
        acts: Mapping[str, Spec],
        presence: Presence,
        sources: SourceRegistry,
        door: MediaDoor,
        identify: Identify,
        *,
        node: str,
        tracks: Tracks,
        limits: Limits = DEFAULT_LIMITS,
        turn: Turn = NO_TURN,
    ) -> None:
        self.door = door
        self.limits = limits
        self.epoch = ulid(self.now_us(), os.urandom(10))
        self._coordinator = coordinator
        self._doing = doing
        self._acts = acts
        self._presence = presence
        self._sources = sources
        self._identify = identify
        self._node = node
        self._turn = turn
        self._views = Views(coordinator.tables, coordinator.permissions, presence, sources, tracks)
        self._topics = Topics(self._views)
        self._changes = Changes(coordinator.tables, sources, self._views, self._topics)
        self._connections: dict[Connection, None] = {}
        self._pages_of: Counter[str] = Counter()
        self._strangers: Counter[str] = Counter()
        self._ending: set[asyncio.Task[None]] = set()
        self._empty = asyncio.Event()
        self._outbox: dict[Connection, list[bytes]] = {}
        self._sending: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._tick: asyncio.TimerHandle | None = None
        self._unlisten: list[Callable[[], None]] = []
        self._stopping = asyncio.Event()
        self._given_up = False

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to an application."""
        return [web.get(PATH, self.handle)]

    def start(self) -> None:
        """Begin to listen and to send."""
        self._loop = asyncio.get_running_loop()
        self._unlisten = [
            self._coordinator.listen(self._happened),
            self._presence.listen(self._person_changed),
            self._sources.listen(self.source_changed),
        ]
        self._look_after()

    async def close(self) -> None:
        """Close all pages, let what is in hand come to its end, or give it up in the end. May be called twice."""
        self._stopping.set()
        for connection in tuple(self._connections):
            connection.close(Close.NODE_STOPPING)
        try:
            async with asyncio.timeout(HAND_SECONDS):
                await self._emptied()
        except TimeoutError:
            self._give_up()
            await self._emptied()
        for stop in self._unlisten:
            stop()
        self._unlisten.clear()
        for handle in (self._timer, self._tick, self._sending):
            if handle is not None:
                handle.cancel()

    async def _emptied(self) -> None:
        """Wait until no page is left, and nothing of theirs is in hand."""
        if self._connections:
            self._empty.clear()
            await self._empty.wait()
        if self._ending:
            await asyncio.wait(self._ending)

    def _give_up(self) -> None:
        """Wait for nothing that pages have in hand. Acts that are on their way to the disk may yet be kept."""
        self._given_up = True
        tasks = {*self._ending, *(task for connection in self._connections for task in connection.tasks)}
        _log.error("pages_given_up", pages=len(self._connections), in_hand=len(tasks))
        for task in tasks:
            task.cancel()

    @property
    def pages(self) -> int:
        """How many pages are connected."""
        return len(self._connections)

    def close_login(self, login: str) -> None:
        """A sign-in has ended: close its pages."""
        self._close_where(lambda connection: connection.actor.login == login)

    def close_person(self, person: str) -> None:
        """Somebody may not be here any more: close all pages of theirs."""
        self._close_where(lambda connection: connection.actor.person == person)

    def speaking(self, consultation: str, participant: str, levels: dict[str, int]) -> None:
        """Tell who speaks in a consultation, and the levels (dBov) of who is heard; "" and none when it is over."""
        self._changes.speaking(consultation, participant, levels)
        self._arm()

    def source_changed(self, source: str) -> None:
        """Tell that a source's tracks have changed; the registry tells the rest by itself."""
        self._changes.source(source)
        self._arm()

    def recording_troubled(self, code: str) -> None:
        """Tell everybody who sees that something is recorded what is wrong with it, "" when nothing is."""
        if code != self._views.shapes.trouble:
            self._views.shapes.trouble = code
            self._changes.recordings()
            self._arm()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve a page's WebSocket. Raises Problem."""
        if self._stopping.is_set():
            raise Problem("node-stopping", "the node stops")
        if len(self._connections) >= MAX_PAGES:
            raise Problem("node-busy", f"{MAX_PAGES} pages are connected")
        # Compressing would cost more than all else for thousands of pages, and invites messages that unfold.
        socket = web.WebSocketResponse(
            compress=False,
            autoping=False,
            autoclose=False,
            max_msg_size=MAX_MESSAGE_BYTES,
            timeout=CLOSE_SECONDS,
            decode_text=False,
        )
        if not socket.can_prepare(request):
            detail = "upgrade the connection to a WebSocket of version 13 (RFC 6455)"
            raise Problem("websocket-needed", detail, {"Upgrade": "websocket", "Sec-WebSocket-Version": "13"})
        ip = address_of(request)
        if self._strangers[ip] >= MAX_STRANGERS:
            raise Problem("node-busy", f"{MAX_STRANGERS} connections of {ip} have not signed in")
        await socket.prepare(request)
        transport = request.transport
        if transport is None:
            return socket
        connection = Connection(self, socket, transport, ulid(self.now_us(), os.urandom(10)), ip)
        self._connections[connection] = None
        self._strangers[ip] += 1
        if self._stopping.is_set():  # it stopped while the answer to the request was on its way
            connection.close(Close.NODE_STOPPING)
        await connection.run()
        return socket

    def admit(self, connection: Connection, hello: Hello) -> None:
        """Sign a page in, welcome it and go on with what it had. Raises Refused."""
        actor, until_us = self._identify(hello.token)
        person = self._coordinator.tables.people.find(actor.person)
        if person is None or person.disabled or until_us <= self.now_us():
            raise Forbidden("not-signed-in", f"{actor.person} may not be here")
        if self._pages_of[actor.person] >= MAX_PAGES_OF_PERSON:
            raise Full("page-limit", f"{actor.person} has {MAX_PAGES_OF_PERSON} pages open")
        self._pages_of[actor.person] += 1
        self._no_stranger(connection.ip)
        connection.actor, connection.until_us = actor, until_us
        now_us = self.now_us()
        rights = self._coordinator.permissions.rights(actor, "node", now_us)
        welcome = messages.Welcome(
            messages.VERSIONS[-1],
            self.epoch,
            now_us,
            self._node,
            msgspec.to_builtins(person),
            tuple(sorted(rights)),
            self._ice_servers(connection),
        )
        connection.send(welcome)
        self._presence.connect(actor.person, connection.id, now_us)
        if hello.resume is not None:
            known = hello.resume.epoch == self.epoch
            for topic, seq in hello.resume.topics.items():
                self._watch(connection, topic, seq if known else None)

    def _ice_servers(self, connection: Connection) -> tuple[IceServer, ...]:
        """Return what the page is to be told now; again when a part of its time is over."""
        connection.renew_at = self._loop.time() + self._turn.renew_s
        return self._turn.servers(connection.actor.person, self.now_us() / 1e6)

    def _renew(self, connection: Connection, now: float) -> None:
        if self._turn.urls and not connection.actor.is_system and now >= connection.renew_at:
            connection.send(messages.IceServers(self._ice_servers(connection)))

    def leave(self, connection: Connection) -> None:
        """The connection is over."""
        self._outbox.pop(connection, None)
        del self._connections[connection]
        for task in connection.tasks:
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
        if connection.actor.is_system:
            self._no_stranger(connection.ip)
        else:
            self._pages_of[connection.actor.person] -= 1
            if not self._pages_of[connection.actor.person]:
                del self._pages_of[connection.actor.person]
            self._topics.leave(connection, self._loop.time())
            self._presence.disconnect(connection.actor.person, connection.id, self.now_us())
            self.door.hangup(connection)
        if not self._connections:
            self._empty.set()

    def _no_stranger(self, ip: str) -> None:
        self._strangers[ip] -= 1
        if not self._strangers[ip]:
            del self._strangers[ip]

    def watch(self, connection: Connection, topic: str) -> None:
        """Begin to send a topic."""
        self._watch(connection, topic, None)

    def unwatch(self, connection: Connection, topic: str) -> None:
        """Send no more of a topic."""
        self._topics.unwatch(connection, topic, self._loop.time())

    def spec(self, name: str) -> Spec:
        """Return an act's declaration. Raises Unknown."""
        spec = self._acts.get(name)
        if spec is None or not spec.path:  # what has no address is not for outside
            raise Unknown("act-unknown", f"there is no act {name!r}")
        return spec

    async def act(self, act: Act, actor: Actor, origin: Origin) -> str:
        """Do an act. Raises Refused."""
        if self._given_up:  # of a page that had more to ask than it may have in hand
            raise Unavailable("node-stopping", "the node stops")
        return await self._doing.act(act, actor, origin)

    def unit_of(self, person: str) -> str:
        """Return the unit somebody is in now."""
        record = self._coordinator.tables.people.find(person)
        return record.unit if record else ""

    def now_us(self) -> int:
        """Return the time of the server's clock."""
        return time.time_ns() // 1000

    def _watch(self, connection: Connection, topic: str, seq: int | None) -> None:
        if len(self._topics.watched(connection)) >= MAX_TOPICS:
            connection.send(messages.Gone(topic, "too-many-topics"))
            return
        self._topics.watch(connection, connection.actor.person, topic, seq, self._loop.time(), self.now_us())
        self._collect()

    def _happened(self, entries: Sequence[Entry], changes: Sequence[Change]) -> None:
        self._changes.apply(changes)
        self._arm()

    def _person_changed(self, person: str) -> None:
        self._changes.person(person)
        self._arm()

    def _arm(self) -> None:
        """See to it that `_due` is called when the topics want it."""
        when = self._topics.get_timer()
        # While the last changes are still being written the next ones wait, and fewer are sent.
        if when is None or self._outbox or self._stopping.is_set():
            return
        if self._timer is None or self._timer_at > when:
            if self._timer is not None:
                self._timer.cancel()
            # Kept here: what uvloop gives for a time that is over does not know it.
            self._timer, self._timer_at = self._loop.call_at(when, self._due), when

    def _due(self) -> None:
        self._timer = None
        try:
            self._topics.handle_timer(self._loop.time(), self.now_us())
        except Exception:  # so broad, because what other audiences are to be sent must go out, now and later
            _log.exception("topics_failed")
        self._collect()
        self._arm()

    def _collect(self) -> None:
        for members, frame in self._topics.take():
            for connection in members:
                assert isinstance(connection, Connection)
                self._outbox.setdefault(connection, []).append(frame)
        if self._outbox and self._sending is None:
            self._sending = self._loop.call_soon(self._write)

    def _write(self) -> None:
        """Write what is to be sent, a bounded part in each turn of the loop."""
        self._sending = None
        for connection in tuple(self._outbox)[:PAGES_A_TURN]:
            parts = self._outbox.pop(connection)
            try:
                connection.write_all(parts)
            except Exception:  # so broad, because nothing would be written to anybody any more
                _log.exception("page_not_written", connection=connection.id)
        if self._outbox:
            self._sending = self._loop.call_soon(self._write)
        else:
            self._arm()

    def _look_after(self) -> None:
        self._tick = self._loop.call_later(LOOK_AFTER_SECONDS, self._look_after)
        now, now_us = self._loop.time(), self.now_us()
        for connection in tuple(self._connections):
            _safely(connection.look_after, now, now_us)
            _safely(self._renew, connection, now)
        _safely(self._presence.handle_timer, now_us)
        _safely(self._changes.passed, now_us)
        _safely(self._topics.sweep, now)
        self._arm()

    def _close_where(self, condition: Callable[[Connection], bool]) -> None:
        for connection in tuple(self._connections):
            if condition(connection):
                connection.close(Close.NOT_SIGNED_IN)
                # Who does not answer the close would go on seeing and hearing until its line is cut.
                _safely(self.door.hangup, connection)
                self._presence.disconnect(connection.actor.person, connection.id, self.now_us(), for_good=True)


def _safely(step: Callable[P, None], *args: P.args, **options: P.kwargs) -> None:
    """Take a step of several; sign-ins, media, presence and grants come to their end whatever fails beside."""
    try:
        step(*args, **options)
    except Exception:  # so broad, for that reason
        _log.exception("look_after_failed")
