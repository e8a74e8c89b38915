"""A publisher that knows no transport-wide feedback, behind a thin uplink: aiortc does what our REMB tells it."""

from __future__ import annotations

import fractions
from contextlib import AsyncExitStack

import numpy as np
import pytest
from aiortc import RTCRtpReceiver
from av import VideoFrame

from huishang.demo.detour import best_candidate, redirect_candidates
from huishang.demo.link import NS, Shape
from huishang.demo.relay import UdpRelay
from tests.patience import until
from tests.peers.aiortc_ends import FRAMES_A_SECOND, SIZE, ColourTrack, End
from tests.peers.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="package")

#: aiortc sends VP8 at 500 kb/s until it is told otherwise, and never at less than 250.
BEGINS_BPS, UPLINK_BPS = 500_000, 400_000
UPLINK = Shape(((0.0, UPLINK_BPS),), 0.03, 1.0)


class NoiseTrack(ColourTrack):
    """Pictures that fill whatever rate an encoder is given."""

    async def recv(self) -> VideoFrame:
        number = await self.next_number()
        coarse = np.random.default_rng(number).integers(0, 256, (SIZE[1] // 8, SIZE[0] // 8, 3), np.uint8)
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(np.kron(coarse, np.ones((8, 8, 1), np.uint8))), "rgb24")
        frame.pts = number * 90_000 // FRAMES_A_SECOND
        frame.time_base = fractions.Fraction(1, 90_000)
        return frame


class Camera(End):
    """Publishes noise as VP8, all of its media over a relay."""

    def __init__(self, url: str, token: str, ends: AsyncExitStack) -> None:
        super().__init__(url, token)
        self._ends = ends
        self.connection.addTrack(NoiseTrack("red"))
        capabilities = RTCRtpReceiver.getCapabilities("video")
        assert capabilities is not None
        wanted = [item for item in capabilities.codecs if item.mimeType in ("video/VP8", "video/rtx")]
        self.connection.getTransceivers()[0].setCodecPreferences(wanted)

    async def answered(self, answer: str) -> str:
        target = best_candidate(answer)
        assert target is not None
        self.relay = await self._ends.enter_async_context(UdpRelay(target, UPLINK))
        self.answer = answer
        return redirect_candidates(answer, self.relay.address)

    @property
    def target_bps(self) -> int:
        """What the encoder is to make now; what it begins with before it is there."""
        encoder = self.connection.getSenders()[0]._RTCRtpSender__encoder  # type: ignore[attr-defined]
        return int(encoder.target_bitrate) if encoder is not None else BEGINS_BPS

    def queued_s(self) -> float:
        """How long what is sent now waits for the uplink."""
        return self.relay.uplink.link.queued_s(round(self.relay._loop.time() * NS))


async def test_aiortc_comes_down_to_what_its_uplink_carries(server: Server) -> None:
    async with AsyncExitStack() as ends, Camera(f"{server.url}/whip/thin", server.token, ends) as camera:
        assert "goog-remb" in camera.answer and "transport-cc" not in camera.answer
        await until("a full uplink", camera.queued_s, lambda queued: queued > 0.06)
        await until("a REMB", lambda: camera.target_bps, lambda bps: bps < UPLINK_BPS)
        await until("a short queue", camera.queued_s, lambda queued: queued < 0.1)
        await until("its rate", lambda: camera.target_bps, lambda bps: 0.75 * UPLINK_BPS < bps < 1.2 * UPLINK_BPS)
