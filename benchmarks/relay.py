"""What a relayed packet costs: ours, a C server and the bare floor, in one run.

`python -m benchmarks.relay --peer janus --json FILE`; servers on one core, the load on the other. While developing,
`python -m benchmarks.relay --peer none --shapes frames --viewers 100` takes less than a minute.
"""

import argparse
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks import machine, shapes
from benchmarks.peers import janus
from benchmarks.peers.huishang import Huishang
from benchmarks.peers.janus import Janus
from benchmarks.report import Figure, Report, against, arguments, conclude, middle
from benchmarks.stage import FloorStage, Round, Sample, ServedStage, Stage, StageError, costs, in_turns, is_sound, pairs

VIEWERS = 100
# More rounds rather than longer ones: a ratio is of adjacent seconds, and the median of five forgives two.
ROUNDS = 5
ROUND_S = 3.0
SWEEP = (10, 30, 100, 300, 1000)
SWEEP_ROUND_S = 2.0
SWEEP_LIMIT = 1.6
THREADS_LIMIT = 1.1
# What two medians of the same thing differ by here; a ratio is not called rising within it.
RATIO_NOISE = 0.05
# What is reported without a limit, and in how many rounds.
ASIDE = ("floor, padded", "janus, one event loop")
ROUNDS_ASIDE = 2

Wanted = Mapping[str, Callable[[], Stage]]
"""How to set up what is compared, ours first."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """One of the issue's kinds of traffic."""

    letter: str
    shape_name: str
    limits: Mapping[str, float]
    """What a packet may cost at `VIEWERS` viewers, as ratio to each peer."""


TRAFFIC = (
    Traffic("a", "frames", {"floor": 1.5, "janus": 1 / 9}),
    Traffic("b", "trace", {"floor": 1.5, "janus": 1 / 5}),
    Traffic("c", "opus", {"floor": 1.6, "janus": 1 / 4}),
)


def cost_by_traffic(report: Report, traffic: Traffic, *, viewers: int, peer: str | None, rounds: int) -> None:
    """Ours against the floor and the peer."""
    shape = shapes.BY_NAME[traffic.shape_name]()

    def served_by_janus(event_loops: int) -> Stage:
        return ServedStage(lambda: Janus({"source": shape.kind}, event_loops), shape, "source", viewers)

    wanted: dict[str, Callable[[], Stage]] = {
        "huishang": partial(ServedStage, Huishang, shape, "source", viewers),
        "floor": partial(FloorStage, traffic.shape_name, viewers),
    }
    if traffic.shape_name == "trace":
        wanted["floor, padded"] = partial(FloorStage, traffic.shape_name, viewers, padded=True)
    if peer == "janus":
        wanted["janus"] = partial(served_by_janus, 0)
        wanted["janus, one event loop"] = partial(served_by_janus, 1)
    taken = measure(f"({traffic.letter}) {shape.name}, {viewers} viewers", wanted, report, rounds=rounds)
    limits = traffic.limits if viewers == VIEWERS else {}
    for who in list(wanted)[1:]:
        compare(report, f"relay ({traffic.letter}), {viewers} viewers", taken, "huishang", who, limit=limits.get(who))


def cost_by_viewers(report: Report, *, counts: Sequence[int], rounds: int) -> None:
    """Ours against the floor at the same number of viewers, traffic (a)."""
    ratios: dict[int, float] = {}
    for count in counts:
        wanted: Wanted = {
            "huishang": partial(ServedStage, Huishang, shapes.frames(), "source", count),
            "floor": partial(FloorStage, "frames", count),
        }
        taken = measure(f"(a) at {count} viewers", wanted, report, rounds=rounds, seconds=SWEEP_ROUND_S)
        name = f"relay (a) at {count} viewers"
        if figure := compare(report, name, taken, "huishang", "floor", limit=SWEEP_LIMIT):
            ratios[count] = figure.ratio or float("nan")
    if VIEWERS in ratios and max(ratios) > VIEWERS:
        worst = max(ratio for count, ratio in ratios.items() if count > VIEWERS)
        name = f"ratio to the floor above {VIEWERS} viewers, by that at {VIEWERS} (to {max(ratios)})"
        report.add(Figure(name, worst / ratios[VIEWERS], "x", limit=1.0 + RATIO_NOISE))


def cost_of_two_threads(report: Report, *, rounds: int) -> None:
    """The same traffic with two plane threads and with one."""
    wanted: Wanted = {
        "two threads": partial(ServedStage, partial(Huishang, threads=2), shapes.frames(), "source", VIEWERS),
        "one thread": partial(ServedStage, Huishang, shapes.frames(), "source", VIEWERS),
    }
    taken = measure(f"(a) at {VIEWERS} viewers", wanted, report, rounds=rounds, seconds=SWEEP_ROUND_S)
    compare(report, "relay (a), two plane threads", taken, "two threads", "one thread", limit=THREADS_LIMIT)


def compare(
    report: Report, name: str, taken: Sequence[Round], ours: str, theirs: str, *, limit: float | None
) -> Figure | None:
    """Add what one stage's packets cost beside another's. Rounds that were all disturbed hold no limit."""
    compared = pairs(taken, ours, theirs)
    if not compared:
        return None
    if not is_sound(taken, ours, theirs):
        report.missed(f"{name}, beside {theirs}", StageError("every round was disturbed: what is shown holds no limit"))
        limit = None
    figure = against(name, "us/packet", compared, peer=theirs, limit=limit)
    report.add(figure)
    return figure


def measure(what: str, wanted: Wanted, report: Report, *, rounds: int, seconds: float = ROUND_S) -> list[Round]:
    """Set all stages up, measure them in turns, take them down. A stage that fails is noted and left out."""

    def failed(name: str, error: Exception) -> None:
        report.missed(f"{what}: {name}", error)

    with contextlib.ExitStack() as stack:
        stages: dict[str, Stage] = {}
        for name, make in wanted.items():
            try:
                stages[name] = stage = make()
            except Exception as error:  # whatever keeps one server from being measured, the others are
                failed(name, error)
                continue
            stack.callback(stage.close)
        fewer = {name: min(rounds, ROUNDS_ASIDE) for name in stages if name in ASIDE}
        taken = in_turns(stages, failed, rounds=rounds, seconds=seconds, fewer=fewer)
        for name, stage in stages.items():
            if samples := [one[name] for one in taken if name in one]:
                report.note(f"{what}: {name} {_described(samples, costs(taken, name), stage)}")
    return taken


def _described(samples: Sequence[Sample], costs: Sequence[float], stage: Stage) -> str:
    """Cost, size and soundness in one line; sizes because a smaller packet would be a cheaper one."""
    packets, octets, *_ = stage.receiver.totals()
    told = [
        f"{middle(costs):.2f} us/packet ({min(costs):.2f}-{max(costs):.2f})",
        f"{middle([one.main_us_per_packet for one in samples]):.2f} of it in the first thread",
        f"{middle([one.use.cores for one in samples]):.2f} of a core",
        f"{octets / max(packets, 1):.0f} bytes per packet",
    ]
    unsound = [one for one in samples if not one.is_sound]
    if unsound:
        others = max(one.use.others for one in unsound)
        share = min(one.packets / one.expected for one in unsound)
        told.append(
            f"{len(unsound)} of {len(samples)} rounds DISTURBED: others used up to {others:.0%} of the core, "
            f"{share:.0%} of the traffic came"
        )
    return ", ".join(told)


def run(
    report: Report,
    *,
    peer: str | None,
    rounds: int = ROUNDS,
    shape_names: Sequence[str] | None = None,
    viewers: Sequence[int] | None = None,
) -> None:
    """Measure into `report`: everything, or only some shapes at some numbers of viewers."""
    machine.be_the_load()
    report.note("packets are counted at the viewers' sockets (read + dropped there), the same for all servers")
    if peer == "janus" and not janus.available():
        report.note("janus is not installed: not measured")
        peer = None
    for traffic in TRAFFIC:
        if shape_names is None or traffic.shape_name in shape_names:
            for count in viewers or (VIEWERS,):
                cost_by_traffic(report, traffic, viewers=count, peer=peer, rounds=rounds)
    if shape_names is None and viewers is None:
        cost_by_viewers(report, counts=SWEEP, rounds=rounds)
        cost_of_two_threads(report, rounds=rounds)


def _shape_names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(shapes.BY_NAME):
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: not one of {', '.join(shapes.BY_NAME)}")
    return names


def _counts(text: str) -> list[int]:
    counts = [int(one) for one in text.split(",")]
    if min(counts) < 1:
        raise argparse.ArgumentTypeError("at least one viewer")
    return counts


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--peer", choices=("janus", "none"), default="janus")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of {ROUND_S:.0f} s each, default {ROUNDS}")
    parser.add_argument("--shapes", type=_shape_names, help=f"only these, of {','.join(shapes.BY_NAME)}")
    parser.add_argument(
        "--viewers",
        type=_counts,
        help=f"only these numbers of viewers; without --shapes and this, "
        f"all shapes at {VIEWERS}, then a sweep, then two threads",
    )
    asked = parser.parse_args()
    report = Report("relay")
    peer = None if asked.peer == "none" else asked.peer
    run(report, peer=peer, rounds=asked.rounds, shape_names=asked.shapes, viewers=asked.viewers)
    conclude(report, asked.json)


if __name__ == "__main__":
    main()
