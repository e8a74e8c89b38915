"""Our client against aiortc: another ICE, DTLS, SRTP and depacketiser, nobody here wrote."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aioice.ice
import pytest
from aiohttp import web
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
    VideoStreamTrack,
)
from av import VideoFrame

from media.rtp import header
from signaling.client.errors import HttpFailed
from signaling.client.publisher import Publisher
from signaling.client.session import SessionOptions, WhepSession
from signaling.sdp.offer import PublishTrack, offer_codecs
from tests.media.rtp.pictures import decoded_count, encoded
from tests.patience import PATIENCE_S
from tests.signaling.dtls.pairs import context

OPTIONS = SessionOptions(context=context("client"), connect_seconds=PATIENCE_S)


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])


def send_picture(peer: RTCPeerConnection) -> None:
    peer.addTrack(VideoStreamTrack())


@asynccontextmanager
async def aiortc_server(
    prepare: Callable[[RTCPeerConnection], None],
) -> AsyncIterator[tuple[str, RTCPeerConnection]]:
    """Answers one POST with an aiortc connection that `prepare` has seen."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))

    async def post(request: web.Request) -> web.Response:
        await peer.setRemoteDescription(RTCSessionDescription(await request.text(), "offer"))
        prepare(peer)
        answer = await peer.createAnswer()
        assert answer is not None
        await peer.setLocalDescription(answer)
        return web.Response(status=201, text=peer.localDescription.sdp, content_type="application/sdp")

    app = web.Application()
    app.router.add_post("/", post)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/", peer
    finally:
        await peer.close()
        await runner.cleanup()


@pytest.mark.parametrize(("encoding", "encoder"), [("H264", "libx264"), ("VP8", "libvpx")])
async def test_aiortc_decodes_what_we_publish(encoding: str, encoder: str) -> None:
    tracks: asyncio.Queue[MediaStreamTrack] = asyncio.Queue()

    def prepare(peer: RTCPeerConnection) -> None:
        for transceiver in peer.getTransceivers():
            tracks.put_nowait(transceiver.receiver.track)

    async with aiortc_server(prepare) as (url, _):
        track = PublishTrack("video", offer_codecs("video", [encoding]), "s", "t", "cname", ssrc=10, rtx_ssrc=11)
        publisher = Publisher(url, [track], OPTIONS)
        await publisher.start()
        remote = await tracks.get()
        frames = encoded(encoder)

        async def publish() -> None:
            for frame in itertools.cycle(frames):
                publisher.send(0, frame, time.monotonic())
                await asyncio.sleep(1 / 30)

        publishing = asyncio.ensure_future(publish())
        try:
            async with asyncio.timeout(PATIENCE_S):
                sizes = set()
                for _ in range(10):
                    frame = await remote.recv()
                    assert isinstance(frame, VideoFrame)
                    sizes.add((frame.width, frame.height))
        finally:
            publishing.cancel()
        assert sizes == {(320, 240)}
        await publisher.close()


async def test_we_receive_what_aiortc_publishes() -> None:
    packets: list[header.RtpPacket] = []
    complete = asyncio.Event()

    def on_rtp(packet: bytes) -> None:
        packets.append(header.parse(packet))
        if sum(parsed.marker for parsed in packets) >= 5:
            complete.set()

    async with (
        aiortc_server(send_picture) as (url, _),
        WhepSession(url, ("video",), OPTIONS, on_rtp=on_rtp) as session,
    ):
        (line,) = session.media
        async with asyncio.timeout(PATIENCE_S):
            await complete.wait()
        known = {number for ssrc in line.ssrcs for number in (ssrc.primary, ssrc.rtx)}
        assert {packet.ssrc for packet in packets} <= known
        sequences = [packet.sequence for packet in packets if packet.ssrc == line.ssrcs[0].primary]
        assert sequences == [(sequences[0] + step) & 0xFFFF for step in range(len(sequences))]


async def test_restart_is_refused_cleanly_by_a_server_that_cannot() -> None:
    async with aiortc_server(send_picture) as (url, _), WhepSession(url, ("video",), OPTIONS) as session:
        with pytest.raises(HttpFailed):
            await session.restart_ice()
        assert session.transport.is_connected


def test_pictures_fixture_decodes() -> None:
    frames = encoded("libx264")
    assert decoded_count("h264", list(frames)) == len(frames)
