"""All benchmarks, one after another, into one table and one file: `make bench`."""

import os
from collections.abc import Callable

from benchmarks import connections, demonstration, first_frame, flood, journal, latency, relay
from benchmarks.consultation.__main__ import PARTS as OF_CONSULTATIONS
from benchmarks.report import Report, arguments, conclude

PARTS: dict[str, Callable[[Report], None]] = {
    "relay": lambda report: relay.run(report, peer="janus"),
    "latency": latency.run,
    "connections": connections.run,
    "flood": flood.run,
    "first_frame": first_frame.run,
    "demonstration": demonstration.run,
    "journal": journal.run,
    **{f"consultation-{name}": part for name, part in OF_CONSULTATIONS.items()},
}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--only", choices=sorted(PARTS), action="append", help="only this part; may be repeated")
    asked = parser.parse_args()
    report = Report("all benchmarks")
    everywhere = os.sched_getaffinity(0)
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
    conclude(report, asked.json)


if __name__ == "__main__":
    main()
