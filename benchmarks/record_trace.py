"""Record what Chromium sends: sizes, times, marker bits and keyframes of its own H.264 at 1280x720.

Run once to make `benchmarks/data/chromium-720p-h264.json.gz`, which benchmarks replay. Chromium's fake camera sends to
an aiortc peer; nothing of the pictures is kept. Times are taken when a packet has come through aiortc, so packets
of one pacer burst lie a few hundred microseconds apart.
"""

import argparse
import asyncio
import gzip
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aioice.ice
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from aiortc.rtp import RtpPacket
from playwright.async_api import Page, async_playwright

from benchmarks.chromium import launch
from benchmarks.shapes import TRACE_FILE

PAGE = """
async () => {
  const stream = await navigator.mediaDevices.getUserMedia(
    {video: {width: 1280, height: 720, frameRate: 30}, audio: false});
  const peer = window.peer = new RTCPeerConnection();
  const [track] = stream.getVideoTracks();
  const transceiver = peer.addTransceiver(track, {direction: 'sendonly'});
  transceiver.setCodecPreferences(RTCRtpSender.getCapabilities('video').codecs.filter(
    codec => /rtx/.test(codec.mimeType) ||
      (/H264/.test(codec.mimeType) && /packetization-mode=1/.test(codec.sdpFmtpLine) &&
       /42[0-9a-f]{4}/.test(codec.sdpFmtpLine))));
  const parameters = transceiver.sender.getParameters();
  parameters.degradationPreference = 'maintain-resolution';
  await transceiver.sender.setParameters(parameters);
  await peer.setLocalDescription();
  await new Promise(done => {
    if (peer.iceGatheringState === 'complete') done();
    peer.onicegatheringstatechange = () => peer.iceGatheringState === 'complete' && done();
  });
  return peer.localDescription.sdp;
}
"""
STATISTICS = """
async () => [...(await window.peer.getStats()).values()].filter(report => report.type === 'outbound-rtp')
  .map(({frameWidth, frameHeight, framesPerSecond, encoderImplementation, framesEncoded}) =>
    ({frameWidth, frameHeight, framesPerSecond, encoderImplementation, framesEncoded}))[0]
"""
FRAME_TICKS = 3000
NAL_IDR, NAL_SPS, NAL_STAP_A, NAL_FU_A = 5, 7, 24, 28


@dataclass(slots=True)
class Capture:
    """The packets of the video stream, as (time in ns, packet)."""

    packets: list[tuple[int, RtpPacket]] = field(default_factory=list)

    def tap(self, receiver: RTCRtpReceiver) -> None:
        """Note every packet that aiortc gives to a receiver, before it does."""
        given: Any = receiver
        passed_on = given._handle_rtp_packet

        async def note(packet: RtpPacket, arrival_time_ms: int) -> None:
            self.packets.append((time.monotonic_ns(), packet))
            await passed_on(packet, arrival_time_ms)

        given._handle_rtp_packet = note


def is_keyframe(payload: bytes) -> bool:
    """Whether an H.264 RTP payload begins a keyframe (RFC 6184)."""
    kind = payload[0] & 31
    if kind == NAL_FU_A:
        return bool(payload[1] & 0x80) and payload[1] & 31 == NAL_IDR
    if kind == NAL_STAP_A:
        kind = payload[3] & 31
    return kind in (NAL_IDR, NAL_SPS)


def trim(packets: list[tuple[int, RtpPacket]], seconds: float) -> dict[str, Any]:
    """Cut `seconds` of whole frames, beginning with the last keyframe, and lay them out as the trace file."""
    media = [(at_ns, packet) for at_ns, packet in packets if packet.payload]
    keyframes = {packet.timestamp for _, packet in media if is_keyframe(packet.payload)}
    start = max(index for index, (_, packet) in enumerate(media) if packet.timestamp in keyframes)
    while media[start - 1][1].timestamp == media[start][1].timestamp:
        start -= 1
    first_ns, first = media[start]
    media = [(at_ns, packet) for at_ns, packet in media[start:] if at_ns - first_ns <= seconds * 1e9]
    while not media[-1][1].marker:
        media.pop()
    duration_ticks = (media[-1][1].timestamp - first.timestamp) & 0xFFFFFFFF
    return {
        "v": 1,
        "name": "Chromium 720p H.264",
        "period_us": (duration_ticks + FRAME_TICKS) * 100 // 9,
        "packets": [
            [
                (at_ns - first_ns) // 1000,
                (packet.timestamp - first.timestamp) & 0xFFFFFFFF,
                len(packet.payload),
                int(packet.marker),
                int(packet.timestamp in keyframes),
            ]
            for at_ns, packet in media
        ],
    }


async def capture(page: Page, settle: float, seconds: float) -> tuple[Capture, dict[str, Any]]:
    """Let the page send to an aiortc peer; ask for a keyframe when it has settled, and go on for `seconds`."""
    peer = RTCPeerConnection()
    captured = Capture()
    offer = await page.evaluate(PAGE)
    await peer.setRemoteDescription(RTCSessionDescription(sdp=offer, type="offer"))
    for receiver in peer.getReceivers():
        captured.tap(receiver)
    await peer.setLocalDescription(await peer.createAnswer())
    await page.evaluate(
        "answer => window.peer.setRemoteDescription(answer)",
        {
            "type": "answer",
            "sdp": peer.localDescription.sdp,
        },
    )
    await asyncio.sleep(settle)
    for receiver in peer.getReceivers():
        asking: Any = receiver
        await asking._send_rtcp_pli(captured.packets[-1][1].ssrc)
    await asyncio.sleep(seconds + 1)
    statistics = await page.evaluate(STATISTICS)
    await peer.close()
    return captured, statistics


async def record(file: Path, seconds: float, settle: float) -> None:
    """Capture for `settle` + `seconds` and keep `seconds`."""
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        page = await (await browser.new_context(permissions=["camera", "microphone"])).new_page()
        # Cameras open only in a secure context, which localhost is even when nobody serves it.
        await page.route("http://localhost/", lambda route: route.fulfill(body="<title>trace</title>"))
        await page.goto("http://localhost/")
        captured, statistics = await capture(page, settle, seconds)
        await browser.close()
    content = trim(captured.packets, seconds)
    frames = len({packet[1] for packet in content["packets"]})
    print(f"{statistics}")
    print(f"{len(content['packets'])} packets, {frames} frames, {content['period_us'] / 1e6:.1f} s")
    file.write_bytes(gzip.compress(json.dumps(content, separators=(",", ":")).encode(), mtime=0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--settle", type=float, default=15.0)
    parser.add_argument("--file", type=Path, default=TRACE_FILE)
    asked = parser.parse_args()
    asyncio.run(record(asked.file, asked.seconds, asked.settle))


if __name__ == "__main__":
    main()
