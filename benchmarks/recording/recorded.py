"""What recording costs: a node that relays and records, beside itself not recording, and a Janus that does the same.

Servers on one core, their recorders too, the load on the other. All sources are relayed to viewers all the time;
recordings of all of them begin and end between the rounds. The recorder's process is told apart from the server, which
pays for the tap, the acts and the book. With Janus a hundred sources and
their viewers are more than a core holds, so the cost of a relayed packet is measured with fewer, the recorder with a
hundred that nobody watches.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from benchmarks import machine, shapes
from benchmarks.load.receive import Receiver
from benchmarks.peers import janus
from benchmarks.peers.model import Server
from benchmarks.peers.videoroom import VideoRooms
from benchmarks.recording import kept
from benchmarks.recording.node import RecordingNode
from benchmarks.report import Figure, Report, against, arguments, conclude, middle
from benchmarks.shapes import Kind, Shape
from benchmarks.stage import Sample, StageError
from benchmarks.traffic import received_by, sent_by

#: What the figures are wanted of.
WANTED_SOURCES: Final = 100
VIEWERS: Final = 7
#: With that many viewers each.
SOURCES: Final = 25
#: Single ones differ by a fifth.
ROUNDS: Final = 8
ROUND_S: Final = 10.0
#: From a change until its stirring is over: files begun, entered in the book, closed.
SETTLE_S: Final = 2.0
WORKER_LIMIT: Final = 0.60
PYTHON_LIMIT: Final = 0.03
RELAY_LIMIT: Final = 1.05
BYTES_LIMIT_PERCENT: Final = 2.0
SEED: Final = 9
KINDS: Final[tuple[Kind, ...]] = ("video", "audio")
#: The control loop's thread, and what the plane's are called; what others there are keep books, journal and database.
MAIN, PLANE = "main", "plane"


def shape_of() -> dict[Kind, Shape]:
    """2 Mb/s of pictures with a keyframe every 2 s, and sound."""
    return {"video": shapes.frames(), "audio": shapes.opus()}


class Recorder(Server, Protocol):
    """A server that records what it relays."""

    recordings: Path
    """The folder of its files."""

    def record(self, on: bool) -> None:
        """Record everything from now on, or no longer."""

    def fault(self) -> str:
        """What it says is wrong with recording, "" when all is well or it says nothing."""


@dataclass(frozen=True, slots=True)
class Taken:
    """One round."""

    sample: Sample
    worker_ns: int
    """CPU time of the recorder's process."""
    written_mbps: float
    """How fast the folder grew."""
    fault: str
    """What the server says is wrong with recording, at the end."""

    @property
    def server_us_per_packet(self) -> float:
        """What the server itself used, all of its threads, by what came to the viewers."""
        return sum(self.sample.use.by_thread_ns.values()) / 1000 / self.sample.packets

    @property
    def plane_us_per_packet(self) -> float:
        """The part of it that the plane used."""
        used_ns = sum(ns for name, ns in self.sample.use.by_thread_ns.items() if name.startswith(PLANE))
        return used_ns / 1000 / self.sample.packets

    @property
    def main(self) -> float:
        """The control loop's part of a core."""
        return self.sample.use.by_thread_ns[MAIN] / 1e9 / self.sample.use.seconds

    @property
    def books(self) -> float:
        """The part of a core of threads that are neither loop nor plane: book, journal, database."""
        by_thread = self.sample.use.by_thread_ns
        used_ns = sum(ns for name, ns in by_thread.items() if name != MAIN and not name.startswith(PLANE))
        return used_ns / 1e9 / self.sample.use.seconds

    @property
    def worker(self) -> float:
        """The recorder's part of a core."""
        return self.worker_ns / 1e9 / self.sample.use.seconds


Pair = tuple[Taken, Taken]
"""Not recording and recording, one right after the other."""


@dataclass(frozen=True, slots=True)
class Hall:
    """A server with its sources, which flow, and their viewers; ended with `stack`."""

    server: Recorder
    receiver: Receiver
    packets_per_s: float
    """To all viewers."""

    @classmethod
    def open(cls, stack: ExitStack, server: Recorder, sources: Sequence[str], viewers: int) -> Hall:
        """Publish and watch. Raises PeerError or DialError."""
        shape = shape_of()
        published = [server.publish(source, KINDS) for source in sources]
        sender, _ = sent_by(published, shape, stack, phases=random.Random(SEED))
        paths = [path for source in sources for path in server.watch(source, viewers)] if viewers else []
        receiver = received_by(paths, stack)
        sender.send(True)
        rate = sum(each.packets_per_second for each in shape.values())
        return cls(server, receiver, rate * len(paths))

    def pairs(self, rounds: int, seconds: float) -> list[Pair]:
        """Measure in turns, every second time in the other order. Raises PeerError or StageError."""
        # The first recording starts what records; that belongs to none of the rounds.
        self._turn(True)
        time.sleep(seconds / 3)
        self._turn(False)
        is_on, found = False, list[Pair]()
        for number in range(rounds):
            taken: dict[bool, Taken] = {}
            for on in (False, True)[:: 1 if number % 2 == 0 else -1]:
                if on is not is_on:
                    self._turn(on)
                is_on, taken[on] = on, self._round(seconds)
            found.append((taken[False], taken[True]))
        if is_on:
            self._turn(False)
        if self.receiver.totals()[4]:
            raise StageError(f"{self.receiver.totals()[4]} packets are not authentic")
        return found

    def _turn(self, on: bool) -> None:
        self.server.record(on)
        time.sleep(SETTLE_S)

    def _round(self, seconds: float) -> Taken:
        pid, worker = self.server.pid, worker_of(self.server)
        # Looking through the folder takes a while, reading the counters does not: those stand next to each other.
        from_bytes, from_s = written(self.server.recordings), time.monotonic()
        from_worker_ns, before, from_packets = cpu_ns(worker), machine.Use.of(pid), self._packets()
        time.sleep(seconds)
        worker_ns, use, packets = cpu_ns(worker), machine.Use.of(pid).since(before), self._packets()
        grown, took_s = written(self.server.recordings) - from_bytes, time.monotonic() - from_s
        if worker_of(self.server) != worker:
            raise StageError("the recorder began anew")
        sample = Sample(use, packets - from_packets, int(self.packets_per_s * use.seconds))
        return Taken(sample, worker_ns - from_worker_ns, grown * 8 / 1e6 / took_s, self.server.fault())

    def _packets(self) -> int:
        return self.receiver.totals()[0] + self.receiver.dropped()


def worker_of(server: Recorder) -> int:
    """The process that records, 0 where it is the server itself."""
    return server.worker if isinstance(server, RecordingNode) else 0


def cpu_ns(process: int) -> int:
    """CPU time of a process, 0 where there is none."""
    return machine.cpu_ns(process) if process else 0


def written(folder: Path) -> int:
    """Bytes in the files below a folder."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:  # renamed meanwhile, and so seen under one name or the other
            continue
    return total


def per_mbps(pair: Pair) -> float:
    """What recording costs in all, as per cent of a core for each recorded Mb/s."""
    off, on = pair
    return (on.sample.use.cores - off.sample.use.cores) * 100 / on.written_mbps


def sound(taken: Sequence[Pair]) -> list[Pair]:
    """Those that nothing disturbed."""
    return [pair for pair in taken if all(each.sample.is_sound for each in pair)]


def told(report: Report, what: str, taken: Sequence[Pair]) -> tuple[list[Pair], bool]:
    """Say how the rounds went; return those to go by, and whether they hold limits."""
    good = sound(taken)
    on = [each for _, each in good or taken]
    report.note(
        f"{what}: {middle([each.sample.use.cores for each in on]):.2f} of a core in all while recording "
        f"{middle([each.written_mbps for each in on]):.1f} Mb/s; of the server {on[-1].sample.use.threads_told}"
    )
    if len(good) < len(taken):
        rounds = [each.sample for pair in taken for each in pair]
        others = max(each.use.others for each in rounds)
        came = min((each.packets / each.expected for each in rounds if each.expected), default=1.0)
        report.note(
            f"{what}: {len(taken) - len(good)} of {len(taken)} rounds DISTURBED: others used up to {others:.0%} of "
            f"the core, {came:.0%} of the viewers' traffic came at least"
        )
    if not good:
        report.missed(what, StageError("every round was disturbed: what is shown holds no limit"))
    return good or list(taken), bool(good)


def of_ours(report: Report, sources: int, viewers: int, rounds: int, seconds: float) -> list[Pair]:
    """Measure a node and add its figures; return the rounds."""
    what = f"recorded, {sources} sources x {viewers} viewers"
    with ExitStack() as stack:
        node = RecordingNode(sources)
        stack.callback(node.close)
        hall = Hall.open(stack, node, node.sources, viewers)
        all_taken = hall.pairs(rounds, seconds)
        found = kept.read(node.recordings, shape_of())
    taken, holds = told(report, what, all_taken)
    faults = sorted({each.fault for pair in all_taken for each in pair} - {""})
    whole = sources >= WANTED_SOURCES and holds
    worker = middle([on.worker for _, on in taken])
    main_more = middle([on.main - off.main for off, on in taken])
    books_more = middle([on.books - off.books for off, on in taken])

    report.add(
        Figure(f"{what}: the recorder", worker, "cores", WORKER_LIMIT if whole else None),
        Figure(f"{what}: the recorder, of each source", worker / sources * 100, "% of a core"),
        Figure(f"{what}: the server's Python, more", main_more, "cores", PYTHON_LIMIT if whole else None),
        Figure(f"{what}: the server's Python, in all", middle([on.main for _, on in taken]), "cores"),
        Figure(f"{what}: book, journal and database, more", books_more, "cores"),
        Figure(f"{what}: gaps for want of room in the ring", found.gaps["ring"], "gaps", 0),
        Figure(f"{what}: gaps for want of a faster disk", found.gaps["disk"], "gaps", 0),
        Figure(f"{what}: troubles that /healthz tells of", len(faults), "", 0),
        Figure(f"{what}: bytes in the files differ from those sent", found.off * 100, "%", BYTES_LIMIT_PERCENT),
        Figure(
            f"{what}: tracks not recorded", found.recordings * len(KINDS) - found.tracks, f"of {found.tracks}", limit=0
        ),
        Figure(f"{what}: from the order until the first frame, at most", found.late_s, "s"),
    )
    if viewers:
        costs = [(on.server_us_per_packet, off.server_us_per_packet) for off, on in taken]
        name = f"{what}: a relayed packet while recording"
        report.add(against(name, "us/packet", costs, peer="not recording", limit=RELAY_LIMIT if holds else None))
        costs = [(on.plane_us_per_packet, off.plane_us_per_packet) for off, on in taken]
        report.add(against(f"{name}, in the plane alone", "us/packet", costs, peer="not recording"))
    gaps = ", ".join(f"{count} {why}" for why, count in found.gaps.most_common()) or "none"
    report.note(
        f"{what}: {found.recordings} recordings, {found.segments} segments, gaps: {gaps}; "
        f"/healthz: {', '.join(faults) or 'well'}"
    )
    return taken


def of_janus(report: Report, sources: int, viewers: int, rounds: int, seconds: float) -> list[Pair]:
    """The same of Janus, without what only we promise. It has one event loop, so that more fits."""
    what = f"recorded, {sources} sources x {viewers} viewers, janus"
    with ExitStack() as stack:
        rooms = VideoRooms(event_loops=1)
        stack.callback(rooms.close)
        hall = Hall.open(stack, rooms, [f"source-{number}" for number in range(sources)], viewers)
        taken, _ = told(report, what, hall.pairs(rounds, seconds))
    if viewers:
        costs = [(on.server_us_per_packet, off.server_us_per_packet) for off, on in taken]
        report.add(against(f"{what}: a relayed packet while recording", "us/packet", costs, peer="not recording"))
    return taken


Measure = Callable[[Report, int, int, int, float], list[Pair]]
MEASURES: Final[Mapping[str, Measure]] = {"huishang": of_ours, "janus": of_janus}


def run(
    report: Report,
    *,
    sources: int = SOURCES,
    viewers: int = VIEWERS,
    alone: int = WANTED_SOURCES,
    rounds: int = ROUNDS,
    seconds: float = ROUND_S,
    peer: str | None = "janus",
) -> None:
    """Measure into `report`: `sources` with viewers, ours and the peer's, then `alone` without (0: not)."""
    machine.be_the_load()
    report.note("the recorder runs on the server's core, behind the server; pictures are 2 Mb/s, sound 48 kb/s")
    if peer == "janus" and not janus.available():
        report.note("janus is not installed: not measured")
        peer = None
    measured = {name: measure for name, measure in MEASURES.items() if name in ("huishang", peer)}
    for count, watched in ((sources, viewers), (alone, 0)):
        costs: dict[str, list[float]] = {}
        for name, measure in measured.items() if count else ():
            try:
                costs[name] = [per_mbps(pair) for pair in measure(report, count, watched, rounds, seconds)]
            except Exception as error:  # whatever keeps one server from being measured, the other is
                report.missed(f"recorded, {count} sources x {watched} viewers: {name}", error)
        if "huishang" not in costs:
            continue
        name, ours = f"recorded, {count} sources x {watched} viewers: all that recording costs", costs["huishang"]
        report.add(Figure(name, middle(ours), "% of a core per Mb/s"))
        if "janus" in costs:
            # A difference of two sums, near nothing where much is relayed: a ratio would say more than is known.
            report.add(Figure(f"{name}, janus", middle(costs["janus"]), "% of a core per Mb/s"))


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--sources", type=int, default=SOURCES, help=f"with viewers, default {SOURCES}")
    parser.add_argument("--viewers", type=int, default=VIEWERS, help=f"of each, default {VIEWERS}")
    parser.add_argument("--alone", type=int, default=WANTED_SOURCES, help="sources without viewers, 0: not measured")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"default {ROUNDS}")
    parser.add_argument("--seconds", type=float, default=ROUND_S, help=f"of a round, default {ROUND_S:.0f}")
    parser.add_argument("--peer", choices=("janus", "none"), default="janus")
    asked = parser.parse_args()
    report = Report("recording")
    run(
        report,
        sources=asked.sources,
        viewers=asked.viewers,
        alone=asked.alone,
        rounds=asked.rounds,
        seconds=asked.seconds,
        peer=None if asked.peer == "none" else asked.peer,
    )
    conclude(report, asked.json)


if __name__ == "__main__":
    main()
