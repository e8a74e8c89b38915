"""One port for pages and media: the first bytes say which, however they come, and nothing of them is lost."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
import uvloop
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from signaling.http import listener
from signaling.http.shared import NotMedia, bytes_wanted, ufrag_of
from signaling.ice import stun
from tests.patience import until

CHECK = stun.build_request(
    bytes(12), username=b"ours:theirs", key=b"k" * 22, priority=1, tie_breaker=2, controlling=True, use_candidate=False
)
FRAME = len(CHECK).to_bytes(2, "big") + CHECK
GET = b"GET / HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n"


@asynccontextmanager
async def shared(known: str = "ours") -> AsyncIterator[tuple[int, list[socket.socket]]]:
    """Serve an empty application, and take the media of one peer."""
    taken: list[socket.socket] = []

    def take(connection: socket.socket, ufrag: str) -> bool:
        if ufrag == known:
            taken.append(connection)
        return ufrag == known

    async with listener.listening(web.Application(), "127.0.0.1", 0, media=take) as port:
        yield port, taken
    for connection in taken:
        connection.close()


async def read_all(port: int, *pieces: bytes) -> bytes:
    """Send pieces, each on its own, and read until the node closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


@given(st.binary(min_size=1, max_size=40))
def test_what_begins_a_check_is_nothing_else(head: bytes) -> None:
    try:
        wanted = bytes_wanted(head)
    except NotMedia:
        assert not FRAME.startswith(head)
    else:
        assert len(head) < 10 or head[6:10] == FRAME[6:10]
        assert wanted <= 2 + stun.MAX_MESSAGE_BYTES


def test_every_beginning_of_a_check_is_waited_for() -> None:
    assert all(bytes_wanted(FRAME[:count]) == (10 if count < 10 else len(FRAME)) for count in range(1, len(FRAME)))
    assert ufrag_of(FRAME) == "ours"


@pytest.mark.parametrize(
    "first", [b"\x16", b"\x16\x03\x01", b"GET", b"PRI * HTTP/2.0", b"\xff", b"\x00\x80\x00\x02" * 3]
)
def test_tls_and_http_and_rubbish_are_no_media(first: bytes) -> None:
    with pytest.raises(NotMedia):
        bytes_wanted(first)


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_pages_and_media_come_in_at_one_port(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def both() -> None:
        async with shared() as (port, taken), aiohttp.ClientSession() as http:
            async with http.get(f"http://127.0.0.1:{port}/") as answer:
                assert answer.status == 404
            assert b" 404 " in await read_all(port, *(bytes([byte]) for byte in GET))
            with socket.create_connection(("127.0.0.1", port)) as peer:
                for byte in FRAME[:-1]:
                    peer.sendall(bytes([byte]))
                    await asyncio.sleep(0)
                assert taken == []
                peer.sendall(FRAME[-1:] + b"more")
                await until("the connection is brought to the plane", lambda: taken)
                await until("all of it is there", lambda: taken[0].recv(4096, socket.MSG_PEEK) == FRAME + b"more")

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(both())


async def test_who_begins_as_media_and_is_nobodys_is_cut_off() -> None:
    async with shared(known="another") as (port, taken):
        assert await read_all(port, FRAME) == b""
        assert await read_all(port, FRAME[:2] + CHECK[:8] + bytes(len(CHECK) - 8)) == b""
        with socket.create_connection(("127.0.0.1", port)) as peer:
            peer.sendall(FRAME[:5])
        assert b" 404 " in await read_all(port, GET)
        assert taken == []


async def test_who_stops_in_the_middle_is_cut_off_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "HANDSHAKE_SECONDS", 0.2)
    async with shared() as (port, taken):
        assert await read_all(port, FRAME[:-1]) == b""
        assert await read_all(port) == b""
        assert taken == []
