"""The page's files and the HTTP interface of one recording, out of a folder of real segment files."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

from aiohttp import web

import console
from dispatch.store.segments import SegmentRow, TrackRow
from media.stills.process import WorkerProcess
from recorder.copies.plan import MIME, RATES
from recorder.files import Facts, facts_of
from signaling.http.app import _PAGE_HEADERS
from signaling.http.problem import problems
from signaling.http.recordedstills import RecordedStills
from tests.console.recorded import Recorded
from tests.recorder.copies.sounds import copied

RECORDING: Final = "01KARR5QKB00000000000000RC"
CONSULTATION: Final = "01KARR5QKB00000000000000CN"
BASE: Final = f"/api/v1/recordings/{RECORDING}"
PERSON: Final = {"id": "01KARR5QKB00000000000000ME", "name": "李明", "unit": "u1", "title": ""}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RecordingsSite:
    """`asked` are the ids of segments whose files were asked for; stills are made as ever, while `stills` is set."""

    def __init__(self, recorded: Recorded, events: list[dict[str, Any]] | None = None) -> None:
        self.recorded = recorded
        self.events = events or []
        self.live = False
        self._copies = False
        self.title = "山洪应急会商"
        self.asked: list[str] = []
        self.rows: list[dict[str, Any]] = []
        self.more: dict[str, Any] = {}
        """What the record of the recording says besides."""
        self.paths: dict[str, Path] = {}
        self.look()
        self.stills = asyncio.Event()
        self.stills.set()
        self.stills_asked = self.stills_at_once = self.most_stills_at_once = 0
        self._worker = WorkerProcess()
        self._stills = RecordedStills(_Index(self), recorded.root, self._worker)
        app = web.Application(middlewares=[problems, _signed_in])
        get = app.router.add_get
        get("/api/v1/recordings", self._list)
        get(f"{BASE}/tracks", self._tracks)
        get(f"{BASE}/segments", self._segments)
        get(f"{BASE}/coverage", self._coverage)
        get(f"{BASE}/segments/{{segment}}", self._file)
        get(f"{BASE}/events", self._events)
        get(f"{BASE}/tracks/{{track}}/still", self._still)
        get("/api/v1/names", self._names)
        app.router.add_post("/api/v1/session/refresh", self._session)
        get("/", self._index)
        get("/blank", self._blank)
        app.router.add_static("/", console.STATIC)
        self._runner = web.AppRunner(app)
        self.url = ""

    async def start(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        self.stills.set()
        await self._runner.cleanup()
        await self._worker.close()

    def look(self) -> None:
        """Take what is in the folder now into the index."""
        self.paths = {facts.label.segment: path for path, facts in self.recorded.files()}
        rows = [self._row(facts) for _, facts in self.recorded.files()]
        self.rows = sorted(rows, key=lambda row: (row["t0_us"], row["segment"]))

    @contextlib.contextmanager
    def copying(self) -> Iterator[None]:
        """Have Opus copies of sounds meanwhile."""
        self._copies = True
        self.look()
        try:
            yield
        finally:
            self._copies = False
            self.look()

    @property
    def from_us(self) -> int:
        return min(int(row["t0_us"]) for row in self.rows)

    @property
    def to_us(self) -> int:
        return max(int(row["t1_us"]) for row in self.rows)

    def _row(self, facts: Facts) -> dict[str, Any]:
        label, track = facts.label, facts.label.track
        return {
            "segment": label.segment, "track": track.track, "number": label.number,
            "kind": "video" if track.codec.is_picture else "audio", "codec": track.codec.value, "mime": label.mime,
            "width": track.width, "height": track.height, "t0_us": facts.t0, "t1_us": facts.t1, "bytes": facts.bytes,
            "head_bytes": facts.head_bytes, "recovered": facts.recovered,
            "deleted_us": self.recorded.deleted.get(label.segment, 0),
            "fills": [[fill.t0, fill.t1] for fill in facts.fills], "gaps": self.recorded.gaps.get(label.segment, []),
            "keyframes": list(facts.keyframes), "error_us": 5000, "about": track.about,
            "copy": {"codec": "opus", "mime": MIME} if self._copies and track.codec in RATES else None,
        }  # fmt: skip

    @property
    def recording(self) -> dict[str, Any]:
        return {
            "id": RECORDING, "of": f"consultation:{CONSULTATION}", "unit": "u1", "title": self.title, "why": "asked",
            "by": PERSON["id"], "begun_us": self.from_us, "paused_us": 0, "ended_us": 0 if self.live else self.to_us,
            "hold": "", **self.more,
        }  # fmt: skip

    async def _list(self, _: web.Request) -> web.Response:
        return web.json_response({"items": [self.recording], "next": ""})

    async def _tracks(self, _: web.Request) -> web.Response:
        tracks: dict[str, dict[str, Any]] = {}
        for row in self.rows:
            fields = ("track", "kind", "codec", "mime", "t0_us", "t1_us", "copy")
            fresh = {name: row[name] for name in fields} | row["about"] | {"segments": 0, "bytes": 0}
            track = tracks.setdefault(row["track"], fresh)
            track["t1_us"] = row["t1_us"]
            track["segments"] += 1
            track["bytes"] += row["bytes"]
        told = {"recording": self.recording, "from_us": self.from_us, "to_us": self.to_us, "live": self.live}
        return web.json_response({**told, "tracks": list(tracks.values())})

    async def _segments(self, request: web.Request) -> web.Response:
        asked = request.query
        from_us, to_us = int(asked["from_us"]), int(asked["to_us"])
        limit, after = min(int(asked.get("limit", "100")), 500), int(asked.get("cursor", "0"))
        found = [
            row
            for row in self.rows
            if row["t1_us"] > from_us and row["t0_us"] < to_us and asked.get("track", row["track"]) == row["track"]
        ]
        shown = [{name: value for name, value in row.items() if name != "about"} for row in found[after:][:limit]]
        return web.json_response({"items": shown, "next": str(after + limit) if len(found) > after + limit else ""})

    async def _coverage(self, _: web.Request) -> web.Response:
        tracks: dict[str, dict[str, Any]] = {}
        for row in self.rows:
            own = tracks.setdefault(row["track"], {"track": row["track"], "spans": [], "gaps": []})
            own["spans"] += [] if row["deleted_us"] else [[row["t0_us"], row["t1_us"]]]
            own["gaps"] += row["gaps"]
        return web.json_response({"least_us": 250_000, "tracks": list(tracks.values())})

    async def _file(self, request: web.Request) -> web.StreamResponse:
        segment = request.match_info["segment"]
        self.asked.append(segment)
        if segment in self.recorded.deleted:
            raise web.HTTPGone
        if segment not in self.paths:
            raise web.HTTPNotFound
        if request.query.get("copy"):
            return web.Response(body=await asyncio.to_thread(self._copy, segment), content_type="audio/mp4")
        return web.FileResponse(self.paths[segment], headers={"Cache-Control": "private, max-age=31536000, immutable"})

    async def _still(self, request: web.Request) -> web.StreamResponse:
        self.stills_asked += 1
        self.stills_at_once += 1
        self.most_stills_at_once = max(self.most_stills_at_once, self.stills_at_once)
        try:
            await self.stills.wait()
            return await self._stills.take(request, RECORDING, int(request.query["at_us"]), PERSON["id"])
        finally:
            self.stills_at_once -= 1

    def _copy(self, segment: str) -> bytes:
        path = self.paths[segment]
        own = [other for other, _ in self.recorded.files() if other.parent == path.parent]
        beside = {number - own.index(path): other for number, other in enumerate(own)}
        return copied(path, facts_of(path), beside.get(-1), beside.get(1))

    async def _events(self, request: web.Request) -> web.Response:
        from_us, to_us = int(request.query.get("from_us", "0")), int(request.query.get("to_us", 1 << 60))
        items = [event for event in self.events if from_us <= event["hlc"][0] < to_us]
        return web.json_response({"items": items, "next": ""})

    async def _names(self, request: web.Request) -> web.Response:
        return web.json_response({"names": {}})

    async def _session(self, _: web.Request) -> web.Response:
        until_us = 1_000_000 * (1 << 40)
        return web.json_response({"token": "token", "token_until_us": until_us, "person": PERSON, "consultation": ""})

    async def _index(self, _: web.Request) -> web.StreamResponse:
        return web.FileResponse(console.STATIC / "index.html", headers=_PAGE_HEADERS)

    async def _blank(self, _: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><body></body>", content_type="text/html")


class _Index:
    """What stills ask of an index."""

    def __init__(self, site: RecordingsSite) -> None:
        self._site = site

    async def segments(
        self, session: str, from_us: int, to_us: int, *, track: str = "", after: tuple[str, int] = ("", 0), limit: int
    ) -> list[SegmentRow]:
        rows = (row for row in self._site.rows if row["track"] == track)
        return [self._row(row) for row in rows if row["t0_us"] < to_us and row["t1_us"] > from_us]

    async def tracks(self, session: str) -> list[TrackRow]:
        return []

    def _row(self, row: dict[str, Any]) -> SegmentRow:
        path, about = self._site.paths[row["segment"]], row["about"]
        names = ("segment", "track", "number", "kind", "codec", "mime", "width", "height", "t0_us", "t1_us", "bytes")
        more = {name: row[name] for name in (*names, "head_bytes", "recovered", "deleted_us")}
        return SegmentRow(
            **more, session=RECORDING, record=0, channels=1, sha256=row["segment"], source=about["source"],
            file=str(path.relative_to(self._site.recorded.root)), unit=about["unit"], person=about["person"],
            details={"keyframes": row["keyframes"]},
        )  # fmt: skip


@web.middleware
async def _signed_in(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.path.startswith(BASE) and request.headers.get("Authorization") != "Bearer token":
        raise web.HTTPUnauthorized
    return await handler(request)
