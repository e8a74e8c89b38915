"""The node's web application: page, API, WHIP and WHEP behind common middleware."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Middleware

from dispatch.desk.ports import Doing
from signaling.http.access import PROXIES, Access, anybody, cross_origin
from signaling.http.api import SourcesEndpoint
from signaling.http.problem import problems
from signaling.http.whip import WhipEndpoint
from signaling.ice.turn import NO_TURN, Turn
from signaling.webrtc.exchange import Exchange

#: Of bodies that no handler bounds itself.
MAX_BODY_BYTES = 1 << 20

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "media-src 'self' blob: mediastream:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self)",
    "Cache-Control": "no-cache",
}
#: What the page asks for the language of its words.
_LANGUAGE = re.compile(r'(<html\b[^>]*?\blang=)"[^"]*"')
_PAGE_PARTS = (".html", ".css", ".js", ".svg", ".png", ".ico", ".webmanifest")


def make_app(
    exchange: Exchange,
    access: Access,
    page: Path,
    doors: Iterable[web.RouteDef] = (),
    doing: Doing | None = None,
    *,
    outermost: Iterable[Middleware] = (),
    max_sdp_bytes: int,
    origins: Iterable[str],
    language: str,
    proxies: Iterable[str] = (),
    turn: Turn = NO_TURN,
) -> tuple[web.Application, SourcesEndpoint]:
    """Return the application, and the endpoint whose `sample` wants to be called every second.

    `doors` are the routes of everything but media and the page's files. `doing` does the acts that stopping a source
    is, where there is a timeline.
    `language` is that of the page until a visitor chooses, as `lang` of its markup. `proxies` are the networks of
    those before the node. `turn` is told to WHIP and WHEP clients.
    """
    middlewares = [*outermost, cross_origin(origins), _headers, problems]
    app = web.Application(middlewares=middlewares, client_max_size=MAX_BODY_BYTES)
    app[PROXIES] = [ipaddress.ip_network(network) for network in proxies]
    sources = SourcesEndpoint(exchange, access, doing)
    app.add_routes(WhipEndpoint(exchange, access, max_sdp_bytes, turn).routes())
    app.add_routes(sources.routes())
    front = _page(page / "index.html", language)
    app.add_routes([*doors, web.get("/", front), web.get("/index.html", front)])
    app.add_routes([web.get("/{path:.+}", _static(page))])
    return app, sources


def _page(path: Path, language: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    markup = _LANGUAGE.sub(rf'\g<1>"{language}"', path.read_text(encoding="utf-8"), count=1)

    @anybody("the page is the same for all")
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(text=markup, content_type="text/html")

    return handler


def _static(root: Path) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    base = root.resolve()

    @anybody("the page is the same for all")
    async def handler(request: web.Request) -> web.StreamResponse:
        try:
            path = (base / request.match_info["path"]).resolve()
            found = path.is_relative_to(base) and path.suffix in _PAGE_PARTS and path.is_file()
        except (OSError, ValueError):
            # A name that no file can have: too long, or with a null character.
            found = False
        if not found:
            raise web.HTTPNotFound
        return web.FileResponse(path)

    return handler


@web.middleware
async def _headers(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    response = await handler(request)
    for name, value in _PAGE_HEADERS.items():
        response.headers.setdefault(name, value)
    return response
