"""Every route says what it demands, and demands it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest_asyncio
from aiohttp import web

import console
from signaling.auth.endpoint import SessionEndpoint
from signaling.auth.signin import SignIn
from signaling.http.access import Access, anybody, reason_of
from signaling.http.app import make_app
from signaling.http.described import MEDIA
from signaling.http.listener import listening
from signaling.http.operation import operation_of
from signaling.webrtc.exchange import Exchange
from tests.signaling.auth.front import Front, running_front
from tests.signaling.http.asking import ask, problem
from tests.signaling.node import MAX_SDP_BYTES, TOKENS, Node


def undeclared(routes: list[web.AbstractRoute]) -> list[str]:
    """Give the routes that were made from no operation and have no reason why anybody may ask them."""
    return [
        f"{route.method} {route.resource.canonical if route.resource else route}"
        for route in routes
        if operation_of(route.handler) is None and not reason_of(route.handler)
    ]


def whole_app(exchange: Exchange, signin: SignIn) -> web.Application:
    """Give the application with everything in it."""
    access = Access(TOKENS)
    app, _ = make_app(exchange, access, console.STATIC, max_sdp_bytes=MAX_SDP_BYTES, origins=[], language="zh-CN")
    app.add_routes(SessionEndpoint(signin, access).routes())
    return app


@pytest_asyncio.fixture
async def front() -> AsyncIterator[Front]:
    async with running_front() as front:
        yield front


async def test_every_route_declares_what_it_demands(node: Node, front: Front) -> None:
    routes = list(whole_app(node.exchange, front.signin).router.routes())
    assert len(routes) > 20 and undeclared(routes) == []
    operations = [operation_of(route.handler) for route in routes]
    assert all(item is None or item.right is not None or item.why for item in operations)


def test_check_sees_a_route_that_has_not() -> None:
    async def silent(request: web.Request) -> web.Response:
        return web.Response()

    @anybody("it tells nothing")
    async def speaks(request: web.Request) -> web.Response:
        return web.Response()

    class Endpoint:
        async def method(self, request: web.Request) -> web.Response:
            return web.Response()

    app = web.Application()
    app.add_routes([web.post("/0", silent), web.post("/1", speaks), MEDIA["whip.offer"].route(Endpoint().method)])
    assert undeclared(list(app.router.routes())) == ["POST /0"]


async def test_route_that_demands_something_refuses_who_shows_nothing(node: Node, front: Front) -> None:
    app = whole_app(node.exchange, front.signin)
    routes = list(app.router.routes())
    async with listening(app, "127.0.0.1", 0) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as stranger:
        asked = 0
        for route in routes:
            operation = operation_of(route.handler)
            assert route.resource is not None
            if operation is None or not operation.signed_in or route.method == "HEAD":
                continue
            path = route.resource.canonical.replace("{", "").replace("}", "")
            assert problem(await ask(stranger, route.method, path), 401) == "unauthorized", path
            asked += 1
    assert asked >= 12
