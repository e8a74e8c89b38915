"""From WHEP to the first decoded picture in Chromium, everything on this machine."""

import asyncio
from contextlib import ExitStack
from typing import Any

from playwright.async_api import Page, async_playwright

from benchmarks.chromium import launch
from benchmarks.peers.huishang import Huishang
from benchmarks.report import Figure, Report, arguments, conclude, middle

TIMES = 11
LIMIT_MS = 400
# A publisher's encoder is asked for keyframes at most so often; viewers that come sooner would wait for that.
BETWEEN_S = 0.7

PUBLISH = """
async ({token}) => {
  const stream = await navigator.mediaDevices.getUserMedia(
    {video: {width: 640, height: 360, frameRate: 30}, audio: true});
  const peer = window.publisher = new RTCPeerConnection();
  for (const track of stream.getTracks()) {
    const transceiver = peer.addTransceiver(track, {direction: 'sendonly', streams: [stream]});
    if (track.kind === 'video')
      transceiver.setCodecPreferences(RTCRtpSender.getCapabilities('video').codecs
        .filter(codec => /H264|rtx/.test(codec.mimeType)));
  }
  await peer.setLocalDescription();
  const response = await fetch('/whip/first-frame', {
    method: 'POST', body: peer.localDescription.sdp,
    headers: {'Content-Type': 'application/sdp', Authorization: `Bearer ${token}`}});
  if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
  await peer.setRemoteDescription({type: 'answer', sdp: await response.text()});
}
"""
WATCH = """
async ({token}) => {
  const video = document.createElement('video');
  video.muted = true;
  video.autoplay = true;
  document.body.append(video);
  const began = performance.now();
  const peer = new RTCPeerConnection();
  peer.addTransceiver('video', {direction: 'recvonly'});
  peer.addTransceiver('audio', {direction: 'recvonly'});
  const shown = new Promise(done => video.requestVideoFrameCallback((now) => done(now - began)));
  peer.ontrack = ({track, streams}) => {
    if (track.kind === 'video') video.srcObject = streams[0] ?? new MediaStream([track]);
  };
  await peer.setLocalDescription();
  const response = await fetch('/whep/first-frame', {
    method: 'POST', body: peer.localDescription.sdp,
    headers: {'Content-Type': 'application/sdp', Authorization: `Bearer ${token}`}});
  if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
  await peer.setRemoteDescription({type: 'answer', sdp: await response.text()});
  const took = await Promise.race([shown, new Promise((_, fail) => setTimeout(() => fail(
    new Error('no picture within 10 s')), 10000))]);
  const answered = response.headers.get('Location');
  await fetch(answered, {method: 'DELETE', headers: {Authorization: `Bearer ${token}`}});
  peer.close();
  video.remove();
  return took;
}
"""


async def measure(server: Huishang, times: int) -> list[float]:
    """Milliseconds from the offer to the first picture, so many times, the first left out."""
    token: dict[str, Any] = {"token": server.token}
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        try:
            context = await browser.new_context(permissions=["camera", "microphone"])
            await (await _page(await context.new_page(), server)).evaluate(PUBLISH, token)
            await asyncio.sleep(2)
            viewer = await _page(await context.new_page(), server)
            taken = []
            for _ in range(times + 1):
                taken.append(float(await viewer.evaluate(WATCH, token)))
                await asyncio.sleep(BETWEEN_S)
        finally:
            await browser.close()
    return taken[1:]


async def _page(page: Page, server: Huishang) -> Page:
    """An empty page of the server's origin, where cameras may be opened."""
    await page.route("**/empty", lambda route: route.fulfill(body="<!doctype html><body>", content_type="text/html"))
    await page.goto(f"{server.url}/empty")
    return page


def run(report: Report, *, times: int = TIMES) -> None:
    """Measure into `report`."""
    with ExitStack() as stack:
        server = Huishang()
        stack.callback(server.close)
        taken = sorted(asyncio.run(measure(server, times)))
    report.add(Figure("WHEP to first decoded frame in Chromium, median", middle(taken), "ms", limit=LIMIT_MS))
    report.note("WHEP to first frame, ms: " + ", ".join(f"{one:.0f}" for one in taken))


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--times", type=int, default=TIMES, help=f"connections to measure, default {TIMES}")
    asked = parser.parse_args()
    report = Report("first frame")
    run(report, times=asked.times)
    conclude(report, asked.json)


if __name__ == "__main__":
    main()
