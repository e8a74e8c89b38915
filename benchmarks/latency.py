"""How long our server keeps a packet: all-to-all groups, Python holding the GIL meanwhile, one publisher to many.

In-to-out is from just before the publisher's send call to the kernel's receive stamp at the viewer's socket; on
loopback a datagram is at the other socket when its send call returns, so this is the server's time and the wake-up's.
"""

import argparse
import os
import random
import signal
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks import machine, shapes
from benchmarks.delay import DelayError, match
from benchmarks.load import records
from benchmarks.load.path import Path as LoadPath
from benchmarks.load.receive import Receiver
from benchmarks.load.send import Sender
from benchmarks.peers.huishang import Huishang
from benchmarks.peers.model import Publication, at_once
from benchmarks.report import Figure, Report
from benchmarks.stage import received_by

GROUPS = 15
PARTIES = 8
SETTLE_S = 3.0
RECORD_S = 8.0
# Departures are recorded for so long before arrivals are, so that each arrival has its departure.
LEAD_S = 1.5
FAN_OUT = (10, 100, 300)
LIMIT_MS = 2.5
LIMIT_HELD_MS = 3.5
SEED = 20260101


@dataclass(slots=True)
class Watched:
    """Publishers, their viewers, and which viewer watches whom; the viewers come last, all at once."""

    server: Huishang
    stack: ExitStack
    sender: Sender
    receiver: Receiver
    flows: dict[tuple[str, str], int] = field(default_factory=dict)
    """(source, kind) -> flow of the sender."""
    watching: list[str] = field(default_factory=list)
    """The source that each viewer of the receiver watches."""

    def record(self, seconds: float) -> npt.NDArray[np.float64]:
        """Record for a while and return all delays in milliseconds.

        Raises:
            DelayError: none could be told.
        """
        self.sender.record(True)
        time.sleep(LEAD_S)
        self.receiver.record(True)
        time.sleep(seconds)
        self.receiver.record(False)
        self.sender.record(False)
        return self._delays()

    def _delays(self) -> npt.NDArray[np.float64]:
        left, came = records.read(self.sender.recorded()), records.read(self.receiver.recorded())
        by_flow = {flow: left[left["path"] == flow] for flow in self.flows.values()}
        order = np.lexsort((came["ssrc"], came["path"]))
        came = came[order]
        edges = np.flatnonzero((np.diff(came["path"]) != 0) | (np.diff(came["ssrc"]) != 0)) + 1
        found = []
        unmatched = 0
        for stream in np.split(came, edges):
            kind = self._kind(int(stream["path"][0]), int(stream["ssrc"][0]))
            flow = self.flows.get((self.watching[int(stream["path"][0])], kind))
            if flow is None:
                continue
            try:
                found.append(match(by_flow[flow], stream).delays_ns)
            except DelayError:
                unmatched += 1
        if not found or unmatched > len(found) // 20:
            raise DelayError(f"{unmatched} of {unmatched + len(found)} streams could not be matched")
        return np.concatenate(found) / 1e6

    def _kind(self, viewer: int, ssrc: int) -> str:
        for stream in self.receiver.viewer(viewer)["streams"]:
            if stream["ssrc"] == ssrc:
                return "audio" if stream["payload_type"] == 111 else "video"
        return ""


def publish(
    server: Huishang, sources: Sequence[str], video: shapes.Shape, audio: shapes.Shape | None, stack: ExitStack
) -> tuple[Sender, dict[tuple[str, str], int]]:
    """Publish so many sources, each beginning at a random place of its shape; nothing flows yet."""
    randomly = random.Random(SEED)
    shape_of: dict[shapes.Kind, shapes.Shape] = {"video": video}
    if audio:
        shape_of["audio"] = audio
    made: list[Publication] = at_once(lambda place: server.publish(sources[place], list(shape_of)), len(sources))
    packets = sum(shape.packets_per_second for shape in shape_of.values()) * len(sources)
    sender = Sender(2 * len(sources), records=int(packets * RECORD_S * 2), core=machine.LOAD_CORE)
    flows: dict[tuple[str, str], int] = {}
    for publication in made:
        [path] = publication.paths
        stack.callback(path.socket.close)
        index = sender.add_path(path)
        for track in publication.tracks:
            shape = shape_of[track.kind]
            flows[publication.source, track.kind] = sender.add_flow(
                index,
                shape,
                ssrc=track.ssrc,
                payload_type=track.payload_type,
                audio_level_id=track.audio_level_id,
                phase_ns=randomly.randrange(shape.period_ns),
            )
    sender.start()
    stack.callback(sender.stop)
    return sender, flows


def watch(
    server: Huishang,
    watching: Sequence[str],
    sender: Sender,
    flows: dict[tuple[str, str], int],
    stack: ExitStack,
    packets_per_viewer: float,
) -> Watched:
    """Connect viewers, each to its source."""
    paths: list[LoadPath] = at_once(lambda place: server.watch_once(watching[place]), len(watching))
    receiver = received_by(paths, stack, records=int(packets_per_viewer * len(paths) * RECORD_S * 1.5))
    return Watched(server, stack, sender, receiver, flows, list(watching))


def groups(report: Report, *, groups: int = GROUPS, parties: int = PARTIES, seconds: float = RECORD_S) -> None:
    """All-to-all groups with picture and sound; then the same while Python holds the GIL."""
    video, audio = shapes.trace(), shapes.opus()
    names = [[f"group-{group}-{party}" for party in range(parties)] for group in range(groups)]
    sources = [name for group in names for name in group]
    watching = [other for group in names for mine in group for other in group if other != mine]
    per_viewer = video.packets_per_second + audio.packets_per_second
    with ExitStack() as stack:
        server = Huishang(module="benchmarks.gil_hold")
        stack.callback(server.close)
        sender, flows = publish(server, sources, video, audio, stack)
        watched = watch(server, watching, sender, flows, stack, per_viewer)
        sender.send(True)
        time.sleep(SETTLE_S)
        before = machine.Use.of(server.pid)
        free = watched.record(seconds)
        use = machine.Use.of(server.pid).since(before)
        os.kill(server.pid, signal.SIGUSR1)
        time.sleep(SETTLE_S)
        held = watched.record(seconds)
    what = f"{groups} groups of {parties}, all to all, with sound"
    report.add(
        Figure(f"in-to-out p99, {what}", percentile(free, 99), "ms", limit=LIMIT_MS),
        Figure(f"in-to-out p99, {what}, GIL held 100 ms/s", percentile(held, 99), "ms", limit=LIMIT_HELD_MS),
    )
    report.note(f"{what}: {video.name} and {audio.name}, {len(watching)} connections, {use.cores:.2f} of a core")
    report.note(use.others_told)
    report.note(f"free: {describe(free)}; GIL held: {describe(held)}")


def fan_out(report: Report, *, counts: Sequence[int] = FAN_OUT, seconds: float = RECORD_S) -> None:
    """One publisher to N viewers, traffic (a): how the delay grows with N."""
    video = shapes.frames()
    typical: list[float] = []
    worst: list[float] = []
    for count in counts:
        with ExitStack() as stack:
            server = Huishang()
            stack.callback(server.close)
            sender, flows = publish(server, ["source"], video, None, stack)
            watched = watch(server, ["source"] * count, sender, flows, stack, video.packets_per_second)
            sender.send(True)
            time.sleep(SETTLE_S)
            delays = watched.record(seconds)
        typical.append(percentile(delays, 50))
        worst.append(percentile(delays, 99))
        report.note(f"one publisher to {count}: {describe(delays)}")
    for name, values in (("median", typical), ("p99", worst)):
        slope, _ = np.polyfit(counts, values, 1)
        report.add(Figure(f"in-to-out {name}, one publisher to N, slope", float(slope) * 1000, "us/viewer"))


def percentile(delays: npt.NDArray[np.float64], share: float) -> float:
    return float(np.percentile(delays, share))


def describe(delays: npt.NDArray[np.float64]) -> str:
    """The distribution in one line."""
    shown = ", ".join(f"p{share:g} {percentile(delays, share):.2f}" for share in (50, 90, 99, 99.9))
    return f"{shown}, max {delays.max():.2f} ms of {len(delays)} packets"


def run(report: Report) -> None:
    """Measure all of this module's figures into `report`."""
    machine.raise_file_limit()
    machine.pin(machine.LOAD_CORE)
    groups(report)
    fan_out(report)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    report = Report("latency")
    run(report)
    report.show()
    if asked.json:
        report.write(asked.json)
    raise SystemExit(report.status)


if __name__ == "__main__":
    main()
