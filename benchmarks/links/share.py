"""Two viewers of one source, each with a connection of its own, behind one link of 1.5 Mb/s: do they share it?

The second comes when the first has its picture. Rates are of what was new to each viewer, headers included, over the
last half minute; by how much they differ is the share by which the larger is above the smaller.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack, closing
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.links.picture import freezes
from benchmarks.links.relay import Measured, rate_bps
from benchmarks.links.sound import Heard
from benchmarks.links.stage import TAIL_S, Ours, Site, at_once, behind, lateness, now_ns, publish, watched
from benchmarks.links.step import FREEZE_LIMIT_S, LOST_LIMIT, QUEUE_LIMIT_MS, QUEUE_S, WIDE_BPS
from benchmarks.report import Figure, Report
from huishang.demo.link import NS, Link, Shape

ROUND_TRIPS_S = (0.06, 0.6)
SETTLE_S = 10.0
MEASURED_S = 30.0
VIEWERS = 2
APART_LIMIT = 30.0


@dataclass(frozen=True, slots=True)
class Shared:
    """What one run came to; of each viewer where there are several."""

    rates_bps: Sequence[float]
    heard: Sequence[Heard]
    frozen_s: Sequence[float]
    frames_a_second: Sequence[float]
    queued_ms: Sequence[float]
    late_ms: Sequence[float]
    """By how much the relay was late with each datagram."""

    @property
    def apart(self) -> float:
        """By what share the larger rate is above the smaller; all of it where one got nothing."""
        least = min(self.rates_bps)
        return max(self.rates_bps) / least - 1 if least else 1.0


async def measure(site: Site, source: str, round_trip_s: float, settle_s: float, measured_s: float) -> Shared:
    """Watch twice through one link. Raises TimeoutError where no picture comes."""
    up, down = (
        Measured(Link(Shape(rates, round_trip_s / 2, QUEUE_S), seed))
        for rates, seed in (((), 1), (((0.0, WIDE_BPS),), 2))
    )
    async with AsyncExitStack() as stack:
        relay = await stack.enter_async_context(watched(up, down))
        viewers = await stack.enter_async_context(behind(relay, site, source, VIEWERS))
        await asyncio.sleep(settle_s)
        began_ns = now_ns()
        await asyncio.sleep(measured_s + TAIL_S)
    ended_ns = began_ns + round(measured_s * NS)
    shown = [viewer.shown_ns for viewer in viewers]
    return Shared(
        rates_bps=[rate_bps(viewer.new, began_ns, ended_ns) for viewer in viewers],
        heard=[viewer.sound.heard(began_ns, ended_ns) for viewer in viewers],
        frozen_s=[sum(long_s for _, long_s in freezes(moments, began_ns, ended_ns)) for moments in shown],
        frames_a_second=[sum(began_ns <= at_ns < ended_ns for at_ns in moments) / measured_s for moments in shown],
        queued_ms=[queued_s * 1000 for queued_s in down.queued_s(began_ns, ended_ns)],
        late_ms=[late_s * 1000 for late_s in down.late_s],
    )


def figures(round_trip_s: float, found: Shared) -> list[Figure]:
    """The figures of one link; what is lost or frozen is the worse viewer's."""
    what = f"two viewers share 1.5 Mb/s, {round_trip_s * 1000:.0f} ms"
    return [
        Figure(f"{what}: rates apart", found.apart * 100, "%", APART_LIMIT),
        Figure(f"{what}: used by both", sum(found.rates_bps) / WIDE_BPS * 100, "%"),
        Figure(f"{what}: sound lost", max(heard.never for heard in found.heard) * 100, "%", LOST_LIMIT),
        Figure(f"{what}: picture frozen", max(found.frozen_s), "s", FREEZE_LIMIT_S),
        Figure(f"{what}: frames a second", min(found.frames_a_second), "/s"),
        Figure(f"{what}: queueing delay p95", float(np.percentile(found.queued_ms, 95)), "ms", QUEUE_LIMIT_MS),
        lateness(what, found.late_ms),
    ]


def run(
    report: Report,
    *,
    round_trips_s: Sequence[float] = ROUND_TRIPS_S,
    settle_s: float = SETTLE_S,
    measured_s: float = MEASURED_S,
) -> None:
    """Measure into `report`, all links beside one another."""
    with closing(Ours()) as site, ExitStack() as stack:
        sources = [f"scene-{number}" for number in range(len(round_trips_s))]
        publish(site, sources, stack)
        runs = [
            partial(measure, site, source, round_trip_s, settle_s, measured_s)
            for source, round_trip_s in zip(sources, round_trips_s, strict=True)
        ]
        for round_trip_s, found in zip(round_trips_s, at_once(runs), strict=True):
            report.add(*figures(round_trip_s, found))
            rates = " and ".join(f"{rate / 1000:.0f} kb/s" for rate in found.rates_bps)
            report.note(f"two viewers, {round_trip_s * 1000:.0f} ms: {rates}")
