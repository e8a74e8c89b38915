"""Each part, with tiny numbers, runs to its end and finds what it promises."""

from collections.abc import Callable
from math import isfinite

import pytest

from benchmarks.consultation import (
    PARTS,
    acts,
    directory,
    first_pictures,
    joins,
    page_cpu,
    page_tasks,
    revocation,
    timeline,
)
from benchmarks.report import Report

TINY: dict[str, Callable[[Report], None]] = {
    "acts": lambda report: acts.run(report, people=3, watchers=2, seconds=2.0),
    "joins": lambda report: joins.run(report, people=3, watchers=2, rate=4, seconds=2.0, away=12, media=2, tail_s=2.0),
    "revocation": lambda report: revocation.run(report, people=4, rate=4, lead_s=1.0, tail_s=2.5),
    "timeline": lambda report: timeline.run(report, actors=5, seconds=0.2, entries=3_000),
    "directory": lambda report: directory.run(report, units=300, starts=1, searches=15, levels=10),
    "first_pictures": lambda report: first_pictures.run(report, times=1),
    "page_cpu": lambda report: page_cpu.run(report, rounds=1, seconds=1.0, settle_s=0.5),
    "page_tasks": lambda report: page_tasks.run(report, people=50, seconds=1.0),
}


def test_every_part_is_tried() -> None:
    assert TINY.keys() == PARTS.keys()


@pytest.mark.parametrize("name", TINY)
def test_part_runs_to_its_end(name: str) -> None:
    report = Report(name)
    TINY[name](report)
    assert report.figures
    for figure in report.figures:
        assert isfinite(figure.value), figure
        # Nothing may be lost or refused, however slow the machine is.
        assert figure.limit != 0 or figure.value == 0 or "within" in figure.name, figure
    assert not any("REFUSED" in note or "CLOSED" in note for note in report.notes)
