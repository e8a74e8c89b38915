"""aiortc as a peer: a publisher of one colour and one tone, a viewer that decodes them.

`python -m tests.peers.aiortc_ends URL TOKEN COLOUR TONE CODEC` publishes until it is killed.
"""

from __future__ import annotations

import asyncio
import fractions
import ssl
import sys
from collections.abc import Callable
from typing import Final, Self
from urllib.parse import urljoin

import aiohttp
import aioice.ice
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

from tests.patience import PATIENCE_S
from tests.peers import colour, tone

FRAMES_A_SECOND: Final = 15
SIZE: Final = (320, 240)


def loopback_only() -> None:
    """Let aiortc offer the loopback, which it leaves out, and nothing else."""
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]


class _Paced(MediaStreamTrack):
    """A track that yields at a steady rate."""

    seconds_each: float

    def __init__(self) -> None:
        super().__init__()
        self._count = -1
        self._begun = 0.0

    async def next_number(self) -> int:
        if self.readyState != "live":
            raise MediaStreamError
        now = asyncio.get_running_loop().time()
        self._count += 1
        if self._count == 0:
            self._begun = now
        await asyncio.sleep(max(0.0, self._begun + self._count * self.seconds_each - now))
        return self._count


class ColourTrack(_Paced):
    kind = "video"
    seconds_each = 1 / FRAMES_A_SECOND

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    async def recv(self) -> VideoFrame:
        number = await self.next_number()
        frame = colour.solid(self._name, *SIZE)
        frame.pts = number * 90_000 // FRAMES_A_SECOND
        frame.time_base = fractions.Fraction(1, 90_000)
        return frame


class ToneTrack(_Paced):
    kind = "audio"
    seconds_each = tone.BLOCK / tone.RATE_HZ

    def __init__(self, frequency_hz: float) -> None:
        super().__init__()
        self._frequency_hz = frequency_hz

    async def recv(self) -> AudioFrame:
        number = await self.next_number()
        frame = tone.block(self._frequency_hz, number)
        frame.pts = number * tone.BLOCK
        frame.time_base = fractions.Fraction(1, tone.RATE_HZ)
        return frame


class End:
    """One aiortc connection to the server, negotiated on entering, ended on both sides on leaving."""

    #: What is done to the offer before it is sent.
    change: Callable[[str], str] = staticmethod(lambda offer: offer)

    def __init__(self, url: str, token: str) -> None:
        """`url` is the whole URL of a WHIP or WHEP endpoint."""
        loopback_only()
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._url = url
        tls = ssl.create_default_context()
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls), headers={"Authorization": f"Bearer {token}"}
        )
        self.location = ""

    @property
    def srtp_profile(self) -> str:
        """Name of the SRTP profile that was negotiated, as OpenSSL calls it."""
        transport = self.connection.getTransceivers()[0].receiver.transport
        assert transport._ssl is not None
        return transport._ssl.get_selected_srtp_profile().decode()

    async def __aenter__(self) -> Self:
        try:
            await self._negotiate()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    async def _negotiate(self) -> None:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        offer = self.change(self.connection.localDescription.sdp)
        headers = {"Content-Type": "application/sdp"}
        async with self._http.post(self._url, data=offer, headers=headers) as response:
            response.raise_for_status()
            self.location = urljoin(self._url, response.headers["Location"])
            answer = await self.answered(await response.text())
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def answered(self, answer: str) -> str:
        """Change the server's answer before it is read; here not at all."""
        return answer

    async def close(self) -> None:
        """End the session on the server (if it still is) and here."""
        if self.location:
            async with self._http.delete(self.location):
                pass
        await self._http.close()
        await self.connection.close()


class Publisher(End):
    """Publishes one colour and one tone."""

    def __init__(self, url: str, token: str, colour_name: str, tone_hz: float, codec: str = "H264") -> None:
        super().__init__(url, token)
        self.connection.addTrack(ColourTrack(colour_name))
        self.connection.addTrack(ToneTrack(tone_hz))
        video = self.connection.getTransceivers()[0]
        capabilities = RTCRtpReceiver.getCapabilities("video")
        assert capabilities is not None
        names = (f"video/{codec}", "video/rtx")
        video.setCodecPreferences([item for item in capabilities.codecs if item.mimeType in names])


class Viewer(End):
    """Decodes a source's picture and sound."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(url, token)
        for kind in ("video", "audio"):
            self.connection.addTransceiver(kind, direction="recvonly")

    def _track(self, kind: str) -> MediaStreamTrack:
        return next(item.receiver.track for item in self.connection.getTransceivers() if item.kind == kind)

    async def shows(self, colour_name: str) -> None:
        """Wait until a decoded picture has the colour."""
        seen: str | None = "nothing"
        try:
            async with asyncio.timeout(PATIENCE_S):
                while seen != colour_name:
                    frame = await self._track("video").recv()
                    assert isinstance(frame, VideoFrame)
                    seen = colour.of_frame(frame)
        except TimeoutError:
            raise AssertionError(f"{seen} is seen, not {colour_name}") from None

    async def next_colours(self, count: int) -> set[str | None]:
        """Return the colours of so many of the next decoded pictures."""
        seen: set[str | None] = set()
        async with asyncio.timeout(PATIENCE_S):
            for _ in range(count):
                frame = await self._track("video").recv()
                assert isinstance(frame, VideoFrame)
                seen.add(colour.of_frame(frame))
        return seen

    async def hears(self, tone_hz: float) -> None:
        """Wait until a fifth of a second of sound has its most energy at the tone."""
        heard = 0.0
        try:
            async with asyncio.timeout(PATIENCE_S):
                while abs(heard - tone_hz) > tone.TOLERANCE_HZ:
                    blocks = []
                    for _ in range(10):
                        frame = await self._track("audio").recv()
                        assert isinstance(frame, AudioFrame)
                        blocks.append(tone.samples_of(frame))
                    heard = tone.loudest_hz(np.concatenate(blocks))
        except TimeoutError:
            raise AssertionError(f"{heard} Hz is heard, not {tone_hz} Hz") from None


async def main(url: str, token: str, colour_name: str, tone_hz: str, codec: str) -> None:
    """Publish until the process is killed."""
    async with Publisher(url, token, colour_name, float(tone_hz), codec):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
