"""Strangers at the server's ports while others watch: nobody notices."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import statistics
import sys

import aiohttp
import pytest
from playwright.async_api import Browser

from tests.peers.browser import open_page
from tests.peers.programs import running
from tests.peers.server import Server

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(60)]
FORGED_A_SECOND = 8_000
FLOOD_SECONDS = 4.0


async def answer_times_ms(server: Server, seconds: float) -> list[float]:
    """Ask one kept connection again and again how long a plain answer takes."""
    loop = asyncio.get_running_loop()
    times: list[float] = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as session:
        end = loop.time() + seconds
        while loop.time() < end:
            begun = loop.time()
            async with session.get(f"{server.url}/healthz") as response:
                await response.read()
            times.append((loop.time() - begun) * 1000)
            await asyncio.sleep(0.02)
    return times[1:]


def spread(times: list[float]) -> str:
    return f"{statistics.median(times):.1f} ms (median), {max(times):.1f} ms (most)"


async def test_forged_checks_delay_nothing_and_nobody(server: Server, browser: Browser) -> None:
    async with open_page(browser, server) as page:
        await page.publish("flooded", "green", 500)
        viewer = await page.view("flooded")
        await page.shows(viewer, "green")
        user = await page.call("checkUser", viewer)
        quiet = await answer_times_ms(server, 1.0)
        before = await page.stats(viewer, "inbound-rtp", "video")
        arguments = [str(server.media_port), user, str(FORGED_A_SECOND), str(FLOOD_SECONDS)]
        async with running([sys.executable, "-m", "tests.peers.stun_flood", *arguments]) as flood:
            times = await answer_times_ms(server, FLOOD_SECONDS - 0.5)
            sent = int(await flood.line())
        after = await page.stats(viewer, "inbound-rtp", "video")
        print(f"{sent} forged checks in {FLOOD_SECONDS} s; answers took {spread(times)}, without them {spread(quiet)}")
        assert sent > FORGED_A_SECOND * FLOOD_SECONDS * 0.5
        assert statistics.median(times) < 100
        assert after["framesDecoded"] >= before["framesDecoded"] + 10 * FLOOD_SECONDS
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
    assert (await answer_times_ms(server, 0.3))[-1] < 1000
    assert server.log().splitlines()[lines:] == []


async def _answer(reader: asyncio.StreamReader) -> None:
    try:
        async with asyncio.timeout(0.2):
            await reader.read(4096)
    except (TimeoutError, OSError):
        return
