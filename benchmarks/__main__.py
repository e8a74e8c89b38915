"""All benchmarks, one after another, into one table and one file: `make bench`."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from benchmarks import connections, first_frame, latency, machine, relay
from benchmarks.report import Report

PARTS: dict[str, Callable[[Report], None]] = {
    "relay": lambda report: relay.run(report, peer="janus"),
    "latency": latency.run,
    "connections": connections.run,
    "first_frame": first_frame.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", choices=sorted(PARTS), action="append")
    asked = parser.parse_args()
    report = Report("all benchmarks")
    everywhere = os.sched_getaffinity(0)
    machine.raise_file_limit()
    for name, part in PARTS.items():
        if asked.only and name not in asked.only:
            continue
        # A part pins the load to its core; the next one decides for itself.
        os.sched_setaffinity(0, everywhere)
        print(f"{name} ...", flush=True)
        try:
            part(report)
        except Exception as error:  # the other parts are still worth measuring
            report.missed(name, error)
    report.show()
    if asked.json:
        report.write(asked.json)
    raise SystemExit(report.status)


if __name__ == "__main__":
    main()
