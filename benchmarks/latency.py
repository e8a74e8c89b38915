"""How long our server keeps a packet: all-to-all groups, Python holding the GIL meanwhile, one publisher to many."""

import os
import signal
import time
from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np

from benchmarks import machine, shapes
from benchmarks.peers.huishang import Huishang
from benchmarks.report import Figure, Report, arguments, conclude
from benchmarks.watched import watch

GROUPS = 15
PARTIES = 8
SETTLE_S = 3.0
RECORD_S = 8.0
FAN_OUT = (10, 100, 300)
LIMIT_MS = 2.5
LIMIT_HELD_MS = 3.5


def groups(report: Report, *, groups: int = GROUPS, parties: int = PARTIES, seconds: float = RECORD_S) -> None:
    """All-to-all groups with picture and sound; then the same while Python holds the GIL."""
    video, audio = shapes.trace(), shapes.opus()
    names = [[f"group-{group}-{party}" for party in range(parties)] for group in range(groups)]
    sources = [name for group in names for name in group]
    watching = [other for group in names for mine in group for other in group if other != mine]
    with ExitStack() as stack:
        server = Huishang(module="benchmarks.gil_hold")
        stack.callback(server.close)
        watched = watch(server, sources, watching, stack, video=video, audio=audio)
        watched.sender.send(True)
        time.sleep(SETTLE_S)
        before = machine.Use.of(server.pid)
        free = watched.record(seconds)
        use = machine.Use.of(server.pid).since(before)
        os.kill(server.pid, signal.SIGUSR1)
        time.sleep(SETTLE_S)
        held = watched.record(seconds)
    what = f"{groups} groups of {parties}, all to all, with sound"
    report.add(
        Figure(f"in-to-out p99, {what}", free.percentile(99), "ms", limit=LIMIT_MS),
        Figure(f"in-to-out p99, {what}, GIL held 100 ms/s", held.percentile(99), "ms", limit=LIMIT_HELD_MS),
    )
    report.note(f"{what}: {video.name} and {audio.name}, {len(watching)} connections, {use.cores:.2f} of a core")
    report.note(f"{what}: {use.others_told}")
    report.note(f"{what}, free: {free}")
    report.note(f"{what}, GIL held: {held}")


def fan_out(report: Report, *, counts: Sequence[int] = FAN_OUT, seconds: float = RECORD_S) -> None:
    """One publisher to N viewers, traffic (a): how the delay grows with N."""
    typical: list[float] = []
    worst: list[float] = []
    for count in counts:
        with ExitStack() as stack:
            server = Huishang()
            stack.callback(server.close)
            watched = watch(server, ["source"], ["source"] * count, stack, video=shapes.frames())
            watched.sender.send(True)
            time.sleep(SETTLE_S)
            delays = watched.record(seconds)
        typical.append(delays.percentile(50))
        worst.append(delays.percentile(99))
        report.note(f"one publisher to {count}: {delays}")
    for name, values in (("median", typical), ("p99", worst)):
        slope, _ = np.polyfit(counts, values, 1)
        report.add(Figure(f"in-to-out {name}, one publisher to N, slope", float(slope) * 1000, "us/viewer"))


def run(report: Report) -> None:
    """Measure all of this module's figures into `report`."""
    machine.be_the_load()
    groups(report)
    fan_out(report)


def main() -> None:
    asked = arguments(__doc__).parse_args()
    report = Report("latency")
    run(report)
    conclude(report, asked.json)


if __name__ == "__main__":
    main()
