"""A headless Chromium behind the same links: what its own statistics say of the step and of the satellite.

A bare page that views by WHEP. The way to the server is in the answer, whose candidates are moved to the relay; the
page's HTTP goes straight. Figures are differences of `getStats` between two moments; freezes and concealed sound are
libwebrtc's own. Its sound is concealed with something like the last block, so a share of it is what NetEq did not have
in time; a mean concealment is one unbroken stretch of that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack, closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from playwright.async_api import Page, Route, async_playwright

from benchmarks.chromium import launch
from benchmarks.links import geo, step
from benchmarks.links.relay import Measured
from benchmarks.links.stage import DEADLINE_S, TAIL_S, Ours, at_once, lateness, now_ns, publish, watched
from benchmarks.report import Figure, Report
from huishang.demo.detour import best_candidate, redirect_candidates
from huishang.demo.link import NS
from huishang.demo.relay import Relay

STEP = step.Case(0.06, 0.0)
PAGE = """
async ({ url, token }) => {
  const connection = new RTCPeerConnection();
  const element = document.createElement("video");
  Object.assign(element, { autoplay: true, srcObject: new MediaStream() });
  document.body.append(element);
  connection.addTransceiver("video", { direction: "recvonly" });
  connection.addTransceiver("audio", { direction: "recvonly" });
  connection.ontrack = ({ track }) => element.srcObject.addTrack(track);
  const first = new Promise((resolve) => element.requestVideoFrameCallback(resolve));
  await connection.setLocalDescription(await connection.createOffer());
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/sdp" };
  const response = await fetch(url, { method: "POST", headers, body: connection.localDescription.sdp });
  if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
  await connection.setRemoteDescription({ type: "answer", sdp: await response.text() });
  globalThis.connection = connection;
  await first;
}
"""
STATISTICS = """
async () => {
  const found = {};
  for (const entry of (await connection.getStats()).values()) {
    if (entry.type === "inbound-rtp") found[entry.kind] = entry;
  }
  return found;
}
"""


@dataclass(frozen=True, slots=True)
class Watched:
    """What Chromium says of a time, and what the link did in it."""

    frozen_s: float
    """Freezes and pauses: libwebrtc takes a picture that is not sent for 5 s for one that is not wanted."""
    freezes: int
    frames_a_second: float
    concealed: float
    """Share of the sound."""
    concealment_ms: float
    """Mean length of what was concealed in one go; 0 where nothing was."""
    queued_ms: list[float]
    late_ms: list[float]
    asked: tuple[int, int]
    """NACKs and PLIs."""


async def measure(
    browser: Callable[[], Awaitable[Page]],
    site: Ours,
    source: str,
    ways: tuple[Measured, Measured],
    settle_s: float,
    measured_s: float,
) -> Watched:
    """Watch in a page through a link. Raises TimeoutError where no picture comes."""
    up, down = ways
    async with AsyncExitStack() as stack:
        relay = await stack.enter_async_context(watched(up, down))
        page = await browser()
        await page.route("**/whep/*", partial(_redirect, relay))
        await page.goto(f"{site.url}/healthz")
        async with asyncio.timeout(DEADLINE_S):
            await page.evaluate(PAGE, {"url": f"/whep/{source}", "token": site.token})
        await asyncio.sleep(settle_s)
        before = await page.evaluate(STATISTICS)
        began_ns = now_ns()
        down.link.begin(began_ns)
        await asyncio.sleep(measured_s)
        ended_ns = now_ns()
        after = await page.evaluate(STATISTICS)
        await page.context.close()
    return told(before, after, (ended_ns - began_ns) / NS, down.queued_s(began_ns, ended_ns), down.late_s)


async def _redirect(relay: Relay[Measured], route: Route) -> None:
    """Answer a page's offer, with the relay for the server's address."""
    answer = await route.fetch()
    text = await answer.text()
    target = best_candidate(text)
    if target is None:
        await route.fulfill(response=answer)
        return
    relay.target = target
    await route.fulfill(response=answer, body=redirect_candidates(text, relay.address))


def told(
    before: dict[str, Any], after: dict[str, Any], seconds: float, queued_s: list[float], late_s: list[float]
) -> Watched:
    """Read two of the page's statistics, `inbound-rtp` by kind (W3C webrtc-stats)."""

    def grown(kind: str, name: str) -> float:
        return float(after[kind].get(name, 0)) - float(before[kind].get(name, 0))

    samples, events = grown("audio", "totalSamplesReceived"), grown("audio", "concealmentEvents")
    concealed = grown("audio", "concealedSamples")
    return Watched(
        frozen_s=grown("video", "totalFreezesDuration") + grown("video", "totalPausesDuration"),
        freezes=round(grown("video", "freezeCount")),
        frames_a_second=grown("video", "framesDecoded") / seconds,
        concealed=concealed / samples if samples else 1.0,
        concealment_ms=concealed / events / 48 if events else 0.0,
        queued_ms=[one * 1000 for one in queued_s],
        late_ms=[one * 1000 for one in late_s],
        asked=(round(grown("video", "nackCount")), round(grown("video", "pliCount"))),
    )


def figures(what: str, found: Watched, freeze_limit_s: float | None, apart_limit_ms: float | None) -> list[Figure]:
    """The figures of one link."""
    apart_ms = 1000 / found.frames_a_second if found.frames_a_second else float("inf")
    return [
        Figure(f"Chromium, {what}: picture frozen", found.frozen_s, "s", freeze_limit_s),
        Figure(f"Chromium, {what}: mean time between frames", apart_ms, "ms", apart_limit_ms),
        Figure(f"Chromium, {what}: sound concealed", found.concealed * 100, "%"),
        Figure(f"Chromium, {what}: mean concealment", found.concealment_ms, "ms"),
        Figure(f"Chromium, {what}: queueing delay p95", float(np.percentile(found.queued_ms, 95)), "ms"),
        lateness(f"Chromium, {what}", found.late_ms),
    ]


async def both(
    site: Ours, sources: tuple[str, str], step_s: float, settle_s: float, geo_s: float
) -> tuple[Watched, Watched]:
    """Watch the step and the satellite beside one another."""
    async with async_playwright() as playwright, AsyncExitStack() as stack:
        browser = await launch(playwright)
        stack.push_async_callback(browser.close)

        async def page() -> Page:
            return await (await browser.new_context(bypass_csp=True)).new_page()

        stepping = STEP.way((), 1), STEP.way(step.rates(step_s), 2)
        first, second = await asyncio.gather(
            measure(page, site, sources[0], stepping, settle_s, 3 * step_s + TAIL_S),
            measure(page, site, sources[1], geo.ways(), settle_s, geo_s),
        )
        return first, second


def run(
    report: Report,
    *,
    step_s: float = step.STEP_S,
    settle_s: float = step.SETTLE_S,
    geo_s: float = geo.MEASURED_S,
) -> None:
    """Measure into `report`."""
    sources = "scene-0", "scene-1"
    with closing(Ours()) as site, ExitStack() as stack:
        publish(site, sources, stack)
        [(stepped, satellite)] = at_once([lambda: both(site, sources, step_s, settle_s, geo_s)])
    for what, found, limits in (
        (f"link 1.5-0.4-1.5 Mb/s, {STEP}", stepped, (step.FREEZE_LIMIT_S, None)),
        ("satellite", satellite, (None, 1000 / geo.LEAST_FRAMES)),
    ):
        report.add(*figures(what, found, *limits))
        report.note(f"Chromium, {what}: {found.freezes} freezes; {found.asked[0]} NACKs, {found.asked[1]} PLIs")
