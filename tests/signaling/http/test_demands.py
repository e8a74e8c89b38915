"""Every route says what it demands, and demands it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import get_args

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

import console
from signaling.auth.endpoint import SessionEndpoint
from signaling.auth.signin import SignIn
from signaling.http.access import Access, Demand, declared_by, declares
from signaling.http.app import make_app
from signaling.http.listener import listening
from signaling.webrtc.exchange import Exchange
from tests.signaling.auth.front import Front, running_front
from tests.signaling.http.asking import ask, problem
from tests.signaling.node import MAX_SDP_BYTES, TOKENS, Node


def undeclared(routes: list[web.AbstractRoute]) -> list[str]:
    """Give the routes that have not declared what they demand."""
    return [
        f"{route.method} {route.resource.canonical if route.resource else route}"
        for route in routes
        if declared_by(route.handler) is None
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
    for route in routes:
        declared = declared_by(route.handler)
        assert declared is not None and declared.demand in get_args(Demand)
        assert (declared.demand == "anybody") is bool(declared.why), route


def test_check_sees_a_route_that_has_not() -> None:
    async def silent(request: web.Request) -> web.Response:
        return web.Response()

    @declares("watch")
    async def speaks(request: web.Request) -> web.Response:
        return web.Response()

    class Endpoint:
        @declares("signed-in")
        async def method(self, request: web.Request) -> web.Response:
            return web.Response()

    app = web.Application()
    handlers: list[Callable[[web.Request], object]] = [silent, speaks, Endpoint().method]
    for number, handler in enumerate(handlers):
        app.router.add_post(f"/{number}", handler)  # type: ignore[arg-type]
    assert undeclared(list(app.router.routes())) == ["POST /0"]
    with pytest.raises(AssertionError):
        declares("anybody")


async def test_route_that_demands_something_refuses_who_shows_nothing(node: Node, front: Front) -> None:
    app = whole_app(node.exchange, front.signin)
    routes = list(app.router.routes())
    async with listening(app, "127.0.0.1", 0) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as stranger:
        asked = 0
        for route in routes:
            declared = declared_by(route.handler)
            assert declared is not None and route.resource is not None
            if declared.demand == "anybody" or route.method == "HEAD":
                continue
            path = route.resource.canonical.replace("{", "").replace("}", "")
            assert problem(await ask(stranger, route.method, path), 401) == "unauthorized", path
            asked += 1
    assert asked >= 12
