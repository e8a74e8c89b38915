"""Each part, with tiny numbers, runs to its end and finds what it promises."""

from collections.abc import Callable
from contextlib import ExitStack, closing
from math import isfinite

import pytest

from benchmarks.links import PARTS, chromium, geo, janus, share, stage, step
from benchmarks.report import Report

CASES = (step.Case(0.06, 0.0), step.Case(0.06, 0.05))
TINY: dict[str, Callable[[Report], None]] = {
    "step": lambda report: step.run(report, cases=CASES, step_s=1.0, settle_s=0.2),
    "share": lambda report: share.run(report, round_trips_s=(0.06,), settle_s=0.2, measured_s=2.0),
    "geo": lambda report: geo.run(report, settle_s=0.2, measured_s=2.0),
    "chromium": lambda report: chromium.run(report, step_s=1.0, settle_s=0.2, geo_s=3.0),
    "janus": lambda report: janus.run(report, cases=CASES[:1], step_s=1.0, settle_s=0.2),
}


def test_every_part_is_tried() -> None:
    assert TINY.keys() == PARTS.keys()


@pytest.mark.parametrize("name", TINY)
def test_part_runs_to_its_end(name: str) -> None:
    report = Report(name)
    TINY[name](report)
    assert report.figures and report.status == 0
    assert all(isfinite(figure.value) for figure in report.figures)


def test_the_viewer_behind_the_link_sees_hears_and_answers_and_the_link_keeps_its_rate() -> None:
    with closing(stage.Ours()) as site, ExitStack() as stack:
        stage.publish(site, ["scene"], stack)
        [found] = stage.at_once([lambda: step.measure(site, "scene", step.Case(0.06, 0.0), 2.0, 0.2)])
    assert found.frames[0] > 0 and found.heard.concealed < 1.0
    assert found.feedbacks > 0
    # The publisher sends three times as much as it carries then.
    assert 0 < found.used[1] <= 1.05
