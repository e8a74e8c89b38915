"""WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): offers by POST, trickle and restart by PATCH, end by DELETE."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from functools import partial

from aiohttp import web

from signaling.http.access import Access, anybody
from signaling.http.body import read_body
from signaling.http.described import MEDIA
from signaling.http.problem import Problem
from signaling.http.turns import Turns
from signaling.ice.turn import NO_TURN, IceServer, Turn
from signaling.ice.types import Credentials
from signaling.sdp.model import Candidate
from signaling.sdp.trickle import TrickleFragment, TrickleMedia, parse_fragment, write_fragment
from signaling.webrtc.exchange import Exchange
from signaling.webrtc.records import Answered, Session

_SDP = "application/sdp"
_FRAGMENT = "application/trickle-ice-sdpfrag"


class WhipEndpoint:
    """The handlers of `/whip/…` and `/whep/…`."""

    def __init__(self, exchange: Exchange, access: Access, max_sdp_bytes: int, turn: Turn = NO_TURN) -> None:
        self._exchange = exchange
        self._access = access
        self._max_bytes = max_sdp_bytes
        self._turn = turn
        self._turns = Turns()

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to an application."""
        return [
            MEDIA["whip.offer"].route(self._publish),
            MEDIA["whep.offer"].route(self._view),
            *(
                route
                for kind in ("whip", "whep")
                for route in (
                    web.options(f"/{kind}/{{source}}", self._options),
                    web.options(f"/{kind}/{{source}}/{{session}}", self._session_options),
                    MEDIA[f"{kind}.patch"].route(self._patch),
                    MEDIA[f"{kind}.end"].route(self._delete),
                    web.route("*", f"/{kind}/{{source}}", self._reserved),
                    web.route("*", f"/{kind}/{{source}}/{{session}}", self._reserved),
                )
            ),
        ]

    async def _publish(self, request: web.Request) -> web.Response:
        source = request.match_info["source"]
        asker = self._access.require(request, "publish", source)
        offer = await self._body(request, _SDP)
        name = request.query.get("name", "")
        async with self._turns.of_publisher(request):
            may = partial(asker.allows, "publish", source)
            return self._created("whip", self._exchange.publish(source, name, offer, self._max_bytes, may))

    async def _view(self, request: web.Request) -> web.Response:
        source = request.match_info["source"]
        asker = self._access.require(request, "watch", source)
        offer = await self._body(request, _SDP)
        async with self._turns.of_viewer(request):
            may = partial(asker.allows, "watch", source)
            return self._created("whep", self._exchange.view(source, offer, self._max_bytes, may))

    @anybody("tells what the protocol is, of no source")
    async def _options(self, request: web.Request) -> web.Response:
        return web.Response(status=204, headers={"Accept-Post": _SDP, "Allow": "POST, OPTIONS"})

    @anybody("tells what the protocol is, of no session")
    async def _session_options(self, request: web.Request) -> web.Response:
        headers = {"Accept-Patch": _FRAGMENT, "Allow": "PATCH, DELETE, OPTIONS"}
        return web.Response(status=204, headers=headers)

    @anybody("refuses every method")
    async def _reserved(self, request: web.Request) -> web.Response:
        # RFC 9725 section 4.2 keeps GET and HEAD for later; without this the page's files would answer 404.
        allowed = ["PATCH", "DELETE", "OPTIONS"] if "session" in request.match_info else ["POST", "OPTIONS"]
        raise web.HTTPMethodNotAllowed(request.method, allowed)

    async def _delete(self, request: web.Request) -> web.Response:
        session = self._session(request)
        self._exchange.end(session.id)
        return web.Response(status=200)

    async def _patch(self, request: web.Request) -> web.Response:
        session = self._session(request)
        fragment = parse_fragment(await self._body(request, _FRAGMENT))
        match = request.headers.get("If-Match")
        if match is None:
            raise Problem("etag-missing", 'send If-Match with the session\'s ETag, or "*" to restart ICE')
        if match.strip() == "*":
            return self._restart(session, fragment)
        if f'"{session.etag}"' not in [tag.strip() for tag in match.split(",")]:
            raise Problem("etag-mismatch", "ICE was restarted since; use the newest ETag")
        if fragment.ice_ufrag not in (None, session.remote_ufrag):
            # RFC 9725 section 4.3.3: a restart has no ETag to match. Silence would let the client wait for it for ever.
            raise Problem("etag-mismatch", 'new ICE credentials are a restart: send If-Match: "*"')
        # A lite agent learns the peer's addresses from its checks: candidates need no answer.
        return web.Response(status=204)

    def _restart(self, session: Session, fragment: TrickleFragment) -> web.Response:
        if fragment.ice_ufrag is None or fragment.ice_pwd is None:
            raise Problem("sdp-no-ice", "an ICE restart needs a=ice-ufrag and a=ice-pwd")
        remote = Credentials(fragment.ice_ufrag, fragment.ice_pwd)
        session, local, candidates = self._exchange.restart(session.id, remote)
        first = fragment.media[0] if fragment.media else TrickleMedia(mid="0")
        line = TrickleMedia(
            mid=first.mid,
            kind=first.kind,
            profile=first.profile,
            formats=first.formats,
            candidates=tuple(
                Candidate(str(place + 1), 1, "udp", item.priority, item.address, item.port, "host")
                for place, item in enumerate(candidates)
            ),
            end_of_candidates=True,
        )
        answer = TrickleFragment(
            ice_ufrag=local.ufrag,
            ice_pwd=local.password,
            ice_lite=True,
            bundle=fragment.bundle,
            media=(line,),
        )
        return web.Response(
            status=200,
            body=write_fragment(answer).encode(),
            content_type=_FRAGMENT,
            headers={"ETag": f'"{session.etag}"'},
        )

    def _session(self, request: web.Request) -> Session:
        source = request.match_info["source"]
        publishes = request.path.startswith("/whip/")
        self._access.require(request, "publish" if publishes else "watch", source)
        session = self._exchange.get(request.match_info["session"])
        if session.source != source or session.publishes != publishes:
            raise Problem("session-unknown", "the session belongs to another source")
        return session

    async def _body(self, request: web.Request, content_type: str) -> bytes:
        return await read_body(request, (content_type,), self._max_bytes, too_large="sdp-too-large")

    def _created(self, kind: str, answered: Answered) -> web.Response:
        session = answered.session
        response = web.Response(
            status=201,
            body=answered.sdp.encode(),
            content_type=_SDP,
            headers={
                "Location": f"/{kind}/{session.source}/{session.id}",
                "ETag": f'"{session.etag}"',
                "Accept-Patch": _FRAGMENT,
            },
        )
        for link in ice_links(self._turn.servers(session.id, time.time())):
            response.headers.add("Link", link)
        return response


def ice_links(servers: Iterable[IceServer]) -> Iterator[str]:
    """Give a `Link` header of every server (RFC 9725 section 4.6)."""
    for server in servers:
        proof = f'; username="{server.username}"; credential="{server.credential}"; credential-type="password"'
        for url in server.urls:
            yield f'<{url}>; rel="ice-server"{proof if server.username else ""}'
