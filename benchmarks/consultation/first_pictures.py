"""From the click on "join" to the first frame of all eight pictures, on the console's page in Chromium.

Browser, server and senders share this machine's cores; the steps in between tell whose time it was.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from itertools import pairwise
from typing import Any

from playwright.async_api import Page, async_playwright

from benchmarks.chromium import launch
from benchmarks.consultation.room import JOIN, Room
from benchmarks.report import Figure, Report, middle

PICTURES = 8
TIMES = 9
LIMIT_MS = 600
DEADLINE_MS = 30_000
# A sender is asked for keyframes at most so often; who comes sooner would wait for that.
BETWEEN_S = 0.7

# Keeps when what happened; the page knows nothing of it.
WATCH = """
const names = ['clicks', 'acts', 'done', 'states', 'peers', 'offers', 'answers', 'connected', 'frames'];
const seen = window.seen = Object.fromEntries(names.map((name) => [name, []]));
addEventListener('click', ({target}) => {
  if (target.closest('.lobby-acts button.main')) seen.clicks.push(performance.now());
}, true);
const Socket = WebSocket;
window.WebSocket = class extends Socket {
  constructor(...given) {
    super(...given);
    this.addEventListener('message', ({data}) => {
      if (data.startsWith('{"t":"done"')) seen.done.push(performance.now());
      else if (data.startsWith('{"t":"state","topic":"consultation:')) seen.states.push(performance.now());
    });
  }
  send(data) {
    if (data.includes('"t":"offer"')) seen.offers.push(performance.now());
    else if (data.includes('"consultation.join"')) seen.acts.push(performance.now());
    super.send(data);
  }
};
const Real = RTCPeerConnection;
window.RTCPeerConnection = class extends Real {
  constructor(...given) {
    super(...given);
    seen.peers.push(performance.now());
    this.addEventListener('connectionstatechange', () => {
      if (this.connectionState === 'connected') seen.connected.push(performance.now());
    });
  }
  setRemoteDescription(...given) {
    seen.answers.push(performance.now());
    return super.setRemoteDescription(...given);
  }
};
new MutationObserver((changes) => {
  for (const {addedNodes} of changes) for (const node of addedNodes) {
    const videos = node instanceof HTMLVideoElement ? [node] : node.querySelectorAll?.('video') ?? [];
    for (const video of videos) video.requestVideoFrameCallback((now) => seen.frames.push(performance.now()));
  }
}).observe(document, {childList: true, subtree: true});
"""
# The page's own rules forbid Playwright's way of waiting for an expression.
ALL_SEEN = """
async ([pictures, deadline]) => {
  const end = performance.now() + deadline;
  while (seen.frames.length < pictures) {
    if (performance.now() > end) throw new Error(`in vain: ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return seen;
}
"""


# In the order in which they happen.
STEPS = {
    "clicks": "click",
    "acts": "join said",
    "done": "join answered",
    "states": "state",
    "peers": "connection made",
    "offers": "offer",
    "answers": "answer",
    "connected": "connected",
    "frames": "first frame",
}


async def once(room: Room, page: Page, pictures: int) -> dict[str, Any]:
    """Join on a page loaded anew; return what happened when: milliseconds since the click."""
    await room.lobby(page)
    await page.locator(JOIN).click()
    seen: dict[str, Any] = await page.evaluate(ALL_SEEN, [pictures, DEADLINE_MS])
    await page.goto("about:blank")
    clicked = seen["clicks"][0]
    return {name: [at - clicked for at in times] for name, times in seen.items()}


async def measure(room: Room, times: int, pictures: int) -> list[dict[str, Any]]:
    """Join so many times; the first, with everything cold, is left out."""
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        try:
            context = await room.sign_in(browser)
            await context.add_init_script(WATCH)
            page = await context.new_page()
            taken = []
            for _ in range(times + 1):
                taken.append(await once(room, page, pictures))
                await asyncio.sleep(BETWEEN_S)
        finally:
            await browser.close()
    return taken[1:]


def run(report: Report, *, times: int = TIMES, pictures: int = PICTURES) -> None:
    """Measure into `report`."""
    with ExitStack() as stack:
        room = Room.open(stack, pictures)
        taken = asyncio.run(measure(room, times, pictures))
    what = f"join click to {pictures} pictures in Chromium"
    last = [one["frames"][pictures - 1] for one in taken]
    report.add(Figure(f"{what}, median", middle(last), "ms", limit=LIMIT_MS))
    steps = {
        f"{STEPS[begin]} to {STEPS[end]}": [one[end][0] - one[begin][0] for one in taken]
        for begin, end in pairwise(STEPS)
    }
    steps["first frame to last"] = [one["frames"][pictures - 1] - one["frames"][0] for one in taken]
    report.add(*(Figure(f"{what}: {name}", middle(ms), "ms") for name, ms in steps.items()))
    report.note(f"{what}, ms: " + ", ".join(f"{one:.0f}" for one in sorted(last)))
    more = max(len(one["offers"]) for one in taken)
    if more > 1:
        report.note(f"{what}: up to {more} offers were made")
