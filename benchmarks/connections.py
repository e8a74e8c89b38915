"""What a viewer's connection costs our server: memory, and five hundred of them coming back at once."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks import machine, shapes
from benchmarks.load.path import Path
from benchmarks.peers.huishang import Huishang
from benchmarks.peers.model import DIAL_THREADS
from benchmarks.report import Figure, Report, against, arguments, conclude
from benchmarks.traffic import received_by, sent_by
from benchmarks.watched import Delays, Watched, merged, watch

MEMORY_VIEWERS = (50, 350)
MEMORY_LIMIT_KB = 180
# OpenSSL's part of a connection is kept for ten seconds, in case the last flight has to be repeated.
MEMORY_SETTLE_S = 14.0
STEADY_VIEWERS = 20
RECONNECTING = 500
RECONNECT_LIMIT_S = 15.0
# One lasts three seconds, a hundred pictures: a single stall of the machine would be its p99.
STORMS = 3
# Until those who vanished are given up (RFC 7675).
FORGOTTEN_S = 32.0
SETTLE_S = 3.0
UNDISTURBED_S = 6.0
# What the p99 of two undisturbed stretches differs by; more is a disturbance.
UNDISTURBED = 1.25


def memory(report: Report, *, counts: tuple[int, int] = MEMORY_VIEWERS) -> None:
    """Resident memory by viewers, while picture and sound flow to all of them."""
    resident = []
    with ExitStack() as stack:
        server = Huishang()
        stack.callback(server.close)
        published = server.publish("source", ["video", "audio"])
        sender, _ = sent_by([published], {"video": shapes.trace(), "audio": shapes.opus()}, stack)
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


@dataclass(frozen=True, slots=True)
class Stretch:
    """What those who did not reconnect saw for a while, and what the server used meanwhile."""

    delays: Delays
    use: machine.Use


@dataclass(frozen=True, slots=True)
class Storm:
    """Viewers that all vanished and came back, and the time around it."""

    before: Stretch
    during: Stretch
    after: Stretch
    without_picture: int


def reconnect(report: Report, *, count: int = RECONNECTING, steady: int = STEADY_VIEWERS, storms: int = STORMS) -> None:
    """Viewers vanish all at once and come back, over HTTPS, while others go on watching; several times."""
    with ExitStack() as stack:
        server = Huishang(tls=True)
        stack.callback(server.close)
        watched = watch(server, ["source", "other"], ["other"] * steady, stack, video=shapes.trace())
        crowd = stack.enter_context(ExitStack())
        received_by(server.watch("source", count), crowd)
        watched.sender.send(True)
        time.sleep(SETTLE_S)
        seen = []
        for number in range(storms):
            if number:
                time.sleep(FORGOTTEN_S)
            seen.append(_storm(watched, crowd, count))
    what = f"{count} viewers reconnecting"
    before, during, after = (
        merged([getattr(storm, when).delays for storm in seen]) for when in ("before", "during", "after")
    )
    report.add(
        Figure(
            f"{what}, time until all are back",
            max(storm.during.use.seconds for storm in seen),
            "s",
            limit=RECONNECT_LIMIT_S,
        ),
        Figure(f"{what}, without picture afterwards", sum(s.without_picture for s in seen), "viewers", limit=0),
        against(
            f"in-to-out p99 of others, {what}",
            "ms",
            [(during.percentile(99), before.percentile(99))],
            peer="before",
            limit=UNDISTURBED,
        ),
    )
    _tell(report, f"before {count} viewers reconnect", before, [storm.before.use for storm in seen])
    _tell(report, f"while {count} viewers reconnect", during, [storm.during.use for storm in seen])
    _tell(report, f"after {count} viewers reconnected", after, [storm.after.use for storm in seen])


def _storm(watched: Watched, crowd: ExitStack, count: int) -> Storm:
    """Let the crowd vanish and come back; afterwards `crowd` holds the new connections."""
    server, came_back = watched.server, list[Path]()

    def come_back() -> None:
        crowd.close()
        with ThreadPoolExecutor(DIAL_THREADS) as pool:
            came_back.extend(pool.map(server.watch_once, ["source"] * count))

    before = _stretch(watched, lambda: time.sleep(UNDISTURBED_S))
    during = _stretch(watched, come_back)
    receiver = received_by(came_back, crowd)
    after = _stretch(watched, lambda: time.sleep(UNDISTURBED_S))
    served = sum(bool(receiver.viewer(index)["streams"]) for index in range(len(came_back)))
    return Storm(before, during, after, count - served)


def _stretch(watched: Watched, work: Callable[[], None]) -> Stretch:
    """Record while something is done, neither shorter nor longer."""
    watched.begin()
    before = machine.Use.of(watched.server.pid)
    work()
    use = machine.Use.of(watched.server.pid).since(before)
    return Stretch(watched.end(), use)


def _tell(report: Report, when: str, delays: Delays, uses: list[machine.Use]) -> None:
    for name, share in (("p50", 50), ("p99", 99), ("max", 100)):
        report.add(Figure(f"in-to-out {name} of others, {when}", delays.percentile(share), "ms"))
    report.note(f"others, {when}: {delays}")
    for use in uses:
        report.note(f"{when}, of a core: {use.threads_told}; {use.others_told}")


def run(report: Report) -> None:
    """Measure all of this module's figures into `report`."""
    machine.be_the_load()
    memory(report)
    reconnect(report)


def main() -> None:
    asked = arguments(__doc__).parse_args()
    report = Report("connections")
    run(report)
    conclude(report, asked.json)


if __name__ == "__main__":
    main()
