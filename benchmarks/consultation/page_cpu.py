"""What the console's page uses of the processor with nine pictures, against a bare page with the same nine streams.

The bare page has nine video elements as large as the console's tiles and one connection, made through the same door.
CPU time is the renderers', where scripts, layout, decoding and painting run; the two pages are never open together.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from benchmarks import machine
from benchmarks.chromium import launch
from benchmarks.consultation.room import JOIN, VIEWPORT, Room
from benchmarks.report import Figure, Report, against, middle

PICTURES = 9
ROUNDS = 5
ROUND_S = 20.0
SETTLE_S = 5.0
LIMIT = 1.10
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


def renderers() -> list[int]:
    """Return the renderer processes of the browser this process has started."""
    found = []
    for pid in machine.children(os.getpid()):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if b"--type=renderer" in command:
            found.append(pid)
    return found


def used_s(pids: list[int]) -> float:
    """Return the processes' CPU time, ended threads' too; those that have ended count nothing."""
    ticks = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


async def watched(page: Page, seconds: float, settle_s: float) -> Used:
    """Measure a page whose pictures play, after a while in which it comes to rest."""
    await asyncio.sleep(settle_s)
    mine, all_of_it = renderers(), [pid for pid in machine.children(os.getpid()) if _is_browser(pid)]
    loop = asyncio.get_running_loop()
    began, before, before_all = loop.time(), used_s(mine), used_s(all_of_it)
    shown = await page.evaluate(SHOWN)
    await asyncio.sleep(seconds)
    shown = await page.evaluate(SHOWN) - shown
    took = loop.time() - began
    return Used((used_s(mine) - before) / took, (used_s(all_of_it) - before_all) / took, shown / took)


async def console(room: Room, context: BrowserContext, seconds: float, settle_s: float) -> tuple[Used, list[Any]]:
    """Measure the console's page, in the consultation; return where its tiles were, too."""
    page = await context.new_page()
    await room.lobby(page)
    await page.locator(JOIN).click()
    boxes = await page.evaluate(PLAYING, [PICTURES, DEADLINE_MS])
    used = await watched(page, seconds, settle_s)
    await page.close()
    return used, boxes


async def bare(room: Room, browser: Browser, boxes: list[Any], seconds: float, settle_s: float) -> Used:
    """Measure the bare page."""
    context = await browser.new_context(viewport=VIEWPORT, ignore_https_errors=True)
    page = await context.new_page()
    # Any document of the node's own will do: to one that is not, Chromium allows no connection to this machine.
    await page.goto(f"{room.server.url}/healthz")
    given = {"token": room.keys.token(room.made.chair), "cameras": room.made.cameras, "boxes": boxes}
    await page.evaluate(BARE, given)
    await page.evaluate(PLAYING, [PICTURES, DEADLINE_MS])
    used = await watched(page, seconds, settle_s)
    await context.close()
    return used


async def measure(room: Room, rounds: int, seconds: float, settle_s: float) -> list[tuple[Used, Used]]:
    """Return what the console's page and the bare one used in each round; every second one goes the other way."""
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        try:
            context = await room.sign_in(browser)
            # Also warms the browser up.
            _, boxes = await console(room, context, 0.0, settle_s)
            taken = []
            for number in range(rounds):
                if number % 2:
                    theirs = await bare(room, browser, boxes, seconds, settle_s)
                    ours, _ = await console(room, context, seconds, settle_s)
                else:
                    ours, _ = await console(room, context, seconds, settle_s)
                    theirs = await bare(room, browser, boxes, seconds, settle_s)
                taken.append((ours, theirs))
        finally:
            await browser.close()
    return taken


def run(report: Report, *, rounds: int = ROUNDS, seconds: float = ROUND_S, settle_s: float = SETTLE_S) -> None:
    """Measure into `report`."""
    with ExitStack() as stack:
        room = Room.open(stack, PICTURES)
        taken = asyncio.run(measure(room, rounds, seconds, settle_s))
    what = f"page with {PICTURES} pictures"
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


def _is_browser(pid: int) -> bool:
    try:
        return b"chromium" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
