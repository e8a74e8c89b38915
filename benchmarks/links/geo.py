"""A viewer behind a geostationary satellite: 600 ms, 512 kb/s, 2 % loss in bursts of four on the mean, both ways.

A gap in speech is what a listener's buffer conceals in one go (`sound`).
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, ExitStack, closing
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.links.picture import freezes
from benchmarks.links.relay import Measured
from benchmarks.links.sound import Heard
from benchmarks.links.stage import TAIL_S, Ours, Site, at_once, behind, lateness, now_ns, publish, watched
from benchmarks.links.step import LOST_LIMIT, QUEUE_LIMIT_MS, QUEUE_S
from benchmarks.report import Figure, Report
from huishang.demo.link import NS, Link, Loss, Shape

RATE_BPS = 512_000
SHAPE = Shape(((0.0, RATE_BPS),), 0.3, QUEUE_S, Loss(0.02, 4.0))
UP_SEED, DOWN_SEED = 1, 2
SETTLE_S = 8.0
MEASURED_S = 30.0
GAP_LIMIT_MS = 200.0
LEAST_FRAMES = 5.0
SOURCE = "scene"


@dataclass(frozen=True, slots=True)
class Seen:
    """What one run came to."""

    heard: Heard
    frames_a_second: float
    frozen_s: float
    queued_ms: list[float]
    late_ms: list[float]
    counts: tuple[int, int, int]
    """Datagrams sent into the link, dropped before and lost on it."""


def ways() -> tuple[Measured, Measured]:
    """Up and down."""
    return Measured(Link(SHAPE, UP_SEED)), Measured(Link(SHAPE, DOWN_SEED))


async def measure(site: Site, source: str, settle_s: float, measured_s: float) -> Seen:
    """Watch through the link. Raises TimeoutError where no picture comes."""
    up, down = ways()
    async with AsyncExitStack() as stack:
        relay = await stack.enter_async_context(watched(up, down))
        [viewer] = await stack.enter_async_context(behind(relay, site, source))
        await asyncio.sleep(settle_s)
        began_ns = now_ns()
        await asyncio.sleep(measured_s + TAIL_S)
    ended_ns = began_ns + round(measured_s * NS)
    shown_ns = viewer.shown_ns
    return Seen(
        heard=viewer.sound.heard(began_ns, ended_ns),
        frames_a_second=sum(began_ns <= at_ns < ended_ns for at_ns in shown_ns) / measured_s,
        frozen_s=sum(long_s for _, long_s in freezes(shown_ns, began_ns, ended_ns)),
        queued_ms=[queued_s * 1000 for queued_s in down.queued_s(began_ns, ended_ns)],
        late_ms=[late_s * 1000 for late_s in down.late_s],
        counts=(down.link.sent, down.link.dropped, down.link.lost),
    )


def figures(found: Seen) -> list[Figure]:
    """Limits are upper bounds, so the picture's is of the time from frame to frame."""
    what = "satellite, 600 ms, 512 kb/s, 2% loss in bursts"
    apart_ms = 1000 / found.frames_a_second if found.frames_a_second else float("inf")
    return [
        Figure(f"{what}: longest gap in speech", found.heard.longest_gap_s * 1000, "ms", GAP_LIMIT_MS),
        Figure(f"{what}: sound lost", found.heard.never * 100, "%", LOST_LIMIT),
        Figure(f"{what}: sound concealed", found.heard.concealed * 100, "%"),
        Figure(f"{what}: mean time between frames", apart_ms, "ms", 1000 / LEAST_FRAMES),
        Figure(f"{what}: picture frozen", found.frozen_s, "s"),
        Figure(f"{what}: queueing delay p95", float(np.percentile(found.queued_ms, 95)), "ms", QUEUE_LIMIT_MS),
        lateness(what, found.late_ms),
    ]


def run(report: Report, *, settle_s: float = SETTLE_S, measured_s: float = MEASURED_S) -> None:
    """Measure into `report`."""
    with closing(Ours()) as site, ExitStack() as stack:
        publish(site, [SOURCE], stack)
        [found] = at_once([partial(measure, site, SOURCE, settle_s, measured_s)])
        report.add(*figures(found))
        report.note(f"satellite: {found.frames_a_second:.1f} frames a second; sent, dropped, lost: {found.counts}")
