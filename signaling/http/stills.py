"""Stills of sources over HTTP: for who may take the source's picture just now, and for nobody else."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import format_datetime

from aiohttp import web

from dispatch.flow import Flow, may_take
from dispatch.tables import Tables
from media.relay import RelayTrack
from media.stills.joining import READ
from media.stills.stills import Stills
from signaling.http.access import Access, Identity, PersonIdentity
from signaling.http.described import MEDIA, StillQuery
from signaling.http.operation import query_of
from signaling.http.problem import Problem
from signaling.webrtc.exchange import Exchange


class StillsEndpoint:
    """The handler of `/api/v1/sources/ID/still`. Without `tables` there are no people and no consultations."""

    def __init__(self, exchange: Exchange, access: Access, stills: Stills, tables: Tables | None = None) -> None:
        self._exchange = exchange
        self._access = access
        self._stills = stills
        self._tables = tables

    def routes(self) -> list[web.RouteDef]:
        """Return the route to add to an application."""
        return [MEDIA["sources.still"].route(self._take)]

    async def _take(self, request: web.Request) -> web.Response:
        source = request.match_info["source"]
        context = query_of(request, StillQuery).context
        identity = self._access.identify(request)
        self._require(identity, source, context)
        still = await self._stills.take(source, *self._picture(source))
        # Making it took seconds, in which the chair may have cut it off.
        self._require(identity, source, context)
        taken = datetime.fromtimestamp(still.taken_us / 1e6, UTC)
        tag = f'"{still.taken_us}"'
        headers = {
            "ETag": tag,
            "Last-Modified": format_datetime(taken, usegmt=True),
            # A picture of a scene lies on nobody's disk; who asks again says by the ETag what it has.
            "Cache-Control": "no-store",
        }
        if tag in [item.strip() for item in request.headers.get("If-None-Match", "").split(",")]:
            return web.Response(status=304, headers=headers)
        return web.Response(body=still.jpeg, content_type="image/jpeg", headers=headers)

    def _require(self, identity: Identity, source: str, context: str) -> None:
        """Raise Problem for who may not take the picture now."""
        flow = self._flow(identity, source, context)
        if flow is Flow.PAUSED:
            raise Problem("picture-off", "it comes again when the chair allows it")
        if flow is Flow.CLOSED:
            raise Problem("forbidden", f"{identity.who.partition(':')[0]} may not watch {source[:80]}")

    def _flow(self, identity: Identity, source: str, context: str) -> Flow:
        if not isinstance(identity, PersonIdentity) or self._tables is None:
            return Flow.OPEN if identity.allows("watch", source) else Flow.CLOSED
        now_us = time.time_ns() // 1000
        if not identity.proofs.lasts(identity.actor, now_us):
            return Flow.CLOSED
        line = (source, "video", context)
        return may_take(identity.permissions, self._tables, identity.actor, line, now_us)

    def _picture(self, source: str) -> tuple[RelayTrack, int]:
        """Return the track of a source's picture and its smallest layer. Raises Problem, SourceUnknown."""
        self._exchange.registry.get(source)
        media = self._exchange.media.get(source)
        publication = media.publications.get("video") if media is not None else None
        if media is None or publication is None:
            raise Problem("picture-none", "its publisher is gone, or sends sound only")
        # None before its first packet.
        if publication.codec and publication.codec not in READ:
            raise Problem("still-unfit", f"stills are made of {' and '.join(READ)}, this is {publication.codec}")
        layers = self._exchange.adaptation.measured.layers(source, time.monotonic_ns() // 1000)
        return media.tracks["video"], layers[0].number if layers else 0
