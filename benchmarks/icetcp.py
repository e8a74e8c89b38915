"""What a relayed packet costs over TCP, for those who get nothing else through, beside UDP.

`python -m benchmarks.icetcp --json FILE`: two nodes on one core with the same publisher and as many viewers, measured
in turns, the load on the other core. On loopback the other end's part of TCP (confirmations) is the load's cost.
"""

from collections.abc import Sequence
from functools import partial

from benchmarks import machine, shapes
from benchmarks.load.path import Path
from benchmarks.peers.huishang import Huishang
from benchmarks.peers.model import at_once
from benchmarks.relay import compare, measure
from benchmarks.report import Report, arguments, conclude
from benchmarks.stage import ServedStage

VIEWERS = 100
ROUNDS = 5
LIMIT = 4.0
SHAPES = ("frames", "opus")


class OverTcp(Huishang):
    """A node whose viewers get nothing but TCP through."""

    name = "huishang over TCP"

    def watch(self, source: str, count: int) -> list[Path]:
        """Watch by WHEP, so many times."""
        return at_once(lambda _: self.watch_once(source, tcp=True), count)


def run(report: Report, *, viewers: int = VIEWERS, rounds: int = ROUNDS, shape_names: Sequence[str] = SHAPES) -> None:
    """Measure into `report`."""
    machine.be_the_load()
    for name in shape_names:
        shape = shapes.BY_NAME[name]()
        wanted = {
            "tcp": partial(ServedStage, OverTcp, shape, "source", viewers),
            "udp": partial(ServedStage, Huishang, shape, "source", viewers),
        }
        taken = measure(f"{name}, {viewers} viewers", wanted, report, rounds=rounds)
        compare(report, f"relay over TCP, {name}, {viewers} viewers", taken, "tcp", "udp", limit=LIMIT)


def main() -> None:
    """Measure what the command line asks for."""
    parser = arguments(__doc__)
    parser.add_argument("--viewers", type=int, default=VIEWERS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--shapes", nargs="+", choices=sorted(shapes.BY_NAME), default=list(SHAPES))
    asked = parser.parse_args()
    report = Report("relay over TCP")
    run(report, viewers=asked.viewers, rounds=asked.rounds, shape_names=asked.shapes)
    conclude(report, asked.json)


if __name__ == "__main__":
    main()
