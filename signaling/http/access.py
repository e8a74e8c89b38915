"""Who may: bearer tokens (RFC 6750) and origins (CORS). Reads headers; decides by the token table it is given."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web

from config import Token
from config.tokens import Verb
from signaling.http.problem import Problem

_METHODS = "GET, POST, PATCH, DELETE, OPTIONS"
_HEADERS = "Authorization, Content-Type, If-Match"
_EXPOSED = "Location, ETag, Link, Accept-Patch, Retry-After"


class Access:
    """The tokens of the node. They are kept and compared as digests, so that timing tells nothing of them."""

    def __init__(self, tokens: Iterable[Token]) -> None:
        self._tokens = {_digest(token.secret): token for token in tokens}

    def identify(self, request: web.Request) -> Token:
        """Return the request's token. Raises Problem when it is missing or unknown."""
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        token = self._tokens.get(_digest(secret.strip())) if scheme.lower() == "bearer" else None
        if token is None:
            detail = "send Authorization: Bearer TOKEN with a token of this node"
            raise Problem("unauthorized", detail, {"WWW-Authenticate": 'Bearer realm="huishang"'})
        return token

    def require(self, request: web.Request, verb: Verb, source: str) -> Token:
        """Return the request's token. Raises Problem as `identify`, and when it does not cover the verb."""
        token = self.identify(request)
        if not token.allows(verb, source):
            raise Problem("forbidden", f"this token does not allow {verb} of {source}")
        return token


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def cross_origin(allowed: Iterable[str]) -> Callable[..., Awaitable[web.StreamResponse]]:
    """Return the middleware that lets pages of other origins call (RFC 9725 section 4.6)."""
    origins = frozenset(allowed)

    @web.middleware
    async def middleware(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        known = origin is not None and ("*" in origins or origin in origins)
        response = await handler(request)
        preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        if preflight and response.status >= 400:
            response = web.Response(status=204)
        if known and origin is not None:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Allow-Methods"] = _METHODS
            response.headers["Access-Control-Allow-Headers"] = _HEADERS
            response.headers["Access-Control-Expose-Headers"] = _EXPOSED
            response.headers["Access-Control-Max-Age"] = "600"
        response.headers.add("Vary", "Origin")
        return response

    return middleware
