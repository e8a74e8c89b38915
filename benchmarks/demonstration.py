"""What the demonstration costs the machine it runs on: all processes of `make run`'s generated sources together.

Nobody watches: what a field unit sends, and so what it costs, does not depend on its viewers.
"""

import os
import sys
import time
from contextlib import ExitStack

from benchmarks import machine
from benchmarks.peers.huishang import Huishang
from benchmarks.peers.model import end, start, wait_until
from benchmarks.report import Figure, Report, arguments, conclude
from huishang.demo.__main__ import TOKEN_VARIABLE
from huishang.demo.units import KEYFRAME_INTERVAL_S, UNITS

LIMIT_CORES = 0.5
SETTLE_S = 3.0
# Some keyframe intervals: keyframes cost more than other frames.
MEASURE_S = 3.0 * KEYFRAME_INTERVAL_S


def all_flow(server: Huishang) -> bool:
    """Whether the server gets every track of every unit."""
    sources = {source["id"]: source for source in server.sources()}
    return all(
        unit.id in sources and all(track["bitrate_bps"] > 0 for track in sources[unit.id]["tracks"]) for unit in UNITS
    )


def run(report: Report) -> None:
    """Measure into `report`."""
    with ExitStack() as stack:
        server = Huishang()
        stack.callback(server.close)
        units = start(
            [sys.executable, "-m", "huishang.demo", "--url", server.url],
            core=machine.LOAD_CORE,
            env={**os.environ, TOKEN_VARIABLE: server.token},
        )
        stack.callback(end, units)
        wait_until(lambda: all_flow(server), units, "the demonstration")
        time.sleep(SETTLE_S)
        processes = {pid: _unit_of(pid) for pid in machine.children(units.pid)}
        each = {pid: machine.cpu_ns(pid) for pid in processes}
        before = machine.Use.of(units.pid, machine.LOAD_CORE)
        time.sleep(MEASURE_S)
        use = machine.Use.of(units.pid, machine.LOAD_CORE).since(before)
        costs = {processes[pid]: (machine.cpu_ns(pid) - used) / 1e9 / use.seconds for pid, used in each.items()}
    report.add(Figure("demonstration, user and system time of all its processes", use.cores, "cores", LIMIT_CORES))
    told = ", ".join(f"{name} {cores:.3f}" for name, cores in costs.items())
    report.note(f"demonstration, cores over {use.seconds:.0f} s: {told}; {use.others_told}")


def _unit_of(pid: int) -> str:
    """The unit that a process of the demonstration plays: the last word of its command line."""
    with open(f"/proc/{pid}/cmdline", "rb") as line:
        return line.read().rstrip(b"\0").rpartition(b"\0")[2].decode()


def main() -> None:
    asked = arguments(__doc__).parse_args()
    report = Report("demonstration")
    run(report)
    conclude(report, asked.json)


if __name__ == "__main__":
    main()
