"""The way in as the node has it: a real coordinator, real hashes (cheap ones), real HTTP on loopback.

Only the journal is a list in memory. The application has the routes of signing in, and one that tells who asks.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any, Final

import aiohttp
import argon2
from aiohttp import web

from config import Token
from dispatch.desk.coordinator import Coordinator
from dispatch.hlc import HybridClock
from dispatch.records import Credential
from dispatch.tables import Tables
from signaling.auth.endpoint import COOKIE, HEADER, SessionEndpoint
from signaling.auth.passwords import Passwords
from signaling.auth.proofs import Proofs
from signaling.auth.signin import SignIn
from signaling.auth.tokens import Key, Tokens
from signaling.auth.watch import Watch
from signaling.http.access import Access
from tests.dispatch.acts.state import CHIEF, OFFICER, peopled
from tests.dispatch.desk.disk import Disk
from tests.signaling.http.asking import Answer, ask, serving

CHEAP: Final = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD: Final = "right-horse-8"
TOKEN: Final = "a-token-of-the-file-1"
KEY: Final = Key(id="k", secret=b"k" * 32, made_us=0)
OWN: Final = {HEADER: "1"}
SESSION: Final = "/api/v1/session"


@dataclass
class Front:
    """What runs, and how the tests speak to it."""

    url: str
    coordinator: Coordinator
    journal: Disk
    passwords: Passwords
    signin: SignIn
    tokens: Tokens
    watch: Watch
    http: aiohttp.ClientSession

    async def ask(
        self, method: str, path: str, body: object = None, *, token: str = "", cookie: str = "", **headers: str
    ) -> Answer:
        """Send JSON, with an access token or a refresh cookie."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if cookie:
            sent["Cookie"] = f"{COOKIE}={cookie}"
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        return await ask(self.http, method, path, data=data, headers=sent)

    async def enter(self, login: str = "officer", password: str = PASSWORD, **headers: str) -> Answer:
        """Sign in by password."""
        return await self.ask("POST", SESSION, {"login": login, "password": password}, **headers)

    async def refresh(self, cookie: str) -> Answer:
        """Get a fresh access token as the page does."""
        return await self.ask("POST", f"{SESSION}/refresh", cookie=cookie, **OWN)

    async def who(self, token: str) -> Answer:
        """Ask who a bearer token makes one."""
        return await self.ask("GET", "/who", token=token)


def token_of(answer: Answer) -> str:
    assert answer.status == 200, (answer.status, answer.body)
    return str(json.loads(answer.body)["token"])


def cookie_of(answer: Answer) -> str:
    """Return the refresh token that an answer sets."""
    jar = SimpleCookie(answer.headers["Set-Cookie"])
    return jar[COOKIE].value


@asynccontextmanager
async def running_front(*, empty: bool = False) -> AsyncIterator[Front]:
    """Run it with the people of `state.peopled`, of whom the officer and the chief have a password; or with nobody."""
    journal, tables = Disk(), Tables()
    if not empty:
        peopled(tables)
        for person in (OFFICER, CHIEF):
            tables.credentials.put(Credential(id=person, secret=CHEAP.hash(PASSWORD), changed_us=1))
        tables.commit()
    async with AsyncExitStack() as ends:
        coordinator = Coordinator(tables, HybridClock(), journal, "node")
        coordinator.start()
        ends.push_async_callback(coordinator.close)
        passwords = Passwords(CHEAP)
        ends.callback(passwords.close)
        tokens = Tokens([KEY], "node")
        signin = SignIn(coordinator, tokens, passwords, "node")
        ends.push_async_callback(signin.close)
        watch = Watch(coordinator)
        watch.start()
        ends.callback(watch.close)
        access = Access(
            [Token(name="file", secret=TOKEN, verbs=("watch",))], Proofs(tables, tokens), coordinator.permissions
        )
        routes = [*SessionEndpoint(signin, access).routes(), web.get("/who", _who(access))]
        url = await ends.enter_async_context(serving(routes))
        jar = aiohttp.DummyCookieJar()
        http = await ends.enter_async_context(aiohttp.ClientSession(url, cookie_jar=jar))
        yield Front(url, coordinator, journal, passwords, signin, tokens, watch, http)


def _who(access: Access) -> Any:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(text=access.identify(request).who)

    return handler
