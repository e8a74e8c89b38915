"""What a viewer's connection costs our server: memory, and five hundred of them coming back at once."""

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks import machine, shapes
from benchmarks.latency import Watched, describe, percentile, publish, watch
from benchmarks.load.path import Path as LoadPath
from benchmarks.peers.huishang import Huishang
from benchmarks.peers.model import DIAL_THREADS
from benchmarks.report import Figure, Report, against
from benchmarks.stage import received_by

MEMORY_VIEWERS = (50, 350)
MEMORY_LIMIT_KB = 180
# OpenSSL's part of a connection is kept for ten seconds, in case the last flight has to be repeated.
MEMORY_SETTLE_S = 14.0
STEADY_VIEWERS = 20
RECONNECTING = 500
RECONNECT_LIMIT_S = 15.0
BEFORE_S = 6.0
# What the p99 of two undisturbed stretches differs by; more is a disturbance.
UNDISTURBED = 1.25


def memory(report: Report, *, counts: tuple[int, int] = MEMORY_VIEWERS) -> None:
    """Resident memory by viewers, while picture and sound flow to all of them."""
    video, audio = shapes.trace(), shapes.opus()
    resident = []
    with ExitStack() as stack:
        server = Huishang()
        stack.callback(server.close)
        sender, _ = publish(server, ["source"], video, audio, stack)
        sender.send(True)
        connected = 0
        for count in counts:
            received_by(server.watch("source", count - connected), stack)
            connected = count
            time.sleep(MEMORY_SETTLE_S)
            resident.append(machine.resident_bytes(server.pid))
    per_viewer = (resident[1] - resident[0]) / (counts[1] - counts[0])
    report.add(Figure("memory per viewer connection", per_viewer / 1000, "kB", limit=MEMORY_LIMIT_KB))
    report.note(
        f"server's resident memory with {counts[0]} viewers {resident[0] / 1e6:.0f} MB, "
        f"with {counts[1]} {resident[1] / 1e6:.0f} MB"
    )


def reconnect(report: Report, *, count: int = RECONNECTING, steady: int = STEADY_VIEWERS) -> None:
    """Viewers vanish all at once and come back, over HTTPS, while others go on watching."""
    video = shapes.trace()
    with ExitStack() as stack:
        server = Huishang(tls=True)
        stack.callback(server.close)
        sender, flows = publish(server, ["source", "other"], video, None, stack)
        watched = watch(server, ["other"] * steady, sender, flows, stack, video.packets_per_second * 4)
        with ExitStack() as first:
            received_by(server.watch("source", count), first)
            sender.send(True)
            time.sleep(BEFORE_S / 2)
            before = watched.record(BEFORE_S)
        during, came_back, took = _come_back(server, watched, count)
        receiver = received_by(came_back, stack)
        time.sleep(BEFORE_S / 2)
        served = sum(bool(receiver.viewer(index)["streams"]) for index in range(len(came_back)))
    what = f"{count} viewers reconnecting"
    report.add(
        Figure(f"{what}, time until all are back", took, "s", limit=RECONNECT_LIMIT_S),
        Figure(f"{what}, without picture afterwards", count - served, "viewers", limit=0),
        against(
            f"in-to-out p99 of others, {what}",
            percentile(during, 99),
            "ms",
            peer="before",
            peer_value=percentile(before, 99),
            limit=UNDISTURBED,
        ),
    )
    report.note(f"before: {describe(before)}; meanwhile: {describe(during)}")


def _come_back(
    server: Huishang, watched: Watched, count: int
) -> tuple[npt.NDArray[np.float64], Sequence[LoadPath], float]:
    """Reconnect everybody as fast as they can, recording meanwhile: (delays, paths, seconds)."""
    began = time.monotonic()
    with ThreadPoolExecutor(DIAL_THREADS) as pool:
        waiting = [pool.submit(server.watch_once, "source") for _ in range(count)]
        during = watched.record(BEFORE_S)
        paths = [one.result() for one in waiting]
    return during, paths, time.monotonic() - began


def run(report: Report) -> None:
    """Measure all of this module's figures into `report`."""
    machine.raise_file_limit()
    machine.pin(machine.LOAD_CORE)
    memory(report)
    reconnect(report)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    report = Report("connections")
    run(report)
    report.show()
    if asked.json:
        report.write(asked.json)
    raise SystemExit(report.status)


if __name__ == "__main__":
    main()
