"""A viewer whose link falls from 1.5 Mb/s to 400 kb/s and rises again: what that does to sound, picture and queue.

The link may queue a second's worth, as those of mobile networks do, so that the queueing delay is the server's doing.
Loss is by chance, in both directions; only the way down has a rate. It falls when the first picture has been there for
a settling time.

A freeze is what libwebrtc counts as one (`picture.freezes`). Sound is lost when it never came, and concealed when it
was not there in its turn (`sound`). Queueing delay is sampled every 20 ms on the way down. What is unused of the link
from ten seconds after it has risen are its bits, all headers included, that brought the viewer no packet that it did
not have: padding and copies of repairs use nothing.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack, closing
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.links.picture import freezes
from benchmarks.links.relay import Measured, rate_bps
from benchmarks.links.sound import Heard
from benchmarks.links.stage import TAIL_S, Ours, Site, at_once, behind, lateness, now_ns, publish, watched
from benchmarks.links.viewer import Viewer
from benchmarks.report import Figure, Report
from huishang.demo.link import NS, Link, Loss, Shape
from huishang.demo.relay import Relay

WIDE_BPS, NARROW_BPS = 1_500_000, 400_000
STEP_S = 14.0
SETTLE_S = 5.0
RECOVERY_S = 10.0
QUEUE_S = 1.0
# Cases that are measured beside one another: more, and the relay would be late.
AT_ONCE = 2
LOST_LIMIT, FREEZE_LIMIT_S, UNUSED_LIMIT, QUEUE_LIMIT_MS = 1.0, 2.0, 20.0, 300.0


@dataclass(frozen=True, slots=True)
class Case:
    """One link."""

    round_trip_s: float
    loss: float

    def __str__(self) -> str:
        return f"{self.round_trip_s * 1000:.0f} ms, {self.loss:.0%} loss"

    def way(self, rates: Sequence[tuple[float, float]], seed: int) -> Measured:
        """Make one direction."""
        shape = Shape(rates, self.round_trip_s / 2, QUEUE_S, Loss(self.loss))
        return Measured(Link(shape, seed, began_ns=0))


CASES = tuple(Case(round_trip_s, loss) for round_trip_s in (0.06, 0.6) for loss in (0.0, 0.05))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run came to."""

    heard: Heard
    frozen: Sequence[tuple[float, float]]
    """Each freeze: when it began and how long it was, in seconds."""
    frames: Sequence[int]
    """Frames shown in each step."""
    used: tuple[float, float, float]
    """Share of the link used while it was wide, while it was narrow, and in the ten seconds after it had risen."""
    new: tuple[float, float]
    """Share of the link that brought something new, headers included: in those ten seconds, and after them."""
    queued_ms: Sequence[float]
    feedbacks: int
    asked: tuple[int, int]
    """Packets, each time anew, and keyframes that the viewer asked for."""
    counts: tuple[int, int, int]
    """Datagrams sent into the link, dropped before and lost on it."""
    late_ms: Sequence[float]
    """By how much the relay was late with each."""

    def __str__(self) -> str:
        heard, used = self.heard, "/".join(f"{share:.0%}" for share in self.used)
        frozen = ", ".join(f"{long_s:.1f} s at {at_s:.1f} s" for at_s, long_s in self.frozen) or "never"
        return (
            f"sound {heard.never:.1%} never, {heard.concealed:.1%} concealed, longest gap {heard.longest_gap_s:.2f} s; "
            f"frozen {frozen}; frames {'/'.join(map(str, self.frames))}; link used {used}, with "
            f"something new in the first 10 s of recovery {self.new[0]:.0%}; asked for {self.asked[0]} packets, "
            f"{self.asked[1]} keyframes; {self.feedbacks} feedbacks; down the link {self.counts[0]} sent, "
            f"{self.counts[1]} dropped, {self.counts[2]} lost; relay late by {np.percentile(self.late_ms, 99):.1f} ms "
            f"at p99, {max(self.late_ms):.1f} ms at most"
        )


async def measure(site: Site, source: str, case: Case, step_s: float, settle_s: float) -> Outcome:
    """Watch through one link for three steps. Raises TimeoutError where no picture comes."""
    async with AsyncExitStack() as stack:
        down = case.way(rates(step_s), 2)
        relay = await stack.enter_async_context(watched(case.way((), 1), down))
        [viewer] = await stack.enter_async_context(behind(relay, site, source))
        await asyncio.sleep(settle_s)
        began_ns = now_ns()
        down.link.begin(began_ns)
        await asyncio.sleep(3 * step_s + TAIL_S)
        return outcome(relay, viewer, began_ns, round(step_s * NS))


def rates(step_s: float) -> Sequence[tuple[float, float]]:
    """What the link carries, and from when on."""
    return ((-math.inf, WIDE_BPS), (step_s, NARROW_BPS), (2 * step_s, WIDE_BPS))


def outcome(relay: Relay[Measured], viewer: Viewer, began_ns: int, step_ns: int) -> Outcome:
    """Say what was seen and heard in three steps."""
    down, shown_ns = relay.downlink, viewer.shown_ns
    ended_ns, back_ns = began_ns + 3 * step_ns, began_ns + 2 * step_ns
    recovered_ns = back_ns + min(round(RECOVERY_S * NS), step_ns)
    parts = range(began_ns, ended_ns, step_ns)
    return Outcome(
        heard=viewer.sound.heard(began_ns, ended_ns),
        frozen=freezes(shown_ns, began_ns, ended_ns),
        frames=[sum(part <= at_ns < part + step_ns for at_ns in shown_ns) for part in parts],
        used=(
            rate_bps(down.carried, began_ns, began_ns + step_ns) / WIDE_BPS,
            rate_bps(down.carried, began_ns + step_ns, back_ns) / NARROW_BPS,
            rate_bps(down.carried, back_ns, recovered_ns) / WIDE_BPS,
        ),
        new=(
            rate_bps(viewer.new, back_ns, recovered_ns) / WIDE_BPS,
            rate_bps(viewer.new, recovered_ns, ended_ns) / WIDE_BPS,
        ),
        queued_ms=[queued_s * 1000 for queued_s in down.queued_s(began_ns, ended_ns)],
        feedbacks=viewer.feedbacks,
        asked=(viewer.picture.packets_asked, viewer.picture.keyframes_asked),
        counts=(down.link.sent, down.link.dropped, down.link.lost),
        late_ms=[late_s * 1000 for late_s in down.late_s],
    )


def figures(case: Case, found: Outcome, name: str = "") -> list[Figure]:
    """The figures of one case; a server with a `name` is another one, and has no limits to keep."""
    what = f"{name and name + ': '}link 1.5-0.4-1.5 Mb/s, {case}"

    def figure(part: str, value: float, unit: str, limit: float | None = None) -> Figure:
        return Figure(f"{what}: {part}", value, unit, None if name else limit)

    return [
        figure("sound lost", found.heard.never * 100, "%", LOST_LIMIT),
        figure("sound concealed", found.heard.concealed * 100, "%"),
        figure("picture frozen", sum(long_s for _, long_s in found.frozen), "s", FREEZE_LIMIT_S),
        figure("unused from 10 s after recovery", (1 - found.new[1]) * 100, "%", UNUSED_LIMIT),
        figure("queueing delay p95", float(np.percentile(found.queued_ms, 95)), "ms", QUEUE_LIMIT_MS),
        figure("queueing delay, most", max(found.queued_ms), "ms"),
        lateness(what, found.late_ms),
    ]


def measure_all(
    report: Report, site: Site, cases: Sequence[Case], step_s: float, settle_s: float, name: str = ""
) -> None:
    """Measure into `report`, AT_ONCE cases beside one another.

    Each case has a camera of its own: a keyframe that one viewer asks for would come to the others too.
    """
    with ExitStack() as stack:
        sources = [f"scene-{number}" for number in range(min(AT_ONCE, len(cases)))]
        publish(site, sources, stack)
        for first in range(0, len(cases), AT_ONCE):
            pair = cases[first : first + AT_ONCE]
            runs = [
                partial(measure, site, source, case, step_s, settle_s)
                for source, case in zip(sources, pair, strict=False)
            ]
            for case, found in zip(pair, at_once(runs), strict=True):
                report.add(*figures(case, found, name))
                report.note(f"{name} {case}: {found}".strip())


def run(report: Report, *, cases: Sequence[Case] = CASES, step_s: float = STEP_S, settle_s: float = SETTLE_S) -> None:
    """Measure into `report`."""
    with closing(Ours()) as site:
        measure_all(report, site, cases, step_s, settle_s)
