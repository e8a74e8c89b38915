"""Declarations of the routes of media: WHIP (RFC 9725), WHEP, the node's sources; and of the WebSocket."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from signaling.auth import operations as session
from signaling.http.operation import BASE, JSON, Operation

_SDP: Final = "application/sdp"
_FRAGMENT: Final = "application/trickle-ice-sdpfrag"
_BODY: Final = frozenset({408, 413, 415})


class StillQuery(msgspec.Struct, frozen=True):
    """`context`: the right by which the picture is taken, as in a line of a page's offer."""

    context: Annotated[str, Meta(max_length=80)] = ""


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
            name="sources.still",
            method="GET",
            path=f"{BASE}/sources/{{source}}/still",
            summary="The source's picture as a small JPEG, at most some seconds old",
            why="the token must allow to watch the source; a person is asked what a line of its page would be asked",
            query=StillQuery,
            gives={200: {"image/jpeg": None}, 304: {}},
            refuses=frozenset({401, 403, 404, 409, 422, 503}),
            tag="sources",
            names_device=False,
        ),
        Operation(
            name="sources.stop",
            method="DELETE",
            path=f"{BASE}/sources/{{source}}",
            summary="Stop a source and end its sessions, once the timeline has it",
            why="the token must allow to publish the source",
            gives={204: {}},
            refuses=frozenset({401, 403, 404, 503}),
            tag="sources",
            names_device=False,
        ),
    ]


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


#: name -> declaration
MEDIA: Final = {
    item.name: item for item in (*_media("whip", "publish", "publish"), *_media("whep", "view", "watch"), *_sources())
}


def session_operations() -> list[Operation]:
    """Return the declarations of signing in and of the WebSocket."""
    return [*session.OPERATIONS, _socket()]
