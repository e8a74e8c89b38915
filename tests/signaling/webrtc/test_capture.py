"""Capture times of a field unit on a long way: the round trip of its handshake is in what viewers are told."""

from __future__ import annotations

import asyncio
import time

import pytest

from huishang.demo.detour import Detour
from huishang.demo.link import Shape
from media.rtp import header, rtcp
from signaling.client.http import HttpOptions
from signaling.client.publisher import Publisher
from signaling.client.session import SessionOptions, WhepSession
from signaling.sdp.offer import PublishTrack, offer_codecs
from tests.patience import PATIENCE_S, until
from tests.signaling.dtls.pairs import context
from tests.signaling.node import EVERYTHING, running_node

WAY_S = 0.25
#: What DESIGN.md claims for our own sender, of a way that is six times as long.
ALLOWED_S = 0.04
OPTIONS = SessionOptions(HttpOptions(EVERYTHING), context("client"), connect_seconds=PATIENCE_S)


class Watcher(WhepSession):
    """Reads the capture time of the newest picture by the newest sender report, as a page does."""

    def __init__(self, url: str) -> None:
        super().__init__(f"{url}/whep/far", ("video",), OPTIONS, on_rtp=self._on_rtp, on_rtcp=self._on_rtcp)
        self.report: rtcp.SenderReport | None = None
        self.newest: header.RtpPacket | None = None

    def _on_rtp(self, packet: bytes) -> None:
        self.newest = header.parse(packet)

    def _on_rtcp(self, compound: bytes) -> None:
        self.report = next((item for item in rtcp.parse(compound) if isinstance(item, rtcp.SenderReport)), self.report)

    def capture(self) -> tuple[int, float] | None:
        """Return the number of the newest picture, and when it was taken by what the server says (UTC, s)."""
        if self.report is None or self.newest is None:
            return None
        ticks = ((self.newest.timestamp - self.report.rtp + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)
        utc = self.report.ntp / 2**32 - rtcp.NTP_EPOCH_OFFSET_SECONDS + ticks / 90_000
        return int.from_bytes(self.newest.payload[-4:], "big"), utc


#: The handshake's round trip holds what sender and server computed meanwhile: on a machine that paused just then the
#: unit connects again.
ATTEMPTS = 5
ATTEMPT_S = PATIENCE_S / ATTEMPTS


@pytest.mark.parametrize("off_s", [0.0, 5000.0], ids=["right-clock", "wrong-clock"])
async def test_capture_time_knows_the_way(monkeypatch: pytest.MonkeyPatch, off_s: float) -> None:
    found: list[float] = []
    utc_ns = time.time_ns
    async with running_node() as node, Detour(node.url, None, Shape(delay_s=WAY_S)) as detour:
        while len(found) < ATTEMPTS and not (found and abs(found[-1]) < ALLOWED_S):
            with monkeypatch.context() as clock:
                clock.setattr(time, "time_ns", lambda: utc_ns() + int(off_s * 1e9))
                publisher = await _publishing(detour.url)
            try:
                found.append(await _off_s(node.url, publisher))
            finally:
                await publisher.close()
    print(f"capture time off by {found[-1] * 1000:.1f} ms after a way of {WAY_S * 1000:.0f} ms")
    assert abs(found[-1]) < ALLOWED_S, found


async def _publishing(url: str) -> Publisher:
    track = PublishTrack("video", offer_codecs("video", ["VP8"]), "s", "t", "cname", ssrc=10, rtx_ssrc=11)
    publisher = Publisher(f"{url}/whip/far", [track], OPTIONS)
    await publisher.start()
    return publisher


async def _off_s(url: str, publisher: Publisher) -> float:
    """By how much the capture time is off, once it is true or the attempt is over."""
    taken: list[float] = []

    async def play() -> None:
        while True:
            # A keyframe of one packet as far as a relay looks (RFC 6386 section 9.1); its end is its number.
            picture = b"\x10\x02\x00\x9d\x01\x2a\x40\x01\xb4\x00" + len(taken).to_bytes(4, "big")
            taken.append(time.time())
            publisher.send(0, picture, asyncio.get_running_loop().time())
            await asyncio.sleep(0.05)

    async with Watcher(url) as viewer:
        playing = asyncio.ensure_future(play())
        over = time.monotonic() + ATTEMPT_S

        def error_s() -> float | None:
            # Not before the first report of its own, a second after the first picture.
            told = viewer.capture()
            return None if told is None else told[1] - taken[told[0]]

        def is_enough(error: float | None) -> bool:
            return error is not None and (abs(error) < ALLOWED_S or time.monotonic() > over)

        try:
            found: float | None = await until("a capture time", error_s, is_enough)
        finally:
            playing.cancel()
            await asyncio.wait([playing])
    assert found is not None
    return found
