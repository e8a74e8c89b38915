"""Signing in, and what makes secrets for others, as declarations: the routes of `endpoint` are made from them."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from signaling.http.operation import BASE, JSON, Operation

_BODY: Final = frozenset({408, 413, 415})
_Short = Annotated[str, Meta(max_length=256)]
_Typed = Annotated[str, Meta(max_length=1_024)]


class SignInForm(msgspec.Struct, frozen=True):
    login: _Short = ""
    password: _Typed = ""
    welcome: _Short = ""
    name: _Short = ""
    organisation: _Short = ""


class ChangeForm(msgspec.Struct, frozen=True):
    new: _Typed
    old: _Typed = ""


class InviteForm(msgspec.Struct, frozen=True):
    person: _Short
    consultation: _Short = ""
    hours: int = 24


class PasswordForm(msgspec.Struct, frozen=True):
    password: _Typed


class Oneself(msgspec.Struct, frozen=True):
    """Who is signed in."""

    id: str
    name: str
    login: str
    unit: str


class SignedIn(msgspec.Struct, frozen=True):
    """`token` goes with every request until `expires_us`; `login` is the sign-in, which lasts until `login_until_us`.

    `consultation`: where a one-time link leads, or "".
    """

    token: str
    expires_us: int
    login: str
    login_until_us: int
    person: Oneself
    consultation: str


class WelcomeCode(msgspec.Struct, frozen=True):
    """The code of a one-time link; told once."""

    welcome: str


class CredentialCode(msgspec.Struct, frozen=True):
    """What a device signs in with; told once."""

    credential: str


def _session(name: str, method: str, path: str, summary: str, why: str, **more: Any) -> Operation:
    given = {
        "tag": "session",
        "names_device": False,
        "locates": False,
        "gives": {204: {}},
        "refuses": frozenset[int](),
        **more,
    }
    given["refuses"] |= {401, 403, 503} | (_BODY | {400, 409, 422, 429} if given.get("takes") else frozenset())
    return Operation(name=name, method=method, path=BASE + path, summary=summary, why=why, **given)


_COOKIE: Final = "the cookie of the sign-in is the proof, with Origin or X-Huishang against other sites"
BEGIN: Final = _session(
    "session.begin",
    "POST",
    "/session",
    "Sign in by login and password, or by a one-time link's code",
    "they are the proof",
    takes={JSON: SignInForm},
    gives={200: {JSON: SignedIn}},
    signed_in=False,
)
REFRESH: Final = _session(
    "session.refresh",
    "POST",
    "/session/refresh",
    "Get another token",
    _COOKIE,
    gives={200: {JSON: SignedIn}},
    signed_in=False,
)
END: Final = _session("session.end", "DELETE", "/session", "Sign out", _COOKIE, signed_in=False)
CHANGE_PASSWORD: Final = _session(
    "session.password",
    "POST",
    "/session/password",
    "Change one's own password; one's other sign-ins end",
    "one's own, with the old one",
    takes={JSON: ChangeForm},
)
INVITE: Final = _session(
    "welcomes.create",
    "POST",
    "/welcomes",
    "Make a one-time link for somebody",
    "asked by the act behind it: `admin` of the person",
    takes={JSON: InviteForm},
    gives={201: {JSON: WelcomeCode}},
    refuses=frozenset({404}),
)
SET_PASSWORD: Final = _session(
    "person.password",
    "PUT",
    "/people/{person}/password",
    "Give somebody a new password",
    "asked by the act behind it: `admin` of the person",
    takes={JSON: PasswordForm},
    refuses=frozenset({404}),
)
SET_CREDENTIAL: Final = _session(
    "endpoint.credential",
    "PUT",
    "/endpoints/{endpoint}/credential",
    "Give a device a new credential; the old one ends",
    "asked by the act behind it: `admin` of the device",
    gives={201: {JSON: CredentialCode}},
    refuses=frozenset({404}),
)
OPERATIONS: Final = (BEGIN, REFRESH, END, CHANGE_PASSWORD, INVITE, SET_PASSWORD, SET_CREDENTIAL)
