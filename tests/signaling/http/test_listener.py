"""What a connection of a stranger may hold of the node, seen from the other end."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
import uvloop
from aiohttp import web

from signaling.http import listener
from tests.patience import until
from tests.signaling.node import Node, running_node

#: What the kernel may hold for a peer that does not read. It takes whole segments, and without the bound megabytes.
MOST_UNREAD_BYTES = 2 * listener.UNSENT_BYTES


def port_of(node: Node) -> int:
    return urlsplit(node.url).port or 0


def unread_bytes(server: int, client: int) -> int | None:
    """Return what the kernel holds for the connection of these two ports, None when it has none."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, queues, *_ = line.split()
        if (int(local[-4:], 16), int(remote[-4:], 16), state) == (server, client, "01"):
            return int(queues.partition(":")[0], 16)
    return None


async def never_reads(node: Node) -> int:
    """Ask for megabytes and read nothing until the node has given up; return the most that was held for it."""
    before = asyncio.all_tasks()
    most = 0

    def held() -> int | None:
        nonlocal most
        now = unread_bytes(port_of(node), peer.getsockname()[1])
        most = max(most, now or 0)
        return now

    with socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.connect(("127.0.0.1", port_of(node)))
        peer.sendall(b"GET /js/i18n/zh.js HTTP/1.1\r\nHost: node\r\n\r\n" * 400)
        await until("something waits to be read", held)
        await until("the connection is gone", held, lambda now: now is None)
        await until("nobody serves it", asyncio.all_tasks, before.issuperset)
    return most


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_peer_that_reads_no_answer_holds_little_and_not_for_long(
    monkeypatch: pytest.MonkeyPatch, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    monkeypatch.setattr(listener, "UNREAD_SECONDS", 0.5)

    async def held() -> int:
        async with running_node() as node:
            return await never_reads(node)

    with asyncio.Runner(loop_factory=loop) as runner:
        assert 0 < runner.run(held()) <= MOST_UNREAD_BYTES


async def test_compressed_body_that_nobody_wants_is_thrown_away_as_it_came(node: Node) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(node))
    # Whoever tried to inflate this would find that it cannot be, and end the connection.
    writer.write(
        b"POST /whip/camera HTTP/1.1\r\nHost: node\r\nContent-Type: application/sdp\r\n"
        b"Content-Encoding: deflate\r\nContent-Length: 9\r\n\r\nno zlib!!"
        b"GET /healthz HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n"
    )
    answers = await reader.read()
    writer.close()
    assert re.findall(rb"HTTP/1\.1 (\d+)", answers) == [b"401", b"200"]


async def test_rest_of_a_refused_body_is_waited_for_less_long_than_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "LINGER_SECONDS", 0.1)
    monkeypatch.setattr(listener, "IDLE_SECONDS", 5.0)
    async with running_node() as node, AsyncExitStack() as ends:
        reads = []
        for begun in (b"", b"POST /whip/camera HTTP/1.1\r\nHost: node\r\nContent-Length: 9\r\n\r\nhalf"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(node))
            ends.callback(writer.close)
            writer.write(begun)
            reads.append(asyncio.create_task(reader.read()))
        done, (idle,) = await asyncio.wait(reads, return_when=asyncio.FIRST_COMPLETED)
        idle.cancel()
        assert done == {reads[1]} and b" 401 " in reads[1].result()


@pytest.mark.parametrize(
    ("host", "asked"),
    [("::", ["127.0.0.1", "::1"]), ("0.0.0.0", ["127.0.0.1"]), ("127.0.0.1", ["127.0.0.1"]), ("::1", ["::1"])],
)
async def test_every_address_means_those_of_both_kinds(host: str, asked: list[str]) -> None:
    async with listener.listening(web.Application(), host, 0) as port, aiohttp.ClientSession() as http:
        for address in asked:
            place = f"[{address}]" if ":" in address else address
            async with http.get(f"http://{place}:{port}/") as answer:
                assert answer.status == 404


async def test_port_is_given_back_when_it_cannot_be_served_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            async with listener.listening(web.Application(), "127.0.0.1", port):
                pass
    async with listener.listening(web.Application(), "127.0.0.1", port) as taken:
        assert taken == port
