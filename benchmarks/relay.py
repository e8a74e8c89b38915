"""What a relayed packet costs: ours, a C server and the bare floor, in one run.

`python -m benchmarks.relay --peer janus --json FILE`; servers on one core, the load on the other.
"""

import argparse
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import machine, shapes
from benchmarks.peers import janus
from benchmarks.peers.huishang import Huishang
from benchmarks.peers.janus import Janus
from benchmarks.report import Figure, Report, against, middle
from benchmarks.stage import FloorStage, Sample, ServedStage, Stage, in_turns

VIEWERS = 100
ROUNDS = 3
ROUND_S = 6.0
SWEEP = (10, 30, 100, 300, 1000)
SWEEP_ROUND_S = 4.0


@dataclass(frozen=True, slots=True)
class Traffic:
    """One of the issue's kinds of traffic and what a packet of it may cost."""

    letter: str
    shape_name: str
    make: Callable[[], shapes.Shape]
    floor_limit: float
    janus_limit: float


TRAFFIC = (
    Traffic("a", "frames", shapes.frames, 1.5, 1 / 9),
    Traffic("b", "trace", shapes.trace, 1.5, 1 / 5),
    Traffic("c", "opus", shapes.opus, 1.6, 1 / 4),
)


def cost_by_traffic(report: Report, traffic: Traffic, *, peer: str | None, rounds: int) -> None:
    """Ours, the floor and the peer at a hundred viewers."""
    shape = traffic.make()

    def served_by_janus(event_loops: int) -> Stage:
        return ServedStage(lambda: Janus({"source": shape.kind}, event_loops), shape, "source", VIEWERS)

    wanted: dict[str, Callable[[], Stage]] = {
        "huishang": lambda: ServedStage(Huishang, shape, "source", VIEWERS),
        "floor": lambda: FloorStage(traffic.shape_name, VIEWERS),
        "floor, padded": lambda: FloorStage(traffic.shape_name, VIEWERS, padded=True),
    }
    if traffic.shape_name != "trace":
        del wanted["floor, padded"]
    if peer == "janus":
        wanted["janus"] = partial(served_by_janus, 0)
        wanted["janus, one event loop"] = partial(served_by_janus, 1)
    taken = measure(wanted, report, rounds=rounds)
    name = f"relay ({traffic.letter}), {VIEWERS} viewers"
    cost = {who: middle([one.us_per_packet for one in samples]) for who, samples in taken.items()}
    told = ", ".join(f"{who} {us:.2f}" for who, us in cost.items())
    report.note(f"({traffic.letter}) {shape.name}, us/packet: {told}")
    control = middle([one.control_us_per_packet for one in taken.get("huishang", [])])
    report.note(f"({traffic.letter}) of ours {control:.2f} us/packet in the control loop, the rest in the plane")
    if "huishang" not in cost:
        return
    ours = cost["huishang"]
    for who, limit in (
        ("floor", traffic.floor_limit),
        ("floor, padded", None),
        ("janus", traffic.janus_limit),
        ("janus, one event loop", None),
    ):
        if who in cost:
            report.add(against(name, ours, "us/packet", peer=who, peer_value=cost[who], limit=limit))


def cost_by_viewers(report: Report, *, counts: Sequence[int], rounds: int) -> None:
    """Ours against the floor at the same number of viewers, traffic (a)."""
    ratios: dict[int, float] = {}
    for count in counts:
        wanted: dict[str, Callable[[], Stage]] = {
            "huishang": partial(ServedStage, Huishang, shapes.frames(), "source", count),
            "floor": partial(FloorStage, "frames", count),
        }
        taken = measure(wanted, report, rounds=rounds, seconds=SWEEP_ROUND_S)
        cost = {who: middle([one.us_per_packet for one in samples]) for who, samples in taken.items()}
        if len(cost) < 2:
            continue
        figure = against(
            f"relay (a) at {count} viewers",
            cost["huishang"],
            "us/packet",
            peer="floor",
            peer_value=cost["floor"],
            limit=1.6,
        )
        report.add(figure)
        ratios[count] = figure.ratio or float("nan")
        cores = middle([one.use.cores for one in taken["huishang"]])
        report.note(f"{count} viewers: floor {cost['floor']:.2f} us/packet; ours used {cores:.2f} of a core")
    if 100 in ratios and max(ratios) > 100:
        worst = max(ratio for count, ratio in ratios.items() if count > 100)
        report.add(
            Figure(
                f"ratio to the floor above 100 viewers, by that at 100 (to {max(ratios)})",
                worst / ratios[100],
                "x",
                limit=1.0 + RATIO_NOISE,
            )
        )


# What two medians of the same thing differ by here; a ratio is not called rising within it.
RATIO_NOISE = 0.05


def cost_of_two_threads(report: Report, *, rounds: int) -> None:
    """The same traffic with one plane thread and with two."""
    wanted: dict[str, Callable[[], Stage]] = {
        "one": lambda: ServedStage(lambda: Huishang(threads=1), shapes.frames(), "source", VIEWERS),
        "two": lambda: ServedStage(lambda: Huishang(threads=2), shapes.frames(), "source", VIEWERS),
    }
    taken = measure(wanted, report, rounds=rounds, seconds=SWEEP_ROUND_S)
    if len(taken) == 2:
        one, two = (middle([sample.us_per_packet for sample in taken[who]]) for who in ("one", "two"))
        report.add(
            against("relay (a), two plane threads", two, "us/packet", peer="one thread", peer_value=one, limit=1.1)
        )


def measure(
    wanted: dict[str, Callable[[], Stage]], report: Report, *, rounds: int, seconds: float = ROUND_S
) -> dict[str, list[Sample]]:
    """Set all stages up, measure them in turns, take them down. A stage that fails is noted and left out."""
    with contextlib.ExitStack() as stack:
        stages: dict[str, Stage] = {}
        for name, make in wanted.items():
            try:
                stages[name] = stage = make()
            except Exception as error:  # whatever keeps one server from being measured, the others are
                report.missed(name, error)
                continue
            stack.callback(stage.close)
        taken = in_turns(
            stages,
            report.missed,
            rounds=rounds,
            seconds=seconds,
        )
    for name, samples in taken.items():
        unsound = [one for one in samples if not one.is_sound]
        if unsound:
            others = max(one.use.others for one in unsound)
            share = min(one.packets / one.expected for one in unsound)
            report.note(
                f"{name}: {len(unsound)} of {len(samples)} rounds were disturbed: others used up to {others:.0%} "
                f"of the server's core, {share:.0%} of the traffic came"
            )
    return taken


def run(report: Report, *, peer: str | None, rounds: int = ROUNDS, quick: bool = False) -> None:
    """Measure all of this module's figures into `report`."""
    machine.raise_file_limit()
    machine.pin(machine.LOAD_CORE)
    report.note("packets are counted at the viewers' sockets (read + dropped there), the same for all servers")
    if peer == "janus" and not janus.available():
        report.note("janus is not installed: not measured")
        peer = None
    for traffic in TRAFFIC:
        cost_by_traffic(report, traffic, peer=peer, rounds=rounds)
    if not quick:
        cost_by_viewers(report, counts=SWEEP, rounds=rounds)
        cost_of_two_threads(report, rounds=rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", choices=("janus", "none"), default="janus")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--quick", action="store_true", help="only the three kinds of traffic at 100 viewers")
    asked = parser.parse_args()
    report = Report("relay")
    run(report, peer=None if asked.peer == "none" else asked.peer, rounds=asked.rounds, quick=asked.quick)
    report.show()
    if asked.json:
        report.write(asked.json)
    raise SystemExit(report.status)


if __name__ == "__main__":
    main()
