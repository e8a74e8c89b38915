"""Several benchmarks, one after another, into one report."""

import os
from collections.abc import Callable, Mapping, Sequence

from benchmarks.report import Report, arguments, conclude

Parts = Mapping[str, Callable[[Report], None]]


def measure(report: Report, parts: Parts, only: Sequence[str] | None = None) -> None:
    """Measure all parts, or only some, into `report`; what could not be measured is said there."""
    everywhere = os.sched_getaffinity(0)
    for name, part in parts.items():
        if only and name not in only:
            continue
        # A part pins the load to its core; the next one decides for itself.
        os.sched_setaffinity(0, everywhere)
        print(f"{name} ...", flush=True)
        try:
            part(report)
        except Exception as error:  # the other parts are still worth measuring
            report.missed(name, error)
    os.sched_setaffinity(0, everywhere)


def main(title: str, description: str | None, parts: Parts) -> None:
    """Measure what the command line asks for, show it, and end the process with the report's status."""
    parser = arguments(description)
    parser.add_argument("--only", choices=sorted(parts), action="append", help="only this part; may be repeated")
    asked = parser.parse_args()
    report = Report(title)
    measure(report, parts, asked.only)
    conclude(report, asked.json)
