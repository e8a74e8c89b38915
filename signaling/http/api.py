"""The node's plain interface: its sources as JSON, and stopping one, which the timeline tells."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

from aiohttp import web

from dispatch.acts.sources import Stop
from dispatch.desk.ports import Doing
from dispatch.permissions import SYSTEM
from dispatch.sources import Source
from media.plane.objects import PlanePublication
from signaling.http.access import Access, PersonIdentity, origin_of
from signaling.http.described import MEDIA
from signaling.webrtc.exchange import Exchange

Json = dict[str, object]


class SourcesEndpoint:
    """The handlers of `/api/v1/sources`. Rates are differences between two calls of `sample`, a second apart.

    Every page asks once a second: a source's JSON is made when it changes and when it is sampled, not for each of them.
    Without `doing` there is no timeline to tell of what is stopped.
    """

    def __init__(self, exchange: Exchange, access: Access, doing: Doing | None = None) -> None:
        self._exchange = exchange
        self._access = access
        self._doing = doing
        self._samples: dict[int, tuple[float, int, int, int, int]] = {}
        self._rates: dict[int, tuple[float, float]] = {}
        self._made: dict[str, tuple[object, bytes]] = {}

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to an application."""
        return [MEDIA["sources.list"].route(self._list), MEDIA["sources.stop"].route(self._stop)]

    def sample(self) -> None:
        """Note the counters of every publication; to be called about once a second."""
        now = time.monotonic()
        seen: dict[int, tuple[float, int, int, int, int]] = {}
        for media in self._exchange.media.values():
            for publication in media.publications.values():
                stats = publication.stats()
                octets = sum(item["octets"] for item in stats)
                expected = sum(item["expected"] for item in stats)
                lost = sum(item["lost"] for item in stats)
                packets = sum(item["packets"] for item in stats)
                seen[publication.id] = (now, octets, expected, lost, packets)
                before = self._samples.get(publication.id)
                if before is not None and now > before[0]:
                    due = expected - before[2]
                    loss = min(1.0, max(0.0, (lost - before[3]) / due)) if due > 0 else 0.0
                    self._rates[publication.id] = ((octets - before[1]) * 8 / (now - before[0]), loss)
        self._samples = seen
        self._made.clear()
        self._rates = {key: value for key, value in self._rates.items() if key in seen}

    async def _list(self, request: web.Request) -> web.Response:
        asker = self._access.identify(request)
        sources = b",".join(
            self._json(source)
            for source in self._exchange.registry.all()
            if asker.allows("watch", source.id) or asker.allows("publish", source.id)
        )
        body = b'{"now":"%b","sources":[%b]}' % (_iso(time.time_ns() // 1000).encode(), sources)
        return web.Response(body=body, content_type="application/json", charset="utf-8")

    async def _stop(self, request: web.Request) -> web.Response:
        source = request.match_info["source"]
        identity = self._access.require(request, "publish", source)
        name = self._exchange.registry.get(source).name
        if self._doing is not None:
            person = identity.actor if isinstance(identity, PersonIdentity) else None
            act = Stop(source=source, name=name, by="" if person else identity.who)
            # Not a picture stops of which the timeline could not tell who stopped it.
            await self._doing.act(act, person or SYSTEM, origin_of(request))
        await self._exchange.stop(source)
        return web.Response(status=204)

    def _json(self, source: Source) -> bytes:
        # What may change between two samples; the name and publications change with the publisher.
        state = (source.state, source.since_us, source.publisher, len(source.viewers))
        made = self._made.get(source.id)
        if made is None or made[0] != state:
            made = self._made[source.id] = (state, json.dumps(self._describe(source)).encode())
        return made[1]

    def _describe(self, source: Source) -> Json:
        media = self._exchange.media.get(source.id)
        tracks = [self._track(kind, item) for kind, item in media.publications.items()] if media else []
        return {
            "id": source.id,
            "name": source.name,
            "state": source.state.value,
            "since": _iso(source.since_us),
            "viewers": len(source.viewers),
            "tracks": tracks,
        }

    def _track(self, kind: str, publication: PlanePublication) -> Json:
        stats = publication.stats()
        bitrate, loss = self._rates.get(publication.id, (0.0, 0.0))
        now_ns = time.monotonic_ns()
        report_ns = max(item["report_ns"] for item in stats)
        report = time.time_ns() - (now_ns - report_ns) if report_ns else None
        return {
            "kind": kind,
            "codec": publication.codec,
            "layers": len(stats),
            "bitrate_bps": round(bitrate),
            "packets": sum(item["packets"] for item in stats),
            "lost": sum(item["lost"] for item in stats),
            "recovered": sum(item["recovered"] for item in stats),
            "loss_fraction": round(loss, 4),
            "jitter_ms": round(max(item["jitter"] for item in stats) * 1000, 2),
            "audio_level_dbov": round(publication.level_dbov) if kind == "audio" else None,
            "last_sender_report": _iso(report // 1000) if report else None,
        }


def _iso(utc_us: int) -> str:
    return datetime.fromtimestamp(utc_us / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
