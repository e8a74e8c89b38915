"""Strangers at the server's ports while others watch: nobody notices."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import sys
from contextlib import ExitStack
from functools import partial
from operator import le, lt

import pytest
from playwright.async_api import Browser

from benchmarks import shapes
from benchmarks.load.dial import check
from benchmarks.peers.huishang import Huishang
from benchmarks.traffic import received_by, sent_by
from signaling.client.session import remote_parameters
from tests.patience import until
from tests.peers.browser import PeerPage, open_page
from tests.peers.programs import running
from tests.peers.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="package")
FORGED_A_SECOND = 8_000
FORGED = 2 * FORGED_A_SECOND


async def frames(page: PeerPage, viewer: str) -> int:
    return int((await page.stats(viewer, "inbound-rtp", "video"))["framesDecoded"])


async def test_forged_checks_delay_nothing_and_nobody(server: Server, browser: Browser) -> None:
    async with open_page(browser, server) as page:
        await page.publish("flooded", "green", 500)
        viewer = await page.view("flooded")
        await page.shows(viewer, "green")
        user = await page.call("checkUser", viewer)
        before = await page.stats(viewer, "inbound-rtp", "video")
        arguments = ["forged", str(server.media_port), str(FORGED_A_SECOND), str(FORGED), user]
        async with running([sys.executable, "-m", "benchmarks.load.stun_flood", *arguments]) as flood:
            assert await flood.line() == b"begun\n"
            over = asyncio.create_task(flood.line())
            rounds = 0
            while not over.done():
                # While they come: the server answers, and pictures too.
                await until("a live source", lambda: server.state_of("flooded"), "live".__eq__)
                shown = await frames(page, viewer)
                await until("the next picture", lambda: frames(page, viewer), partial(lt, shown))
                rounds += 1
            assert float(await over) >= FORGED / FORGED_A_SECOND and rounds > 0
        after = await page.stats(viewer, "inbound-rtp", "video")
        assert after["packetsLost"] == before["packetsLost"]
        assert (await page.stats(viewer, "transport"))["dtlsState"] == "connected"


def hostile_datagrams(count: int) -> list[bytes]:
    """Return datagrams of every kind the port tells apart, none of them a known peer's."""
    heads = (b"\x00\x01\x00\x08\x21\x12\xa4\x42", b"\x16\xfe\xfd", b"\x80\x60", b"\x80\xc8", b"\xff", b"")
    return [heads[number % len(heads)] + os.urandom(number % 1400) for number in range(count)]


async def test_garbage_at_the_ports_leaves_no_trace(server: Server) -> None:
    lines = len(server.log().splitlines())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        for datagram in hostile_datagrams(600):
            udp.sendto(datagram, ("127.0.0.1", server.media_port))
    trust_anybody = ssl.create_default_context()
    trust_anybody.check_hostname = False
    trust_anybody.verify_mode = ssl.CERT_NONE
    head = b"POST /whip/cut HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + server.token.encode()
    head += b"\r\nContent-Type: application/sdp\r\n"
    torn = head + b"Content-Length: 900\r\n\r\nv=0\r\n"
    for tls, sent in (
        (False, b"GET / HTTP/1.1\r\n\r\n"),
        (False, os.urandom(300)),
        (False, b""),
        (True, os.urandom(300)),
        (True, b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n"),
        (True, b"GET / HTTP/1.1\r\nHost: x\r\nX: \x00\r\n\r\n"),
        (True, b"POST /whip/x HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
        (True, head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
        (True, head + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd"),
        (True, b"\x16\x03\x01"),
        (True, torn),
        (True, b""),
    ):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", server.http_port, ssl=trust_anybody if tls else None
        )
        writer.write(sent)
        if sent != torn:
            await _answer(reader)
        writer.transport.abort()
    assert (await asyncio.to_thread(server.get, "/healthz"))["status"] == "ok"
    assert server.log_from(lines) == []


async def _answer(reader: asyncio.StreamReader) -> None:
    try:
        async with asyncio.timeout(0.2):
            await reader.read(4096)
    except (TimeoutError, OSError):
        return


@pytest.mark.parametrize("heard", [True, False], ids=["of one who is heard", "of one who has said nothing yet"])
async def test_a_forged_check_in_anothers_name_silences_nobody(heard: bool) -> None:
    """A peer with an honest session of its own sends one valid check whose source address is a publisher's."""
    with ExitStack() as stack:
        server = Huishang()
        stack.callback(server.close)
        published = server.publish("source", ["audio"])
        sender, _ = sent_by([published], {"audio": shapes.opus()}, stack)
        receiver = received_by(server.watch("source", 1), stack)

        async def arrives(packets: int) -> None:
            goal = receiver.totals()[0] + packets
            await until("sound", lambda: receiver.totals()[0], partial(le, goal))

        if heard:
            sender.send(True)
            await arrives(5)
        local, accepted = server.ask_to_watch("source")
        thief = check(remote_parameters(accepted.remote).credentials, local, 7)
        # From the publisher's own socket, as one who forges its address would.
        published.path.socket.send(thief)
        sender.send(True)
        await arrives(50)
