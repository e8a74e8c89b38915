"""Storms of offers: who has left gets no session, who comes too many is told when to come again."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from signaling.http import turns
from tests.signaling.http.asking import ask, publish, view
from tests.signaling.node import EVERYTHING, Node
from tests.signaling.sdp.samples import raw


def request(source: str = "camera") -> bytes:
    """A viewer's POST as bytes."""
    offer = raw("chromium-view")
    head = f"POST /whep/{source} HTTP/1.1\r\nHost: node\r\nContent-Type: application/sdp\r\n"
    return f"{head}Authorization: Bearer {EVERYTHING}\r\nContent-Length: {len(offer)}\r\n\r\n".encode() + offer


async def connections(node: Node, count: int) -> list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, _, port = node.url.removeprefix("http://").partition(":")
    return [await asyncio.open_connection(host, int(port)) for _ in range(count)]


async def test_clients_that_left_before_their_turn_get_no_session(node: Node, http: aiohttp.ClientSession) -> None:
    await publish(http)
    storm = await connections(node, 60)
    for _, writer in storm:
        writer.write(request())
    await asyncio.sleep(0)
    for _, writer in storm[20:]:
        writer.transport.abort()
    for reader, writer in storm[:20]:
        async with asyncio.timeout(10):
            assert (await reader.readline()).split()[1] == b"201"
        writer.close()
    # A later offer is answered after all of them.
    assert (await view(http)).status == 201
    assert len(node.exchange.registry.get("camera").viewers) < 40


async def test_offers_beyond_what_can_be_answered_in_time_are_told_when_to_come_again(
    node: Node, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "MOST_WAITING", 5)
    await publish(http)
    storm = await connections(node, 50)
    for _, writer in storm:
        writer.write(request())
    statuses = []
    for reader, writer in storm:
        async with asyncio.timeout(10):
            head = await reader.readuntil(b"\r\n\r\n")
        statuses.append(int(head.split()[1]))
        assert (b"Retry-After: 2" in head) == (statuses[-1] == 503)
        writer.close()
    assert set(statuses) == {201, 503}
    assert len(node.exchange.registry.get("camera").viewers) == statuses.count(201)
    assert (await view(http)).status == 201


async def test_every_refusal_for_want_of_room_says_when_to_come_again(node: Node, http: aiohttp.ClientSession) -> None:
    await node.exchange.close()
    refused = await ask(
        http, "POST", "/whip/camera", data=raw("chromium-publish"), headers={"Content-Type": "application/sdp"}
    )
    assert refused.status == 503 and refused.headers["Retry-After"] == "2"
