"""A page's WebSocket (docs/api.md), no more than a load of thousands needs: what comes is stamped and kept, not read.

The framing (RFC 6455) is the least there can be: our frames are masked with zeros, nothing is compressed, and a
server's frames come whole. Pings are answered.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from functools import lru_cache
from typing import Any, cast

import msgspec

Json = dict[str, Any]

DEADLINE_S = 60.0
_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA
_REQUEST = (
    "GET /api/v1/ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class PageError(Exception):
    """The server refused a page, or closed it."""


class Page(asyncio.Protocol):
    """One page; made by `open_page`."""

    def __init__(self, port: int) -> None:
        self.arrivals: list[tuple[int, bytes]] = []
        """Text messages in order, each with when its last byte was read: CLOCK_MONOTONIC nanoseconds."""
        self.is_closed = False
        self.closed_ns = 0
        """When the server's close was read: CLOCK_MONOTONIC nanoseconds, 0 for never."""
        self.close_code = 0
        self.answers_close = True
        """Whether the line is cut then, as a browser's is; the server cuts it otherwise."""
        self._port = port
        self._transport: asyncio.Transport | None = None
        self._upgraded = False
        self._rest = b""
        self._heard = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(_REQUEST.format(port=self._port).encode())

    def data_received(self, data: bytes) -> None:
        at_ns = time.monotonic_ns()
        data = self._rest + data if self._rest else data
        if not self._upgraded:
            head, found, data = data.partition(b"\r\n\r\n")
            if not found:
                self._rest = head
                return
            if b" 101 " not in head.partition(b"\r\n")[0]:
                self.close()
                return
            self._upgraded = True
        begin = 0
        while (end := _end(data, begin)) is not None:
            payload = data[end[0] : end[1]]
            kind, begin = data[begin] & 0x0F, end[1]
            if kind == _TEXT:
                self.arrivals.append((at_ns, payload))
            elif kind == _PING:
                self._write(_PONG, payload)
            elif kind == _CLOSE:
                self.closed_ns, self.close_code = at_ns, int.from_bytes(payload[:2])
                if self.answers_close:
                    self.close()
        self._rest = data[begin:]
        self._heard.set()

    def connection_lost(self, error: Exception | None) -> None:
        self.is_closed = True
        self._heard.set()

    def say(self, message: Json) -> int:
        """Send a message; return when: CLOCK_MONOTONIC nanoseconds."""
        payload = msgspec.json.encode(message)
        at_ns = time.monotonic_ns()
        self._write(_TEXT, payload)
        return at_ns

    def close(self) -> None:
        """Cut the line."""
        self.is_closed = True
        self._heard.set()
        if self._transport is not None:
            self._transport.abort()

    async def heard(self, count: int) -> None:
        """Wait until so many messages have come in all. Raises PageError."""
        async with asyncio.timeout(DEADLINE_S):
            while len(self.arrivals) < count:
                if self.is_closed:
                    last = self.arrivals[-1][1][:200].decode(errors="replace") if self.arrivals else "nothing"
                    raise PageError(f"closed by the server; the last it said: {last}")
                self._heard.clear()
                await self._heard.wait()

    async def ask(self, message: Json) -> Json:
        """Send a message with an `id`; return the answer. Raises PageError where it was refused."""
        looked = len(self.arrivals)
        self.say(message)
        while True:
            await self.heard(looked + 1)
            answer: Json = msgspec.json.decode(self.arrivals[looked][1])
            looked += 1
            if answer.get("id") != message["id"] or answer["t"] == "state":
                continue
            if answer["t"] == "refused":
                raise PageError(f"{message.get('name', message['t'])}: {answer['code']}: {answer['detail']}")
            return answer

    async def watch(self, topic: str) -> float:
        """Watch a topic; return the milliseconds until its state had come. Raises PageError."""
        looked = len(self.arrivals)
        began_ns = self.say({"t": "watch", "topic": topic})
        while True:
            await self.heard(looked + 1)
            at_ns, text = self.arrivals[looked]
            looked += 1
            message: Json = msgspec.json.decode(text)
            if message.get("topic") == topic:
                if message["t"] == "gone":
                    raise PageError(f"{topic}: {message['code']}")
                return (at_ns - began_ns) / 1e6

    def _write(self, kind: int, payload: bytes) -> None:
        size = len(payload)
        if size < 126:
            head = bytes((0x80 | kind, 0x80 | size))
        elif size < 1 << 16:
            head = bytes((0x80 | kind, 0x80 | 126)) + size.to_bytes(2)
        else:
            head = bytes((0x80 | kind, 0x80 | 127)) + size.to_bytes(8)
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(head + bytes(4) + payload)


async def open_page(port: int, token: str, device: str, topics: list[str]) -> Page:
    """Connect over TLS, say hello, and watch; return when the first state of each topic has come. Raises PageError."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(DEADLINE_S):
        _, page = await loop.create_connection(lambda: Page(port), "127.0.0.1", port, ssl=_tls())
    page.say({"t": "hello", "versions": [1], "token": token, "device": device})
    for topic in topics:
        page.say({"t": "watch", "topic": topic})
    await page.heard(1 + len(topics))
    return page


def _end(data: bytes, begin: int) -> tuple[int, int] | None:
    """Give where the payload of the frame at `begin` begins and ends, None while it is not whole."""
    if len(data) < begin + 2:
        return None
    size, at = data[begin + 1] & 0x7F, begin + 2
    if size == 126:
        size, at = int.from_bytes(data[at : at + 2]), at + 2
    elif size == 127:
        size, at = int.from_bytes(data[at : at + 8]), at + 8
    return (at, at + size) if len(data) >= at + size else None


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    # The authority is the node's own, made a moment ago for the machine's names.
    return ssl._create_unverified_context()
