"""Who asks, and may: one `Identity` for every request. Reads headers, decides nothing.

A request is a signed-in person's (access token), an endpoint's (its own code), or comes with a token of the node.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from aiohttp import web

from config import Token
from config.tokens import Verb
from dispatch.entry import Origin
from dispatch.permissions import Actor, Permissions, Right
from signaling.auth.proofs import Proofs
from signaling.auth.tokens import TokenRefused
from signaling.http.forwarded import HEADER, Network, client_of
from signaling.http.problem import Problem

#: What pages of other origins may ask with, and read: all of the interface but what shows the node's own page.
_METHODS = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
_HEADERS = "Authorization, Content-Type, If-Match, If-None-Match, Range, Huishang-Device"
_EXPOSED = "Location, ETag, Link, Accept-Patch, Retry-After, Content-Disposition, Content-Range"
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="huishang"'}
_RIGHTS: dict[Verb, Right] = {"publish": Right.PUBLISH, "watch": Right.VIEW}
#: Of a browser's description of itself, in entries.
_DEVICE_CHARACTERS = 120

#: Of an application: the networks of the proxies before it.
PROXIES: Final = web.AppKey("proxies", list[Network])

H = TypeVar("H", bound=Callable[..., Awaitable[web.StreamResponse]])


class Identity(Protocol):
    """Who asks. `who` is for the log: `person:id`, `endpoint:id` or `token:name`."""

    @property
    def who(self) -> str: ...

    def allows(self, verb: Verb, source: str) -> bool:
        """Tell whether it may publish or watch a source just now: no more once its sign-in or code has ended."""
        ...


@dataclass(frozen=True, slots=True)
class TokenIdentity:
    """Who holds a token of tokens.toml."""

    token: Token

    @property
    def who(self) -> str:
        return f"token:{self.token.name}"

    def allows(self, verb: Verb, source: str) -> bool:
        return self.token.allows(verb, source)


@dataclass(frozen=True, slots=True)
class EndpointIdentity:
    """A device with its own code: it publishes its own source and sees nothing."""

    endpoint: str
    holds: Callable[[], bool]
    """Whether its code is still the one it showed."""

    @property
    def who(self) -> str:
        return f"endpoint:{self.endpoint}"

    def allows(self, verb: Verb, source: str) -> bool:
        return verb == "publish" and source == self.endpoint and self.holds()


@dataclass(frozen=True, slots=True)
class PersonIdentity:
    """A signed-in person."""

    actor: Actor
    permissions: Permissions
    proofs: Proofs

    @property
    def who(self) -> str:
        return f"person:{self.actor.person}"

    def allows(self, verb: Verb, source: str) -> bool:
        now_us = time.time_ns() // 1000
        lasts = self.proofs.lasts(self.actor, now_us)
        return lasts and self.permissions.may_source(self.actor, _RIGHTS[verb], source, now_us)


class Access:
    """Tells who asks. The node's tokens are kept and compared as digests, so that timing tells nothing of them.

    Without `proofs` and `permissions` there are no people and no endpoints, only tokens.
    """

    def __init__(
        self, tokens: Iterable[Token], proofs: Proofs | None = None, permissions: Permissions | None = None
    ) -> None:
        self._tokens = {_digest(token.secret): TokenIdentity(token) for token in tokens}
        self._proofs = proofs
        self._permissions = permissions

    def identify(self, request: web.Request) -> Identity:
        """Return who asks. Raises Problem when the proof is missing, unknown or run out."""
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            identity = self.of_bearer(secret.strip())
            if identity is not None:
                return identity
        raise Problem("unauthorized", "send Authorization: Bearer TOKEN with a token of this node", _CHALLENGE)

    def of_bearer(self, secret: str) -> Identity | None:
        """Return whose bearer token this is, None for nobody's. Raises Problem when it has run out."""
        token = self._tokens.get(_digest(secret))
        if token is not None or self._proofs is None or self._permissions is None:
            return token
        endpoint = self._proofs.endpoint(secret)
        if endpoint is not None:
            proofs = self._proofs
            return EndpointIdentity(endpoint, lambda: proofs.endpoint(secret) == endpoint)
        try:
            actor = self._proofs.person(secret, time.time_ns() // 1000)
            return PersonIdentity(actor, self._permissions, self._proofs)
        except TokenRefused as refused:
            if refused.is_expired:
                raise Problem("token-expired", "get a new one from /api/v1/session/refresh", _CHALLENGE) from None
            return None

    def require(self, request: web.Request, verb: Verb, source: str) -> Identity:
        """Return who asks. Raises Problem as `identify`, and when it may not do this to the source."""
        identity = self.identify(request)
        if not identity.allows(verb, source):
            raise Problem("forbidden", f"{identity.who.partition(':')[0]} may not {verb} {source}")
        return identity

    def person(self, request: web.Request) -> Actor:
        """Return the signed-in person who asks. Raises Problem as `identify`, and when it is no person."""
        identity = self.identify(request)
        if not isinstance(identity, PersonIdentity):
            raise Problem("person-needed", "sign in by name: a device or a token cannot do this")
        return identity.actor


def address_of(request: web.Request) -> str:
    """Return the address a request comes from, "" when it is gone; IPv4 plainly, also on a socket for both."""
    proxies: list[Network] = request.config_dict.get(PROXIES, [])
    return client_of(request.remote or "", request.headers.getall(HEADER, ()), proxies)


def origin_of(request: web.Request, unit: str = "") -> Origin:
    """Return from where a request comes, for the entries it makes."""
    device = request.headers.get("User-Agent", "")[:_DEVICE_CHARACTERS]
    return Origin(ip=address_of(request), device=device.encode("utf-8", "replace").decode(), unit=unit)


def anybody(why: str) -> Callable[[H], H]:
    """Declare that a handler beside the interface (the page, what only refuses) asks for no proof, and why."""

    def note(handler: H) -> H:
        setattr(handler, _WHY, why)
        return handler

    return note


def reason_of(handler: object) -> str:
    """Return why a handler asks for no proof, "" when it has not declared that."""
    return str(getattr(handler, _WHY, ""))


_WHY: Final = "huishang_anybody"


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
