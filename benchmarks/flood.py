"""How late our server's control loop comes while 8,000 forged STUN requests a second arrive.

Three kinds of forgery, one after another, and before them none. The loop is asked three ways meanwhile: by a probe in
the server process that reads the kernel's stamps (the figure with the limit), by valid connectivity checks that only
control may answer, and by HTTP on a kept connection. A picture is relayed to some viewers all the time.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from urllib.parse import urlsplit

import numpy as np

from benchmarks import machine, shapes
from benchmarks.load.questions import ConnectivityCheck, HttpGet, LoopDelay, Session, ask_all
from benchmarks.loop_probe import PORT_FILE
from benchmarks.peers.huishang import Huishang
from benchmarks.peers.model import end, start
from benchmarks.report import Figure, Report, arguments, conclude
from benchmarks.watched import Watched, watch
from signaling.client.session import remote_parameters

A_SECOND = 8_000
LIMIT_MS = 10.0
SETTLE_S = 3.0
STRETCH_S = 8.0
VIEWERS = 20
# So many known user names that what the plane lets through to control is bounded by its allowance for all strangers
# together, 1,000 a second, and not by the allowances of single sessions, 20 a second: the worst that can happen.
SESSIONS = 60
# A flood that came slower than this share of its rate is not the one that was asked for.
LEAST_RATE = 0.95
KINDS = {"stranger": "unknown ufrag", "forged": "wrong integrity", "truncated": "truncated"}


class FloodError(Exception):
    """The flood was not the one that was asked for."""


def measure(report: Report, watched: Watched, kind: str | None) -> None:
    """Ask for a while, during a flood of this kind or none, and report."""
    server = watched.server
    what = f"{A_SECOND} STUN/s, {KINDS[kind]}" if kind else "no flood"
    with ExitStack() as stack:
        # New ones for each stretch: the server gives up a session that has no keys after 30 s.
        answered = [server.ask_to_watch("source") for _ in range(SESSIONS)]
        sessions = [Session(remote_parameters(accepted.remote), local) for local, accepted in answered]
        delay = stack.enter_context(LoopDelay(int((server.data_dir / PORT_FILE).read_text())))
        checks = stack.enter_context(ConnectivityCheck(sessions))
        gets = stack.enter_context(HttpGet(urlsplit(server.url).port or 0))
        before = delay.counters()
        watched.begin()
        flood = begin_flood(kind, sessions, stack) if kind else None
        use = machine.Use.of(server.pid)
        ask_all([delay, checks, gets], STRETCH_S)
        use = machine.Use.of(server.pid).since(use)
        delays = watched.end()
        tell_loop(report, what, delay)
        for name, question in (("loop", delay), ("check answered by control", checks), ("HTTP", gets)):
            report.note(f"{what}: {name} {question}")
        report.note(f"{what}: relayed meanwhile, {delays}")
        report.note(f"{what}: of a core {use.threads_told}; {use.others_told}")
        if flood:
            took = wait_for(flood)
            tell_flood(report, what, took, before, delay.counters())


def tell_loop(report: Report, what: str, delay: LoopDelay) -> None:
    """Add the figures of one stretch; a question without an answer has no delay, and is a fault."""
    if len(delay.took_ms) < delay.asked:
        report.missed(what, FloodError(f"{delay.asked - len(delay.took_ms)} questions to the loop were not answered"))
    for name, share, limit in (("median", 50, None), ("p99", 99, None), ("max", 100, LIMIT_MS)):
        value = float(np.percentile(delay.took_ms, share))
        report.add(Figure(f"control loop delay, {name}, {what}", value, "ms", limit=limit))


def tell_flood(report: Report, what: str, took: float, before: dict[str, int], after: dict[str, int]) -> None:
    """Note where the flood ended, by counter, and complain if it was too slow; `took` is in seconds."""
    counted = {reason: count - before.get(reason, 0) for reason, count in after.items()}
    told = ", ".join(f"{reason} {count}" for reason, count in counted.items() if count)
    sent = int(A_SECOND * STRETCH_S)
    unseen = sent - sum(counted.values())
    report.note(f"{what}: {sent} sent in {took:.1f} s; without effect: {told}; not counted {unseen}")
    if took * LEAST_RATE > STRETCH_S:
        report.missed(what, FloodError(f"only {sent / took:.0f} a second were sent"))


def begin_flood(kind: str, sessions: Sequence[Session], stack: ExitStack) -> subprocess.Popen[bytes]:
    """Start the flood on the load's core and return when its first datagram is about to leave."""
    _, media_port = sessions[0].remote.candidates[0]
    numbers = [str(media_port), str(A_SECOND), str(int(A_SECOND * STRETCH_S))]
    usernames = [session.username for session in sessions]
    flood = start(
        [sys.executable, "-m", "benchmarks.load.stun_flood", kind, *numbers, *usernames],
        core=machine.LOAD_CORE,
        stdout=subprocess.PIPE,
    )
    stack.callback(end, flood)
    assert flood.stdout is not None
    stack.callback(flood.stdout.close)
    if flood.stdout.readline() != b"begun\n":
        raise FloodError("the flood did not begin")
    return flood


def wait_for(flood: subprocess.Popen[bytes]) -> float:
    """The seconds that a flood took, once it is over."""
    assert flood.stdout is not None
    return float(flood.stdout.readline())


def run(report: Report) -> None:
    """Measure into `report`."""
    machine.be_the_load()
    with ExitStack() as stack:
        server = Huishang(module="benchmarks.loop_probe")
        stack.callback(server.close)
        watched = watch(server, ["source"], ["source"] * VIEWERS, stack, video=shapes.trace())
        watched.sender.send(True)
        time.sleep(SETTLE_S)
        for kind in (None, *KINDS):
            measure(report, watched, kind)


def main() -> None:
    asked = arguments(__doc__).parse_args()
    report = Report("flood")
    run(report)
    conclude(report, asked.json)


if __name__ == "__main__":
    main()
