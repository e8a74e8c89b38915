"""A whole bad way to the server for one unit: a small proxy for its signalling sends its media through a relay.

The proxy changes nothing but the candidates of an answer, so the unit's client is the same as with a good way.
"""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path
from types import TracebackType
from typing import Final

import aiohttp
from aiohttp import web

from huishang.demo.link import Shape
from huishang.demo.relay import UdpRelay
from huishang.demo.way import Address

_FORWARDED_HEADERS: Final = ("Authorization", "Content-Type", "Accept", "If-Match")
_RETURNED_HEADERS: Final = ("Location", "ETag", "Content-Type")
_CANDIDATE: Final = "a=candidate:"


def best_candidate(description: str) -> Address | None:
    """Return the IPv4 UDP candidate of highest priority in an SDP or trickle fragment (RFC 8839), if any."""
    found: dict[Address, int] = {}
    for line in description.splitlines():
        fields = line.removeprefix(_CANDIDATE).split()
        if not line.startswith(_CANDIDATE) or len(fields) < 6 or fields[2].lower() != "udp" or ":" in fields[4]:
            continue
        with contextlib.suppress(ValueError):
            found.setdefault((fields[4], int(fields[5])), int(fields[3]))
    return max(found, key=lambda address: found[address], default=None)


def redirect_candidates(description: str, address: Address) -> str:
    """Return `description` with, per media line, one candidate left: the first, moved to `address`."""
    kept: list[str] = []
    moved = False
    for line in description.splitlines():
        if line.startswith("m="):
            moved = False
        if line.startswith(_CANDIDATE):
            if moved:
                continue
            fields = line.split()
            fields[4:6] = [address[0], str(address[1])]
            line, moved = " ".join(fields), True
        kept.append(line)
    return "\r\n".join(kept) + "\r\n"


class Detour:
    """Use as ``async with Detour(url, ca, shape) as detour`` and let the unit connect to ``detour.url``."""

    def __init__(self, url: str, ca: str | None, shape: Shape) -> None:
        self._upstream = url
        self._tls = ssl.create_default_context(cafile=None)
        if ca is not None:
            self._tls.load_verify_locations(cafile=str(Path(ca)))
        self._shape = shape
        self._relay: UdpRelay | None = None
        self._stack = contextlib.AsyncExitStack()
        self.url = ""
        """Where the unit finds the server; known once entered."""

    @property
    def relay(self) -> UdpRelay | None:
        """The relay that the unit's media takes, None before the first session."""
        return self._relay

    async def __aenter__(self) -> Detour:
        connector = aiohttp.TCPConnector(ssl=self._tls)
        self._http = await self._stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._forward)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _forward(self, request: web.Request) -> web.Response:
        headers = {name: request.headers[name] for name in _FORWARDED_HEADERS if name in request.headers}
        target = self._upstream + request.raw_path
        try:
            async with self._http.request(request.method, target, data=await request.read(), headers=headers) as answer:
                body = await answer.text()
                returned = {name: answer.headers[name] for name in _RETURNED_HEADERS if name in answer.headers}
        except aiohttp.ClientError as error:
            raise web.HTTPBadGateway(text=str(error)) from None
        if _CANDIDATE in body:
            body = await self._redirect(body)
        return web.Response(status=answer.status, body=body.encode(), headers=returned)

    async def _redirect(self, description: str) -> str:
        target = best_candidate(description)
        if target is None:
            return description
        if self._relay is None or self._relay.target != target:
            self._relay = await self._stack.enter_async_context(UdpRelay(target, self._shape))
        return redirect_candidates(description, self._relay.address)
