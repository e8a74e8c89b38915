"""All figures of consultations: `python -m benchmarks.consultation --json FILE`."""

import os
from collections.abc import Callable, Mapping

from benchmarks.consultation import acts, directory, first_pictures, joins, page_cpu, timeline
from benchmarks.report import Report, arguments, conclude

PARTS: Mapping[str, Callable[[Report], None]] = {
    "acts": acts.run,
    "joins": joins.run,
    "timeline": timeline.run,
    "directory": directory.run,
    "first_pictures": first_pictures.run,
    "page_cpu": page_cpu.run,
}


def run(report: Report, only: list[str] | None = None) -> None:
    """Measure into `report`; what could not be measured is said there."""
    everywhere = os.sched_getaffinity(0)
    for name, part in PARTS.items():
        if only and name not in only:
            continue
        # A part may pin itself to a core; the next one decides for itself.
        os.sched_setaffinity(0, everywhere)
        print(f"{name} ...", flush=True)
        try:
            part(report)
        except Exception as error:  # the other parts are still worth measuring
            report.missed(name, error)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--only", choices=sorted(PARTS), action="append", help="only this part; may be repeated")
    asked = parser.parse_args()
    report = Report("consultation")
    run(report, asked.only)
    conclude(report, asked.json)


if __name__ == "__main__":
    main()
