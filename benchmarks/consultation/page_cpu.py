"""What the console's page uses of the processor with nine pictures, against a bare page with the same nine streams.

The bare page has nine video elements as large as the console's tiles and one connection, made through the same door.
CPU time is the renderers', where scripts, layout, decoding and painting run. The two pages are open at the same time,
each in a Chromium of its own: what a decoder needs drifts by a tenth from one minute to the next, more than what the
pages differ by.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, Playwright, StorageState, async_playwright

from benchmarks import machine
from benchmarks.chromium import launch
from benchmarks.consultation.room import JOIN, VIEWPORT, Room
from benchmarks.report import Figure, Report, against, middle

PICTURES = 9
# What cameras of video surveillance and this page's own camera send, and what the demonstration sends.
RATES = (25, 15)
ROUNDS = 7
ROUND_S = 20.0
SETTLE_S = 5.0
LIMIT = 1.10
LOOKS: dict[str, Any] = {"viewport": VIEWPORT, "ignore_https_errors": True, "locale": "zh-CN"}
DEADLINE_MS = 30_000
# Frames shown by one page against the other: beyond this they did not do the same work.
SAME_WORK = 0.05

PLAYING = """
async ([pictures, deadline]) => {
  const end = performance.now() + deadline;
  const playing = () => [...document.querySelectorAll('video')].filter((video) => video.currentTime > 0);
  while (playing().length < pictures) {
    if (performance.now() > end) throw new Error(`${playing().length} pictures play`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return playing().map((video) => {
    const {left, top, width, height} = video.getBoundingClientRect();
    return {left, top, width, height};
  });
}
"""
SHOWN = """
() => [...document.querySelectorAll('video')]
  .reduce((sum, video) => sum + video.getVideoPlaybackQuality().totalVideoFrames, 0)
"""
BARE = """
async ({token, cameras, boxes}) => {
  document.body.replaceChildren();
  document.body.style.background = '#000';
  const socket = new WebSocket('wss://' + location.host + '/api/v1/ws');
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onclose = ({code}) => reject(new Error(`the socket was closed: ${code}`));
  });
  const peer = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
  const heard = new Promise((resolve, reject) => {
    socket.onmessage = ({data}) => {
      const message = JSON.parse(data);
      if (message.t === 'answer') resolve(message);
      if (message.t === 'refused' || message.t === 'bye') reject(new Error(data));
    };
    setTimeout(() => reject(new Error('no answer')), 30000);
  });
  socket.send(JSON.stringify({t: 'hello', versions: [1], token, device: 'bare'}));
  const taken = cameras.map((source, place) => {
    const transceiver = peer.addTransceiver('video', {direction: 'recvonly'});
    const video = document.createElement('video');
    Object.assign(video, {muted: true, autoplay: true, playsInline: true});
    const {left, top, width, height} = boxes[place];
    Object.assign(video.style, {position: 'absolute', left: `${left}px`, top: `${top}px`, width: `${width}px`,
      height: `${height}px`});
    video.srcObject = new MediaStream([transceiver.receiver.track]);
    document.body.append(video);
    return {transceiver, source};
  });
  await peer.setLocalDescription();
  const lines = taken.map(({transceiver, source}) => ({mid: transceiver.mid, receive: {source, kind: 'video'}}));
  socket.send(JSON.stringify({t: 'offer', id: 'offer', sdp: peer.localDescription.sdp, lines}));
  await peer.setRemoteDescription({type: 'answer', sdp: (await heard).sdp});
}
"""


@dataclass(frozen=True, slots=True)
class Used:
    """What one page used in one round, as shares of a core, and the frames it showed in a second."""

    renderers: float
    browser: float
    frames: float


@dataclass(frozen=True, slots=True)
class Chromium:
    """A browser of its own for one page, so that what the page uses is what the browser's processes use."""

    browser: Browser
    pid: int

    @classmethod
    async def launch(cls, playwright: Playwright) -> Chromium:
        """Start it; it ends with Playwright."""
        before = set(machine.children(os.getpid()))
        browser = await launch(playwright)
        started = (pid for pid in machine.children(os.getpid()) if pid not in before)
        return cls(browser, next(pid for pid in started if b"chromium" in _command(pid)))

    def used_s(self) -> tuple[float, float]:
        """Return the CPU time of its renderers and of all its processes, in seconds."""
        of = {pid: _used_s(pid) for pid in (self.pid, *machine.children(self.pid))}
        return sum(used for pid, used in of.items() if b"--type=renderer" in _command(pid)), sum(of.values())


async def signed_in(room: Room, playwright: Playwright) -> StorageState:
    """Return what a browser keeps of the chair who has signed in: the link is good for one."""
    browser = await launch(playwright)
    state = await (await room.sign_in(browser)).storage_state()
    await browser.close()
    return state


async def console(room: Room, context: BrowserContext) -> tuple[Page, list[Any]]:
    """Open the console's page, in the consultation; return where its tiles are, too."""
    page = await context.new_page()
    await room.lobby(page)
    await page.locator(JOIN).click()
    return page, await page.evaluate(PLAYING, [PICTURES, DEADLINE_MS])


async def bare(room: Room, context: BrowserContext, boxes: list[Any]) -> Page:
    """Open the bare page."""
    page = await context.new_page()
    # Any document of the node's own will do: to one that is not, Chromium allows no connection to this machine.
    await page.goto(f"{room.server.url}/healthz")
    given = {"token": room.keys.token(room.made.chair), "cameras": room.made.cameras, "boxes": boxes}
    await page.evaluate(BARE, given)
    await page.evaluate(PLAYING, [PICTURES, DEADLINE_MS])
    return page


async def used(pages: Sequence[tuple[Chromium, Page]], seconds: float) -> list[Used]:
    """Measure pages over one and the same time."""
    loop = asyncio.get_running_loop()

    async def now() -> list[tuple[float, float, float, int]]:
        shown = [await page.evaluate(SHOWN) for _, page in pages]
        return [(loop.time(), *chromium.used_s(), frames) for (chromium, _), frames in zip(pages, shown, strict=True)]

    began = await now()
    await asyncio.sleep(seconds)
    found = []
    for then, since in zip(await now(), began, strict=True):
        took, *amounts = (late - early for late, early in zip(then, since, strict=True))
        found.append(Used(*(amount / took for amount in amounts)))
    return found


async def measure(room: Room, rounds: int, seconds: float, settle_s: float) -> list[tuple[Used, Used]]:
    """Return what the console's page and the bare one used in each round.

    Each round has browsers of its own, because how frames fall between the display's is another in each.
    """
    taken = []
    async with async_playwright() as playwright:
        state = await signed_in(room, playwright)
        for _ in range(rounds):
            ours, theirs = await Chromium.launch(playwright), await Chromium.launch(playwright)
            context = await ours.browser.new_context(storage_state=state, **LOOKS)
            page, boxes = await console(room, context)
            other = await bare(room, await theirs.browser.new_context(**LOOKS), boxes)
            await asyncio.sleep(settle_s)
            mine, its = await used([(ours, page), (theirs, other)], seconds)
            taken.append((mine, its))
            for chromium in (ours, theirs):
                await chromium.browser.close()
    return taken


def run(report: Report, *, rounds: int = ROUNDS, seconds: float = ROUND_S, settle_s: float = SETTLE_S) -> None:
    """Measure into `report`."""
    for rate in RATES:
        with ExitStack() as stack:
            room = Room.open(stack, PICTURES, fps=rate)
            taken = asyncio.run(measure(room, rounds, seconds, settle_s))
        tell(report, f"page with {PICTURES} pictures of {rate}/s", taken)


def tell(report: Report, what: str, taken: list[tuple[Used, Used]]) -> None:
    """Put the rounds into `report`."""
    of_renderers = [(ours.renderers, theirs.renderers) for ours, theirs in taken]
    of_browser = [(ours.browser, theirs.browser) for ours, theirs in taken]
    report.add(
        against(f"{what}: renderers", "cores", of_renderers, peer="bare page", limit=LIMIT),
        against(f"{what}: all of Chromium", "cores", of_browser, peer="bare page"),
        Figure(f"{what}: frames shown", middle([ours.frames for ours, _ in taken]), "1/s"),
    )
    for number, (ours, theirs) in enumerate(taken, 1):
        report.note(
            f"{what}, round {number}: renderers {ours.renderers:.1%} against {theirs.renderers:.1%} of a core, "
            f"{ours.frames:.0f} against {theirs.frames:.0f} frames/s"
        )
        if abs(ours.frames / theirs.frames - 1) > SAME_WORK:
            report.note(f"{what}, round {number}: DISTURBED: the pages did not show as many frames as each other")


def _used_s(pid: int) -> float:
    """CPU time of a process, ended threads' too; nothing when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
