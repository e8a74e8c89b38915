"""Declarations of the routes whose handlers came before, or lie beside, the tables of acts and readings.

Media over WHIP (RFC 9725) and WHEP, the node's sources, signing in, the WebSocket.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from signaling.auth.endpoint import ChangeForm, InviteForm, PasswordForm, SignInForm
from signaling.http.operation import BASE, JSON, Operation

_SDP: Final = "application/sdp"
_FRAGMENT: Final = "application/trickle-ice-sdpfrag"
_BODY: Final = frozenset({408, 413, 415})


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


def _media(kind: str, right: str, verb: str) -> list[Operation]:
    why = f"the token must allow to {verb} the source: a person's by the right `{right}`, a device's by being its own"
    offers = Operation(
        name=f"{kind}.offer",
        method="POST",
        path=f"/{kind}/{{source}}",
        summary=f"Offer to {verb} a source",
        why=why,
        takes={_SDP: None},
        gives={201: {_SDP: None}},
        refuses=_BODY | {400, 401, 403, 404, 406, 503},
        tag="media",
        names_device=False,
    )
    patches = Operation(
        name=f"{kind}.patch",
        method="PATCH",
        path=f"/{kind}/{{source}}/{{session}}",
        summary="Trickle a candidate or restart ICE",
        why=why,
        takes={_FRAGMENT: None},
        gives={200: {_FRAGMENT: None}, 204: {}},
        refuses=_BODY | {400, 401, 403, 404, 412, 428},
        tag="media",
        names_device=False,
    )
    ends = Operation(
        name=f"{kind}.end",
        method="DELETE",
        path=f"/{kind}/{{source}}/{{session}}",
        summary="End the session",
        why=why,
        gives={200: {}},
        refuses=frozenset({401, 403, 404}),
        tag="media",
        names_device=False,
    )
    return [offers, patches, ends]


def _sources() -> list[Operation]:
    return [
        Operation(
            name="sources.list",
            method="GET",
            path=f"{BASE}/sources",
            summary="The sources of the node that the token may publish or watch",
            why="only what the token allows is in the answer",
            gives={200: {JSON: dict[str, Any]}},
            refuses=frozenset({401}),
            tag="sources",
            names_device=False,
        ),
        Operation(
            name="sources.stop",
            method="DELETE",
            path=f"{BASE}/sources/{{source}}",
            summary="Stop a source and end its sessions",
            why="the token must allow to publish the source",
            gives={204: {}},
            refuses=frozenset({401, 403, 404}),
            tag="sources",
            names_device=False,
        ),
    ]


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
_SESSION: Final = (
    _session(
        "session.begin",
        "POST",
        "/session",
        "Sign in by login and password, or by a one-time link's code",
        "they are the proof",
        takes={JSON: SignInForm},
        gives={200: {JSON: SignedIn}},
        signed_in=False,
    ),
    _session(
        "session.refresh",
        "POST",
        "/session/refresh",
        "Get another token",
        _COOKIE,
        gives={200: {JSON: SignedIn}},
        signed_in=False,
    ),
    _session("session.end", "DELETE", "/session", "Sign out", _COOKIE, signed_in=False),
    _session(
        "session.password",
        "POST",
        "/session/password",
        "Change one's own password; one's other sign-ins end",
        "one's own, with the old one",
        takes={JSON: ChangeForm},
    ),
    _session(
        "welcomes.create",
        "POST",
        "/welcomes",
        "Make a one-time link for somebody",
        "asked by the act behind it: `admin` of the person",
        takes={JSON: InviteForm},
        gives={201: {JSON: WelcomeCode}},
        refuses=frozenset({404}),
    ),
    _session(
        "person.password",
        "PUT",
        "/people/{person}/password",
        "Give somebody a new password",
        "asked by the act behind it: `admin` of the person",
        takes={JSON: PasswordForm},
        refuses=frozenset({404}),
    ),
    _session(
        "endpoint.credential",
        "PUT",
        "/endpoints/{endpoint}/credential",
        "Give a device a new credential; the old one ends",
        "asked by the act behind it: `admin` of the device",
        gives={201: {JSON: CredentialCode}},
        refuses=frozenset({404}),
    ),
)


def _socket() -> Operation:
    return Operation(
        name="ws.open",
        method="GET",
        path=f"{BASE}/ws",
        summary="The WebSocket: acts, live state, media of a page",
        why="its first message brings the token",
        gives={101: {}},
        refuses=frozenset({400}),
        tag="ws",
        signed_in=False,
        names_device=False,
    )


def media_operations() -> list[Operation]:
    """Return the declarations of WHIP, WHEP and the sources."""
    return [*_media("whip", "publish", "publish"), *_media("whep", "view", "watch"), *_sources()]


def session_operations() -> list[Operation]:
    """Return the declarations of signing in and of the WebSocket."""
    return [*_SESSION, _socket()]
