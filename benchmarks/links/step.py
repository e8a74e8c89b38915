"""A viewer whose link falls from 1.5 Mb/s to 400 kb/s and rises again: what that does to sound, picture and queue.

The link may queue a second's worth, as those of mobile networks do, so that the queueing delay is the server's doing.
Loss is by chance, in both directions; only the way down has a rate. It falls when the first picture has been there for
a settling time.

A freeze is a gap of more than half a second between frames that could be decoded, counted whole. Sound is missed when
it never came, or more than 200 ms later than was usual in the seconds around it. Queueing delay is sampled every 20 ms
on the way down. What is unused of the link from ten seconds after it has risen are its bits, all headers included, that
brought the viewer no packet that it did not have: padding and copies of repairs use nothing.
"""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass

import numpy as np

from benchmarks import machine
from benchmarks.links.picture import freezes
from benchmarks.links.relay import Measured, precise, rate_bps, watch
from benchmarks.links.sound import Heard
from benchmarks.links.viewer import Viewer
from benchmarks.load.pictures import SENDING
from benchmarks.peers.huishang import Huishang
from benchmarks.peers.model import PeerError, end, start
from benchmarks.report import Figure, Report
from huishang.demo.link import NS, Link, Loss, Shape
from huishang.demo.relay import Relay

WIDE_BPS, NARROW_BPS = 1_500_000, 400_000
STEP_S = 20.0
SETTLE_S = 5.0
RECOVERY_S = 10.0
# What is on its way when the time is over may still come.
TAIL_S = 2.0
QUEUE_S = 1.0
DEADLINE_S = 30.0
SOURCE = "scene"
MISSED_LIMIT, FREEZE_LIMIT_S, UNUSED_LIMIT, QUEUE_LIMIT_MS = 1.0, 2.0, 20.0, 300.0


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
    """Decodable frames of each step."""
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
            f"sound {heard.never:.1%} never, {heard.late:.1%} late, longest gap {heard.longest_gap_s:.2f} s; "
            f"frozen {frozen}; frames {'/'.join(map(str, self.frames))}; link used {used}, with "
            f"something new in the first 10 s of recovery {self.new[0]:.0%}; asked for {self.asked[0]} packets, "
            f"{self.asked[1]} keyframes; {self.feedbacks} feedbacks; down the link {self.counts[0]} sent, "
            f"{self.counts[1]} dropped, {self.counts[2]} lost; relay late by {np.percentile(self.late_ms, 99):.1f} ms "
            f"at p99, {max(self.late_ms):.1f} ms at most"
        )


async def measure(server: Huishang, case: Case, step_s: float, settle_s: float) -> Outcome:
    """Watch through one link for three steps. Raises TimeoutError where no picture comes."""
    rates = ((-math.inf, WIDE_BPS), (step_s, NARROW_BPS), (2 * step_s, WIDE_BPS))
    async with AsyncExitStack() as stack:
        relay = await stack.enter_async_context(
            Relay(("127.0.0.1", server.media_port), case.way((), 1), case.way(rates, 2))
        )
        sampling = asyncio.create_task(watch(relay))
        stack.callback(sampling.cancel)
        viewer = Viewer(f"{server.url}/whep/{SOURCE}", server.token, relay.address)
        async with asyncio.timeout(DEADLINE_S):
            await stack.enter_async_context(viewer)
            await viewer.sees()
        await asyncio.sleep(settle_s)
        began_ns = round(asyncio.get_running_loop().time() * NS)
        relay.downlink.link.begin(began_ns)
        await asyncio.sleep(3 * step_s + TAIL_S)
        return outcome(relay, viewer, began_ns, round(step_s * NS))


def outcome(relay: Relay[Measured], viewer: Viewer, began_ns: int, step_ns: int) -> Outcome:
    """Say what was seen and heard in three steps."""
    down, decodable_ns = relay.downlink, viewer.picture.decodable_ns
    ended_ns, back_ns = began_ns + 3 * step_ns, began_ns + 2 * step_ns
    recovered_ns = back_ns + min(round(RECOVERY_S * NS), step_ns)
    parts = range(began_ns, ended_ns, step_ns)
    return Outcome(
        heard=viewer.sound.heard(began_ns, ended_ns),
        frozen=freezes(decodable_ns, began_ns, ended_ns),
        frames=[sum(part <= at_ns < part + step_ns for at_ns in decodable_ns) for part in parts],
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


def figures(case: Case, found: Outcome) -> list[Figure]:
    """The figures of one case."""
    what = f"link 1.5-0.4-1.5 Mb/s, {case}"
    return [
        Figure(f"{what}: sound missed", found.heard.missed * 100, "%", MISSED_LIMIT),
        Figure(f"{what}: sound lost", found.heard.never * 100, "%", MISSED_LIMIT),
        Figure(f"{what}: picture frozen", sum(long_s for _, long_s in found.frozen), "s", FREEZE_LIMIT_S),
        Figure(f"{what}: unused from 10 s after recovery", (1 - found.new[1]) * 100, "%", UNUSED_LIMIT),
        Figure(f"{what}: queueing delay p95", float(np.percentile(found.queued_ms, 95)), "ms", QUEUE_LIMIT_MS),
        Figure(f"{what}: queueing delay, most", max(found.queued_ms), "ms"),
    ]


def publish(server: Huishang, stack: ExitStack) -> None:
    """Have a camera publish until the stack ends. Raises PeerError."""
    camera = start(
        [sys.executable, "-m", "benchmarks.links.camera", server.url, server.token, SOURCE],
        core=machine.LOAD_CORE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert camera.stdin is not None and camera.stdout is not None
    stack.callback(camera.stdout.close)
    stack.callback(end, camera)
    stack.callback(camera.stdin.close)
    if camera.stdout.readline() != SENDING:
        raise PeerError("the camera does not send")


def run(report: Report, *, cases: Sequence[Case] = CASES, step_s: float = STEP_S, settle_s: float = SETTLE_S) -> None:
    """Measure into `report`."""
    with ExitStack() as stack:
        server = Huishang()
        stack.callback(server.close)
        publish(server, stack)
        for case in cases:
            with asyncio.Runner(loop_factory=precise) as runner:
                found = runner.run(measure(server, case, step_s, settle_s))
            report.add(*figures(case, found))
            report.note(f"{case}: {found}")
