"""A unit against a peer nobody here wrote: aiortc takes what it publishes and decodes it."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import aioice.ice
import numpy as np
import pytest
from aiohttp import web
from aiortc import RTCPeerConnection, RTCSessionDescription
from hypothesis import given
from hypothesis import strategies as st

from huishang.demo import unit as unit_module
from huishang.demo.link import Loss, Shape
from huishang.demo.picture import BAND_HEIGHT
from huishang.demo.processes import Orders
from huishang.demo.scenes import to_yuv
from huishang.demo.tone import SAMPLE_RATE
from huishang.demo.unit import audio_level, publish_tracks, run, ticks
from huishang.demo.units import UNITS, Unit, by_id
from signaling.client.errors import HttpRefused
from tests.huishang_demo.test_tone import strongest_hz
from tests.patience import PATIENCE_S


class Taker:
    """A WHIP server that collects what it is sent."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.tracks: asyncio.Queue[Any] = asyncio.Queue()
        self.peers: list[RTCPeerConnection] = []
        self.ended = 0
        self.status = 201
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        if self.status != 201:
            return web.json_response({"code": "refused"}, status=self.status)
        self.names.append(request.query["name"])
        peer = RTCPeerConnection()
        self.peers.append(peer)
        peer.on("track", self.tracks.put_nowait)
        offer = await request.text()
        # aiortc wants to know one candidate before it starts; a real ICE-lite server does not.
        offer = offer.replace("a=ice-ufrag", "a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\na=ice-ufrag")
        await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        headers = {"Location": f"{request.path}/1", "ETag": '"1"'}
        answer = peer.localDescription.sdp
        return web.Response(status=201, text=answer, content_type="application/sdp", headers=headers)

    async def end(self, _request: web.Request) -> web.Response:
        self.ended += 1
        return web.Response()


@pytest.fixture
async def taker(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Taker]:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])
    taker = Taker()
    app = web.Application()
    app.router.add_post("/whip/{source}", taker.take)
    app.router.add_delete("/whip/{source}/{session}", taker.end)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    taker.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield taker
    for peer in taker.peers:
        await peer.close()
    await runner.cleanup()


@contextlib.asynccontextmanager
async def running(unit: Unit, url: str) -> AsyncIterator[None]:
    task = asyncio.create_task(run(unit, Orders(url, "token", None)))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def colour_of(track: Any) -> tuple[float, float, float]:
    frame = (await track.recv()).to_ndarray(format="yuv420p")
    flat = frame.reshape(-1)
    at = (360 - BAND_HEIGHT + 4) // 2 * 320 + 10
    luma = float(frame[360 - BAND_HEIGHT + 2 : 360 - BAND_HEIGHT + 10, 4:36].mean())
    return luma, float(flat[640 * 360 + at]), float(flat[640 * 360 * 5 // 4 + at])


async def tone_of(track: Any) -> float:
    blocks = []
    for _ in range(100):
        frame = await track.recv()
        blocks.append(frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0])
    # Pauses between phrases are silence; the tone is what is left.
    return strongest_hz(np.concatenate(blocks).astype(float))


@pytest.mark.parametrize("name", ["county-command", "drone-1", "radio-phone"])
async def test_peer_sees_the_colour_and_hears_the_tone_of_the_unit(taker: Taker, name: str) -> None:
    unit = by_id(name)
    async with asyncio.timeout(PATIENCE_S), running(unit, taker.url):
        tracks = [await taker.tracks.get() for _ in range(2 if unit.video else 1)]
        assert taker.names == [unit.name]
        by_kind = {track.kind: track for track in tracks}
        if unit.video:
            got = await colour_of(by_kind["video"])
            assert max(abs(a - b) for a, b in zip(got, to_yuv(unit.video.colour), strict=True)) < 8
        assert abs(await tone_of(by_kind["audio"]) - unit.tone_hz) < 3


async def test_unit_behind_a_detour_is_delayed_and_loses_packets(taker: Taker) -> None:
    unit = replace(by_id("radio-phone"), link=Shape(delay_s=0.05, loss=Loss(0.1)))
    async with asyncio.timeout(PATIENCE_S), running(unit, taker.url):
        track = await taker.tracks.get()
        await tone_of(track)
        reports = await taker.peers[0].getStats()
        inbound = next(entry for entry in reports.values() if entry.type == "inbound-rtp")
        assert inbound.packetsLost > 0


async def test_unit_comes_back_when_the_server_ended_its_session(taker: Taker) -> None:
    unit = by_id("radio-phone")
    async with asyncio.timeout(PATIENCE_S), running(unit, taker.url):
        first = await taker.tracks.get()
        await first.recv()
        await taker.peers[0].close()
        second = await taker.tracks.get()
        await second.recv()
        assert taker.names == [unit.name] * 2


async def test_token_refused_for_good_ends_the_unit(taker: Taker) -> None:
    taker.status = 401
    with pytest.raises(HttpRefused):
        async with asyncio.timeout(PATIENCE_S):
            await run(by_id("radio-phone"), Orders(taker.url, "wrong", None))


async def test_process_ends_with_status_zero_when_its_input_ends(taker: Taker) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", unit_module.__name__, "radio-phone", stdin=asyncio.subprocess.PIPE
    )
    try:
        assert child.stdin is not None
        child.stdin.write(Orders(taker.url, "token", None).to_line())
        async with asyncio.timeout(PATIENCE_S):
            track = await taker.tracks.get()
            await track.recv()  # before that it may not know yet what to say goodbye to
            child.stdin.close()
            assert await child.wait() == 0
        assert taker.ended == 1, "it said goodbye"
    finally:
        if child.returncode is None:
            child.kill()


def test_every_unit_offers_what_it_has_with_ssrcs_of_its_own() -> None:
    seen: set[int] = set()
    for unit in UNITS:
        tracks = publish_tracks(unit)
        assert [track.kind for track in tracks] == (["video", "audio"] if unit.video else ["audio"])
        for track in tracks:
            ssrcs = [ssrc for ssrc in (track.ssrc, track.rtx_ssrc) if ssrc is not None]
            assert not seen & set(ssrcs)
            seen |= set(ssrcs)
        if unit.video:
            assert tracks[0].codecs[0].encoding == unit.video.codec


async def test_ticks_come_in_order_and_on_time() -> None:
    loop = asyncio.get_running_loop()
    numbers = []
    async for number in ticks(0.02):
        assert number * 0.02 - 0.001 <= loop.time()
        numbers.append(number)
        if len(numbers) == 10:
            break
    assert numbers == sorted(set(numbers))


@given(st.integers(0, 32_767))
def test_audio_level_is_minus_dbov(amplitude: int) -> None:
    block = np.full(960, amplitude, dtype=np.int16)
    level = audio_level(block)
    assert 0 <= level <= 127
    if amplitude:
        assert abs(10 ** (-level / 20) * 32_768 / amplitude - 1) < 0.07 or level == 127
    else:
        assert level == 127


def test_sample_rate_is_that_of_opus() -> None:
    assert SAMPLE_RATE == 48_000
