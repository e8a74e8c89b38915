"""Signing in over HTTP: `/api/v1/session` and one-time links. Translates; `signin` decides.

The refresh token is in a cookie that scripts cannot read and that goes to these addresses only; the access token is in
the answer's body, for the page to keep in memory and send with each request. So the cookie alone gives another site
nothing, and a request that relies on it must show besides that it is not from one.
"""

from __future__ import annotations

import time
from typing import Final
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from signaling.auth import operations
from signaling.auth.signin import Shown, Signed, SignIn
from signaling.http.access import Access, origin_of
from signaling.http.body import read_json
from signaling.http.problem import Problem

PATH: Final = "/api/v1/session"
#: The prefix has browsers refuse it when it was not set over TLS.
COOKIE: Final = "__Secure-huishang-session"
#: Another site's page can send it only when we allow that, which we do not.
HEADER: Final = "X-Huishang"
MAX_BODY_BYTES: Final = 4_096


class SessionEndpoint:
    """The handlers of `/api/v1/session`, and of what makes secrets for others: links, passwords, devices' codes.

    The acts behind the latter take a hash or digest, which no page may choose, so they have no other way in.
    """

    def __init__(self, signin: SignIn, access: Access) -> None:
        self._signin = signin
        self._access = access

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to an application."""
        return [
            operations.BEGIN.route(self._begin),
            operations.REFRESH.route(self._refresh),
            operations.END.route(self._end),
            operations.CHANGE_PASSWORD.route(self._password),
            operations.INVITE.route(self._invite),
            operations.SET_PASSWORD.route(self._set_password),
            operations.SET_CREDENTIAL.route(self._set_credential),
        ]

    async def _begin(self, request: web.Request) -> web.Response:
        _refuse_foreign(request)
        form = await read_json(request, operations.SignInForm, MAX_BODY_BYTES)
        origin = origin_of(request)
        if form.welcome:
            shown = Shown(form.welcome, form.password, form.login, form.name, form.organisation)
            return _answer(await self._signin.by_welcome(shown, origin))
        return _answer(await self._signin.by_password(form.login, form.password, origin))

    async def _refresh(self, request: web.Request) -> web.Response:
        _require_own(request)
        return _answer(await self._signin.refresh(request.cookies.get(COOKIE, ""), origin_of(request)))

    async def _end(self, request: web.Request) -> web.Response:
        _require_own(request)
        await self._signin.out(request.cookies.get(COOKIE, ""), origin_of(request))
        response = web.Response(status=204)
        response.del_cookie(COOKIE, path=PATH, secure=True, httponly=True, samesite="Strict")
        return response

    async def _password(self, request: web.Request) -> web.Response:
        actor = self._access.person(request)
        form = await read_json(request, operations.ChangeForm, MAX_BODY_BYTES)
        await self._signin.change_password(actor, form.old, form.new, origin_of(request))
        return web.Response(status=204)

    async def _invite(self, request: web.Request) -> web.Response:
        actor = self._access.person(request)
        form = await read_json(request, operations.InviteForm, MAX_BODY_BYTES)
        code = await self._signin.invite(actor, form.person, form.consultation, form.hours, origin_of(request))
        return _json({"welcome": code}, 201)

    async def _set_password(self, request: web.Request) -> web.Response:
        actor, person = self._access.person(request), request.match_info["person"]
        if person == actor.person:
            raise Problem("password-own", f"change your own at {PATH}/password, with the old one")
        form = await read_json(request, operations.PasswordForm, MAX_BODY_BYTES)
        await self._signin.set_password(actor, person, form.password, origin_of(request))
        return web.Response(status=204)

    async def _set_credential(self, request: web.Request) -> web.Response:
        actor = self._access.person(request)
        code = await self._signin.set_credential(actor, request.match_info["endpoint"], origin_of(request))
        return _json({"credential": code}, 201)


def welcome_link(base_url: str, code: str) -> str:
    """Return the link of a one-time code. Behind `#`, so that it reaches no server's log and no referrer."""
    return f"{base_url.rstrip('/')}/#welcome={code}"


def _answer(signed: Signed) -> web.Response:
    person = signed.person
    response = _json(
        {
            "token": signed.token,
            "expires_us": signed.token_until_us,
            "login": signed.login.id,
            "login_until_us": signed.login.until_us,
            "person": {"id": person.id, "name": person.name, "login": person.login, "unit": person.unit},
            "consultation": signed.consultation,
        }
    )
    if signed.refresh:
        lasts_s = max(0, (signed.login.until_us - time.time_ns() // 1000) // 1_000_000)
        response.set_cookie(
            COOKIE, signed.refresh, path=PATH, max_age=lasts_s, secure=True, httponly=True, samesite="Strict"
        )
    return response


def _json(fields: dict[str, object], status: int = 200) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    body = msgspec.json.encode(fields)
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)


def _refuse_foreign(request: web.Request) -> bool:
    """Raise Problem when the browser says that another site's page asks; tell whether it says that ours does."""
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None:
        # No page can set this one, and unlike the other it is right behind a proxy that changes the host.
        is_own = site == "same-origin"
    elif origin is not None:
        is_own = urlsplit(origin).netloc.lower() == request.host.lower()
    else:
        return False
    if not is_own:
        raise Problem("origin-foreign", "only the node's own page may do this")
    return True


def _require_own(request: web.Request) -> None:
    """Raise Problem unless the request shows that no other site's page made it."""
    if not _refuse_foreign(request) and request.headers.get(HEADER) != "1":
        raise Problem("origin-foreign", f"send {HEADER}: 1")
