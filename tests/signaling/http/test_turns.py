"""Storms of offers: who has left gets no session, who comes too many is told when to come again."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from aiohttp import web

from signaling.http import turns
from signaling.http.listener import listening
from tests.patience import PATIENCE_S, until
from tests.signaling.http.asking import ask, publish, view
from tests.signaling.node import EVERYTHING, Node
from tests.signaling.sdp.samples import raw


def request(kind: str = "whep", source: str = "camera") -> bytes:
    """A viewer's or publisher's POST as bytes."""
    offer = raw("chromium-view" if kind == "whep" else "chromium-publish")
    head = f"POST /{kind}/{source} HTTP/1.1\r\nHost: node\r\nContent-Type: application/sdp\r\n"
    return f"{head}Authorization: Bearer {EVERYTHING}\r\nContent-Length: {len(offer)}\r\n\r\n".encode() + offer


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def storm_of(node: Node, *requests: bytes) -> list[Connection]:
    """Connect for every request, then send them all at once."""
    host, _, port = node.url.removeprefix("http://").partition(":")
    storm = [await asyncio.open_connection(host, int(port)) for _ in requests]
    for (_, writer), said in zip(storm, requests, strict=True):
        writer.write(said)
    return storm


async def heads_of(storm: list[Connection]) -> list[bytes]:
    """Read every answer's head, and hang up."""
    heads = []
    for reader, writer in storm:
        async with asyncio.timeout(PATIENCE_S):
            heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()
    return heads


def status_of(head: bytes) -> int:
    return int(head.split()[1])


async def test_clients_that_left_before_their_turn_get_no_session(node: Node, http: aiohttp.ClientSession) -> None:
    await publish(http)
    storm = await storm_of(node, *[request()] * 60)
    await asyncio.sleep(0)
    for _, writer in storm[20:]:
        writer.transport.abort()
    assert [status_of(head) for head in await heads_of(storm[:20])] == [201] * 20
    # A later offer is answered after all of them.
    assert (await view(http)).status == 201
    assert len(node.exchange.registry.get("camera").viewers) < 40


async def test_offers_beyond_what_can_be_answered_in_time_are_told_when_to_come_again(
    node: Node, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "MOST_WAITING", 5)
    await publish(http)
    heads = await heads_of(await storm_of(node, *[request()] * 50))
    statuses = [status_of(head) for head in heads]
    assert set(statuses) == {201, 503}
    assert [b"Retry-After: 2" in head for head in heads] == [status == 503 for status in statuses]
    assert len(node.exchange.registry.get("camera").viewers) == statuses.count(201)
    assert (await view(http)).status == 201


async def test_viewers_in_every_place_keep_no_publisher_out(
    node: Node, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "MOST_WAITING", 5)
    await publish(http)
    viewers, publishers = [request()] * 50, [request("whip", f"unit-{number}") for number in range(5)]
    statuses = [status_of(head) for head in await heads_of(await storm_of(node, *viewers, *publishers))]
    assert 503 in statuses[:50]
    assert statuses[50:] == [201] * 5


async def test_publishers_go_before_the_viewers_that_wait() -> None:
    queue, gate, order, come = turns.Turns(), asyncio.Event(), list[str](), list[str]()

    async def answer(request: web.Request) -> web.Response:
        name = request.path.removeprefix("/")
        come.append(name)
        async with (queue.of_publisher if name.startswith("publisher") else queue.of_viewer)(request):
            await gate.wait()
            order.append(name)
        return web.Response()

    app = web.Application()
    app.router.add_get("/{name}", answer)
    names = [f"{kind} {number}" for kind in ("viewer", "publisher") for number in range(4)]
    async with (
        listening(app, "127.0.0.1", 0) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http,
        asyncio.TaskGroup() as clients,
    ):
        for count, name in enumerate(names, 1):
            clients.create_task(ask(http, "GET", f"/{name}"))
            await until(f"{name} waits", come.copy, names[:count].__eq__)
        gate.set()
    # The first viewer had its turn when nobody else was there.
    assert order == names[:1] + names[4:] + names[1:4]


async def test_every_refusal_for_want_of_room_says_when_to_come_again(node: Node, http: aiohttp.ClientSession) -> None:
    await node.exchange.close()
    refused = await ask(
        http, "POST", "/whip/camera", data=raw("chromium-publish"), headers={"Content-Type": "application/sdp"}
    )
    assert refused.status == 503 and refused.headers["Retry-After"] == "2"
