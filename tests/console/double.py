"""A stand-in for the server until the real one can be started: lists sources, answers WHEP and WHIP by aiortc."""

from __future__ import annotations

import asyncio
import fractions
import time
from datetime import UTC, datetime
from typing import Any

import aioice.ice
import av
from aiohttp import web
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

import console
from huishang.demo.picture import Picture
from huishang.demo.tone import Tone
from huishang.demo.units import UNITS, Unit

TOKEN = "test-token"


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


class PictureTrack(MediaStreamTrack):
    kind = "video"

    def __init__(self, unit: Unit, double: Double) -> None:
        super().__init__()
        assert unit.video is not None
        self._picture = Picture(unit.video.scene, unit.name, unit.video.colour)
        self._unit = unit
        self._double = double
        self._start = time.time()
        self._count = 0

    async def recv(self) -> av.VideoFrame:
        while True:
            self._count += 1
            wait = self._start + self._count / 10 - time.time()
            await asyncio.sleep(max(0.0, wait))
            if self._unit.id not in self._double.held:
                break
        frame = av.VideoFrame.from_ndarray(self._picture.compose(int(time.time() * 1e6)), format="yuv420p")
        frame.pts = self._count * 9_000
        frame.time_base = fractions.Fraction(1, 90_000)
        return frame


class ToneTrack(MediaStreamTrack):
    kind = "audio"

    def __init__(self, unit: Unit) -> None:
        super().__init__()
        self._tone = Tone(unit.tone_hz)
        self._start = time.time()
        self._count = 0

    async def recv(self) -> av.AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        await asyncio.sleep(max(0.0, self._start + self._count * 0.02 - time.time()))
        frame = av.AudioFrame.from_ndarray(self._tone.block(self._count).reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = 48_000
        frame.pts = self._count * 960
        frame.time_base = fractions.Fraction(1, 48_000)
        self._count += 1
        return frame


class Double:
    def __init__(self, units: tuple[Unit, ...] = UNITS) -> None:
        self.units = {unit.id: unit for unit in units}
        self.started = time.time()
        self.states: dict[str, tuple[str, float]] = {}
        self.held: set[str] = set()
        self.camera_off: set[str] = set()
        self.published: dict[str, str] = {}
        self.received: list[Any] = []
        self.peers: dict[str, RTCPeerConnection] = {}
        self.refuse: str | None = None

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/api/v1/sources", self.sources)
        app.router.add_post("/whep/{source}", self.whep)
        app.router.add_post("/whip/{source}", self.whip)
        app.router.add_delete("/{way}/{source}/{session}", self.end)
        app.router.add_get("/", self.index)
        app.router.add_static("/", console.STATIC)
        app.on_shutdown.append(self._close)
        return app

    async def index(self, _request: web.Request) -> web.FileResponse:
        return web.FileResponse(console.STATIC / "index.html")

    def _check(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") == f"Bearer {TOKEN}":
            return None
        return web.json_response({"code": "bad-token"}, status=401, content_type="application/problem+json")

    async def sources(self, request: web.Request) -> web.Response:
        refused = self._check(request)
        if refused:
            return refused
        listed = [self._source(unit) for unit in self.units.values()]
        for source_id, name in self.published.items():
            listed.append(
                {"id": source_id, "name": name, "state": "live", "since": iso(self.started), "viewers": 0, "tracks": []}
            )
        return web.json_response({"now": iso(time.time()), "sources": listed})

    def _source(self, unit: Unit) -> dict[str, Any]:
        state, since = self.states.get(unit.id, ("live", self.started))
        live = state == "live"
        common = {"packets": 1, "lost": 0, "loss_fraction": 0.0, "jitter_ms": 1.0, "last_sender_report": None}
        tracks: list[dict[str, Any]] = []
        if unit.video:
            rate = 400_000 if live and unit.id not in self.camera_off else 0
            tracks.append({"kind": "video", "codec": "H264", "bitrate_bps": rate, "audio_level_dbov": None, **common})
        tracks.append(
            {"kind": "audio", "codec": "opus", "bitrate_bps": 24_000 * live, "audio_level_dbov": -30, **common}
        )
        return {
            "id": unit.id,
            "name": unit.name,
            "state": state,
            "since": iso(since),
            "viewers": 1,
            "tracks": tracks,
        }

    async def whep(self, request: web.Request) -> web.Response:
        refused = self._check(request)
        if refused:
            return refused
        unit = self.units.get(request.match_info["source"])
        if unit is None:
            return web.json_response({"code": "unknown-source"}, status=404)
        pc = RTCPeerConnection()
        await pc.setRemoteDescription(RTCSessionDescription(_with_candidate(await request.text()), "offer"))
        for transceiver in pc.getTransceivers():
            if transceiver.kind == "video" and unit.video:
                pc.addTrack(PictureTrack(unit, self))
            elif transceiver.kind == "audio":
                pc.addTrack(ToneTrack(unit))
        return await self._answer(pc, "whep", unit.id)

    async def whip(self, request: web.Request) -> web.Response:
        refused = self._check(request)
        if refused:
            return refused
        if self.refuse:
            return web.json_response({"code": self.refuse, "detail": ""}, status=409)
        source_id = request.match_info["source"]
        pc = RTCPeerConnection()
        pc.on("track", self.received.append)
        await pc.setRemoteDescription(RTCSessionDescription(_with_candidate(await request.text()), "offer"))
        self.published[source_id] = request.query.get("name", source_id)
        return await self._answer(pc, "whip", source_id)

    async def _answer(self, pc: RTCPeerConnection, way: str, source_id: str) -> web.Response:
        await pc.setLocalDescription(await pc.createAnswer())
        session = f"s{len(self.peers)}"
        self.peers[session] = pc
        headers = {"Location": f"/{way}/{source_id}/{session}", "ETag": '"1"'}
        return web.Response(status=201, text=pc.localDescription.sdp, content_type="application/sdp", headers=headers)

    async def end(self, request: web.Request) -> web.Response:
        pc = self.peers.pop(request.match_info["session"], None)
        if pc is None:
            return web.json_response({"code": "unknown-session"}, status=404)
        if request.match_info["way"] == "whip":
            self.published.pop(request.match_info["source"], None)
        await pc.close()
        return web.Response()

    async def _close(self, _app: web.Application) -> None:
        for pc in self.peers.values():
            await pc.close()


def _with_candidate(sdp: str) -> str:
    """aioice wants at least one candidate; the page sends none, as the real server needs none."""
    lines: list[str] = []
    for line in sdp.split("\r\n"):
        lines.append(line)
        if line.startswith("a=mid:"):
            lines += ["a=candidate:1 1 udp 1 127.0.0.1 9 typ host", "a=end-of-candidates"]
    return "\r\n".join(lines)


def loopback_only() -> None:
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]


if __name__ == "__main__":
    loopback_only()
    web.run_app(Double().app(), host="127.0.0.1", port=8099)
