"""One page's WebSocket: reads with bounds, hands on what is asked, writes prepared frames, ends within a second. Shell.

Frames go to the transport past aiohttp's own writer, whose coroutine for each of thousands of pages would wait for the
slowest; what a page does not read is counted here instead, and a page that reads too little is closed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
import structlog
from aiohttp import WSMsgType, web

from dispatch.acts.base import Act, Spec
from dispatch.entry import Origin
from dispatch.errors import Invalid, Refused
from dispatch.permissions import Actor
from signaling.bucket import Bucket
from signaling.ws import frames, messages
from signaling.ws.messages import AnsweredLine, Close, Hello, Message, Reply
from signaling.ws.ports import MediaDoor

_log = structlog.get_logger(__name__)

#: For the other side to answer that it closes; then the line is cut.
CLOSE_SECONDS = 0.8
#: Acts and offers of a page in hand; then it is not read on.
MAX_IN_HAND = 32


@dataclass(frozen=True, slots=True)
class Limits:
    """What a page may ask of the node. After `ask_s` without a word it is asked whether it is there."""

    hello_s: float = 10.0
    ask_s: float = 25.0
    silent_s: float = 60.0
    #: What may wait for a page that does not read, beside the largest message among it: a first state may be larger.
    unread_bytes: int = 1 << 20
    #: Messages, in units of 4 KiB begun: so many at once, and so many a second.
    burst: float = 200.0
    rate_s: float = 50.0


DEFAULT_LIMITS = Limits()

_PIECE_BYTES = 1 << 14

_FIELD = re.compile(r"at `\$\.(\w+)|required field `(\w+)`")


class House(Protocol):
    """What a connection is part of."""

    door: MediaDoor
    limits: Limits

    def admit(self, connection: Connection, hello: Hello) -> None:
        """Sign a page in, welcome it and go on with what it had. Raises Refused."""
        ...

    def leave(self, connection: Connection) -> None:
        """The connection is over."""
        ...

    def watch(self, connection: Connection, topic: str) -> None: ...

    def unwatch(self, connection: Connection, topic: str) -> None: ...

    def spec(self, name: str) -> Spec:
        """Return an act's declaration. Raises Unknown."""
        ...

    async def act(self, act: Act, actor: Actor, origin: Origin) -> str:
        """Do an act. Raises Refused."""
        ...

    def unit_of(self, person: str) -> str: ...

    def now_us(self) -> int: ...


class Connection:
    """A page's connection, `run` by the handler of its request. `actor` is nobody's until it has been admitted."""

    def __init__(
        self, house: House, socket: web.WebSocketResponse, transport: asyncio.Transport, identifier: str, ip: str
    ) -> None:
        self.id = identifier
        self.ip = ip
        self.device = ""
        self.actor = Actor("")
        #: When the sign-in ends (microseconds UTC).
        self.until_us = 0
        #: When the page is to be told of TURN servers again (the loop's seconds).
        self.renew_at = 0.0
        self._house = house
        self._socket = socket
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._heard = self._loop.time()
        self._bucket = Bucket(house.limits.burst, house.limits.rate_s, self._heard)
        self._room = house.limits.unread_bytes
        self._in_hand = asyncio.Semaphore(MAX_IN_HAND)
        self._offering = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._cut: asyncio.TimerHandle | None = None
        self._left = False

    @property
    def tasks(self) -> tuple[asyncio.Task[None], ...]:
        """Return what is still being done for the page."""
        return tuple(self._tasks)

    async def run(self) -> None:
        """Serve the page until it is gone."""
        try:
            hello = await self._first()
            if hello is not None and self._enter(hello):
                while (message := await self._receive()) is not None:
                    await self._handle(message)
            elif self._cut is not None:
                await self._receive()  # until the page has heard why: what is closed at once is not told over TLS
        finally:
            self._left = True
            self._house.leave(self)
            if self._cut is not None:
                self._cut.cancel()
            # What waits for a page that is gone, or does not read, need not be kept until the kernel gives up.
            if self._transport.get_write_buffer_size():
                self._transport.abort()
            else:
                self._transport.close()

    def send(self, message: Reply) -> None:
        """Send a message of the page's own."""
        self.write(frames.text(messages.encode(message)))

    def write_all(self, parts: Sequence[bytes]) -> None:
        """Write frames, small ones in one piece: each piece is a TLS record and a call of the kernel."""
        if sum(map(len, parts)) <= _PIECE_BYTES:
            parts = [b"".join(parts)]
        for part in parts:
            self.write(part)

    def write(self, data: bytes) -> None:
        """Write whole frames; close the page when too much waits for it."""
        if self._cut is not None or self._transport.is_closing():
            return
        waiting = self._transport.get_write_buffer_size()
        if waiting > self._room:
            self.close(Close.NOT_READING)
            return
        self._room = max(self._house.limits.unread_bytes + len(data), self._room if waiting else 0)
        self._transport.write(data)

    def close(self, code: Close) -> None:
        """Say why, and close; the line is cut when the page does not answer in time. Again is of no effect."""
        if self._cut is not None or self._left:
            return
        if not self._transport.is_closing():
            bye = frames.text(messages.encode(messages.Bye(code.code)))
            self._transport.write(bye + frames.close(code, code.code))
        self._cut = self._loop.call_later(CLOSE_SECONDS, self._transport.abort)

    def look_after(self, now: float, now_us: int) -> None:
        """Ask whether the page is there, give it up when it is not, or when its sign-in has ended."""
        if self.actor.is_system:
            return
        if now_us >= self.until_us:
            self.close(Close.NOT_SIGNED_IN)
        elif now - self._heard > self._house.limits.silent_s:
            self.close(Close.NOT_READING)
        elif now - self._heard > self._house.limits.ask_s:
            self.write(frames.ping())

    def flow(self, number: int, lines: Sequence[AnsweredLine]) -> None:
        """Tell that lines of the page's media connection with this number were opened, paused or closed."""
        self.send(messages.FlowChange(number, list(lines)))

    def ended(self, number: int, code: str) -> None:
        """Tell that the media connection with this number is over."""
        self.send(messages.Ended(number, code))

    def news(self, message: messages.Link | messages.Layers) -> None:
        """Tell how the page's link is, or which of the layers that it sends are needed."""
        self.send(message)

    async def _first(self) -> Hello | None:
        try:
            async with asyncio.timeout(self._house.limits.hello_s):
                message = await self._receive()
        except TimeoutError:
            self.close(Close.NOT_READING)
            return None
        if isinstance(message, Hello) or message is None:
            return message
        self.close(Close.NOT_UNDERSTOOD)
        return None

    def _enter(self, hello: Hello) -> bool:
        if not set(hello.versions) & set(messages.VERSIONS):
            self.close(Close.NO_COMMON_VERSION)
            return False
        self.device = hello.device
        try:
            self._house.admit(self, hello)
        except Refused as refusal:
            _log.info("page_refused", connection=self.id, code=refusal.code)
            self.close(Close.TOO_MANY_MESSAGES if refusal.kind == "full" else Close.NOT_SIGNED_IN)
            return False
        return True

    async def _receive(self) -> Message | None:
        """Return the next message, None when there will be none."""
        while True:
            frame = await self._socket.receive()
            self._heard = self._loop.time()
            if frame.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
                if frame.type is WSMsgType.CLOSE and self._cut is None and not self._transport.is_closing():
                    self._transport.write(frames.close(0))
                return None
            if self._cut is not None:
                continue  # we close already: what still comes is not heard
            if not self._bucket.take(1 + len(frame.data) / 4096, self._heard):
                self.close(Close.TOO_MANY_MESSAGES)
            elif frame.type is WSMsgType.PING:
                self.write(frames.pong(frame.data))
            elif frame.type is WSMsgType.BINARY:
                self.close(Close.NOT_UNDERSTOOD)
            elif frame.type is WSMsgType.TEXT:
                message = self._decode(frame.data)
                if message is not None:
                    return message

    def _decode(self, data: bytes) -> Message | None:
        try:
            return messages.decode(data)
        except messages.NotUnderstood:
            self.close(Close.NOT_UNDERSTOOD)
        except messages.Strange as strange:
            if strange.id:
                self.send(messages.Refusal(strange.id, strange.code, detail=str(strange)))
        return None

    async def _handle(self, message: Message) -> None:
        match message:
            case messages.Watch(topic=topic):
                self._house.watch(self, topic)
            case messages.Unwatch(topic=topic):
                self._house.unwatch(self, topic)
            case messages.Do():
                await self._begin(self._answering(message.id, self._do(message)))
            case messages.Offer():
                await self._begin(self._answering(message.id, self._offer(message)))
            case messages.Hangup():
                await self._begin(self._hangup())
            case messages.Quality():
                self._house.door.quality(self, message.rtt_ms, message.lines)
            case messages.Sizes():
                self._house.door.see(self, message.connection, message.lines)
            case messages.Ping(at=at):
                self.send(messages.Pong(at, self._house.now_us()))
            case Hello():
                self.close(Close.NOT_UNDERSTOOD)

    async def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside reading on. It is done to its end even when the page goes meanwhile."""
        await self._in_hand.acquire()
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._in_hand.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("message_failed", connection=self.id, exc_info=error)

    async def _answering(self, identifier: str, work: Coroutine[Any, Any, Reply]) -> None:
        try:
            self.send(await work)
        except Refused as refusal:
            self.send(messages.Refusal(identifier, refusal.code, refusal.field, str(refusal)))
        except Exception:  # so broad, because the page waits for an answer to each of its messages
            _log.exception("message_failed", connection=self.id)
            self.send(messages.Refusal(identifier, "internal", detail="the server met a fault; its log tells more"))

    async def _do(self, message: messages.Do) -> Reply:
        spec = self._house.spec(message.name)
        origin = Origin(self.ip, self.device, self._house.unit_of(self.actor.person))
        return messages.Done(message.id, await self._house.act(decoded(spec, message.params), self.actor, origin))

    async def _offer(self, message: messages.Offer) -> Reply:
        async with self._offering:
            try:
                sdp, lines = await self._house.door.offer(self, message)
            finally:
                if self._left:
                    self._house.door.hangup(self)
            return messages.Answer(message.id, sdp, list(lines))

    async def _hangup(self) -> None:
        async with self._offering:
            self._house.door.hangup(self)


def decoded(spec: Spec, params: msgspec.Raw) -> Act:
    """Return an act from its values. Raises Invalid."""
    try:
        return msgspec.json.decode(params, type=spec.act)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        found = _FIELD.search(str(error))
        raise Invalid("invalid-value", str(error)[:200], (found[1] or found[2]) if found else "") from error
