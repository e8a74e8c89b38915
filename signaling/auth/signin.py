"""Signing in and out: checks what is shown, has the coordinator enter it, makes tokens. Knows nothing of HTTP.

An access token lives ten minutes and is renewed with the refresh token, which is the login's own and stays the same: a
new one each time would sign people out whose answer was lost on a bad line. Neither renewal is an entry.
"""

from __future__ import annotations

import contextlib
import math
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

import structlog

from dispatch import codes
from dispatch.acts import endpoints, people
from dispatch.acts import signin as acts
from dispatch.acts import welcome as welcomes
from dispatch.acts.base import Act
from dispatch.desk.coordinator import Coordinator
from dispatch.entry import Origin
from dispatch.errors import Conflict, Refused, Unknown
from dispatch.permissions import SYSTEM, Actor, Right
from dispatch.records import Login, Person
from signaling.auth.acting import SignedActs
from signaling.auth.attempts import Attempts
from signaling.auth.noting import Noting
from signaling.auth.passwords import Passwords, require_usable
from signaling.auth.refusals import NOBODY
from signaling.auth.tokens import Claims, Tokens
from signaling.http.problem import Problem

_log = structlog.get_logger(__name__)

_LINK = "the link was used, replaced, has run out or never was"
_UNAUTHORIZED = {"WWW-Authenticate": 'Bearer realm="huishang"'}


@dataclass(frozen=True, slots=True)
class Signed:
    """Somebody is signed in. `refresh`: the refresh token where it is new or lasts longer now, or ""."""

    person: Person
    login: Login
    token: str
    token_until_us: int
    refresh: str = ""
    consultation: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A one-time link's code with what was typed beside it; see `dispatch.acts.welcome.Use`."""

    code: str
    password: str = ""
    login: str = ""
    name: str = ""
    organisation: str = ""


class SignIn:
    """The node's way in. `close` at the end."""

    def __init__(self, coordinator: Coordinator, tokens: Tokens, passwords: Passwords, node: str) -> None:
        self._coordinator = coordinator
        self._tables = coordinator.tables
        self._asked = SignedActs(coordinator, coordinator.tables)
        self._tokens = tokens
        self._passwords = passwords
        self._attempts = Attempts()
        self._noting = Noting(coordinator)
        self._node = node

    async def close(self) -> None:
        """Write what was counted of refusals; to be called before the coordinator ends."""
        await self._noting.close()

    async def by_password(self, login: str, password: str, origin: Origin) -> Signed:
        """Sign in. Raises Problem, the same one whichever of the two was wrong; Refused when the node cannot."""
        name = welcomes.login_name(login)
        with self._attempt(name, origin):
            person = self._person_of(name)
            kept = self._kept(person) if person is not None else ""
            if not await self._passwords.check(kept, password) or person is None:
                self._refuse(person, origin)
            secret = secrets.token_urlsafe(codes.SECRET_BYTES)
            digest = codes.digest(secret)
            act = acts.Begin(person=person.id, secret=digest, credential=kept, ip=origin.ip, device=origin.device)
            try:
                identifier = await self._act(act, origin)
            except (Conflict, Unknown):
                # Disabled, removed, or given another password while this one was checked.
                self._refuse(person, origin)
        await self._strengthen(person.id, kept, password, origin)
        return self._signed(identifier, codes.join(identifier, secret))

    async def by_welcome(self, shown: Shown, origin: Origin) -> Signed:
        """Sign in by a one-time link. Raises Problem; Refused when what was typed beside it cannot be used."""
        identifier, secret = codes.split(shown.code) or ("", "")
        with self._attempt(f"welcome:{identifier}", origin):
            link = welcomes.usable(self._tables, identifier, secret, _now_us())
            if link is None:
                self._refuse(None, origin, "welcome-unknown", _LINK)
        password = ""
        if shown.password or not link.person:
            person = self._tables.people.find(link.person)
            require_usable(shown.password, person.login if person else welcomes.login_name(shown.login))
            password = await self._passwords.hash(shown.password)
        refresh = secrets.token_urlsafe(codes.SECRET_BYTES)
        use = welcomes.Use(
            welcome=identifier,
            code=secret,
            secret=codes.digest(refresh),
            password=password,
            login=shown.login,
            name=shown.name,
            organisation=shown.organisation or self._node,
            ip=origin.ip,
            device=origin.device,
        )
        try:
            login = await self._act(use, origin)
        except Unknown:
            # Somebody was quicker.
            self._refuse(None, origin, "welcome-unknown", _LINK)
        return self._signed(login, codes.join(login, refresh), link.consultation)

    async def refresh(self, code: str, origin: Origin) -> Signed:
        """Give a fresh access token for a refresh token. Raises Problem when its login is over."""
        login = self._login_of(code)
        if login is None:
            raise Problem("session-over", "sign in again", _UNAUTHORIZED)
        longer = acts.may_renew(login, _now_us())
        if longer:
            try:
                await self._act(acts.Renew(login=login.id), origin)
            except (Conflict, Unknown):
                raise Problem("session-over", "sign in again", _UNAUTHORIZED) from None
        return self._signed(login.id, code if longer else "")

    async def out(self, code: str, origin: Origin) -> None:
        """End the login of a refresh token; of no effect when it proves nothing."""
        login = self._login_of(code)
        if login is not None:
            with contextlib.suppress(Unknown):  # ended meanwhile
                await self._coordinator.act(acts.End(login=login.id), Actor(login.person, login.id), origin)

    async def change_password(self, actor: Actor, old: str, new: str, origin: Origin) -> None:
        """Give the acting person another password and end its other logins. Raises Problem, Refused.

        Who came by a one-time link and never had a password shows none.
        """
        person = self._tables.people.get(actor.person)
        with self._attempt(person.login, origin):
            kept = self._kept(person)
            if kept and not await self._passwords.check(kept, old):
                self._noting.note(person.id, origin)
                raise Problem("password-wrong", "the old password is another")
        await self.set_password(actor, person.id, new, origin)

    async def set_password(self, actor: Actor, person: str, new: str, origin: Origin) -> None:
        """Give a person another password and end its other logins. Raises Refused.

        Asks for no old one: for one's own use `change_password`.
        """
        record = self._tables.people.get(person)
        if person != actor.person:
            # The act asks too, for more than this: but hashes are few, and whoever waits to sign in needs them.
            self._coordinator.permissions.require(actor, Right.ADMIN, f"person:{person}", _now_us())
        require_usable(new, record.login)
        secret = await self._passwords.hash(new)
        await self._asked.act(people.Password(person=person, secret=secret), actor, origin)

    async def set_credential(self, actor: Actor, endpoint: str, origin: Origin) -> str:
        """Give an endpoint a new code, which is kept nowhere; the old one ends. Raises Refused."""
        secret = secrets.token_urlsafe(codes.SECRET_BYTES)
        await self._asked.act(endpoints.Credential(endpoint=endpoint, secret=codes.digest(secret)), actor, origin)
        return codes.join(endpoint, secret)

    async def invite(self, actor: Actor, person: str, consultation: str, hours: int, origin: Origin) -> str:
        """Make a one-time link; return its code, which is kept nowhere. Raises Refused."""
        secret = secrets.token_urlsafe(codes.SECRET_BYTES)
        act = welcomes.Create(person=person, consultation=consultation, secret=codes.digest(secret), hours=hours)
        return codes.join(await self._asked.act(act, actor, origin), secret)

    async def first_code(self) -> str | None:
        """Return a fresh code for the first administrator, None when there is one. To be called at each start."""
        if welcomes.has_administrator(self._tables, _now_us()):
            return None
        return await self.invite(SYSTEM, "", "", 24, Origin())

    def _signed(self, identifier: str, refresh: str, consultation: str = "") -> Signed:
        login = acts.lasting(self._tables, identifier, _now_us())
        if login is None:
            raise Problem("session-over", "it was ended at this very moment", _UNAUTHORIZED)
        person = self._tables.people.get(login.person)
        token, until_us = self._tokens.issue(Claims(person.id, login.id), _now_us())
        return Signed(person, login, token, until_us, refresh, consultation)

    def _login_of(self, code: str) -> Login | None:
        parts = codes.split(code)
        login = acts.lasting(self._tables, parts[0], _now_us()) if parts else None
        proved = codes.matches(parts[1] if parts else "", login.secret if login else "-")
        return login if proved else None

    def _person_of(self, name: str) -> Person | None:
        identifier = self._tables.person_of_login.first(name) if name else None
        return self._tables.people.find(identifier) if identifier else None

    def _kept(self, person: Person) -> str:
        credential = self._tables.credentials.find(person.id)
        return credential.secret if credential else ""

    @contextlib.contextmanager
    def _attempt(self, login: str, origin: Origin) -> Iterator[None]:
        """Charge an attempt, unless it ends well or the node cannot make it. Raises Problem when one has to wait."""
        attempt = self._attempts.admit(login, origin.ip, time.monotonic())
        if attempt.wait_s > 0:
            seconds = math.ceil(attempt.wait_s)
            raise Problem("too-many-attempts", f"wait {seconds} s", {"Retry-After": str(seconds)})
        try:
            yield
        except Refused:
            self._attempts.withdraw(attempt)
            raise
        self._attempts.succeeded(attempt)

    def _refuse(
        self, person: Person | None, origin: Origin, code: str = "signin-refused", detail: str = "no such sign-in"
    ) -> NoReturn:
        self._noting.note(person.id if person else NOBODY, origin)
        raise Problem(code, detail, _UNAUTHORIZED)

    async def _strengthen(self, person: str, kept: str, password: str, origin: Origin) -> None:
        """Keep a password under the parameters of today; signing in does not fail when that fails."""
        if not self._passwords.is_outdated(kept):
            return
        try:
            secret = await self._passwords.hash(password)
            await self._act(acts.Rehash(person=person, secret=secret, credential=kept), origin)
        except Refused as refusal:
            _log.warning("password_not_rehashed", person=person, reason=refusal.code)

    async def _act(self, act: Act, origin: Origin) -> str:
        return await self._coordinator.act(act, SYSTEM, origin)


def _now_us() -> int:
    return time.time_ns() // 1000
