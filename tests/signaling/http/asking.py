"""Requests of the tests, and what an answer must look like."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from aiohttp import web

from signaling.http.listener import listening
from signaling.http.problem import problems
from tests.signaling.sdp.samples import raw

SDP: Final = {"Content-Type": "application/sdp"}
FRAGMENT: Final = {"Content-Type": "application/trickle-ice-sdpfrag"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def location(self) -> str:
        return self.headers["Location"]


@asynccontextmanager
async def serving(routes: Iterable[web.RouteDef], *counting: Any) -> AsyncIterator[str]:
    """Serve routes on loopback, `counting` middlewares before the one for problems; gives the base of their URLs."""
    app = web.Application(middlewares=[*counting, problems])
    app.add_routes(routes)
    async with listening(app, "127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}"


async def ask(http: aiohttp.ClientSession, method: str, path: str, **more: Any) -> Answer:
    """Send a request and read the answer."""
    async with http.request(method, path, **more) as response:
        return Answer(response.status, response.headers, await response.read())


def problem(answer: Answer, status: int) -> str:
    """Assert that the answer is problem details (RFC 9457) of this status; return its code."""
    assert answer.status == status, (answer.status, answer.body[:500])
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    body = json.loads(answer.body)
    assert body["status"] == status and body["title"] and body["detail"]
    assert body["type"] == f"urn:huishang:problem:{body['code']}"
    return str(body["code"])


async def publish(http: aiohttp.ClientSession, source: str = "camera", offer: bytes | None = None) -> Answer:
    """Offer to publish as Chromium does; media never comes."""
    return await ask(http, "POST", f"/whip/{source}", data=offer or raw("chromium-publish"), headers=SDP)


async def view(http: aiohttp.ClientSession, source: str = "camera", offer: bytes | None = None) -> Answer:
    """Offer to view as Chromium does."""
    return await ask(http, "POST", f"/whep/{source}", data=offer or raw("chromium-view"), headers=SDP)


def attribute(sdp: bytes, name: str) -> str:
    """Return the first value of an attribute."""
    found = re.search(rf"^a={name}:(.*?)\r?$", sdp.decode(), re.MULTILINE)
    assert found, f"no a={name} in {sdp.decode()}"
    return found[1]
