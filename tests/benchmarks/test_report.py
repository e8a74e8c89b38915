"""Figures become a table and the JSON that DESIGN.md section 12 describes."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.report import Figure, Report, against, middle


def test_limit_bounds_the_ratio_where_there_is_a_peer() -> None:
    figure = against("cost", "us", [(3.0, 2.0)], peer="floor", limit=1.5)
    assert (figure.value, figure.ratio, figure.holds) == (3.0, 1.5, True)
    assert against("cost", "us", [(3.1, 2.0)], peer="floor", limit=1.5).holds is False


def test_ratio_is_the_median_of_the_rounds_ratios_and_not_the_ratio_of_medians() -> None:
    figure = against("cost", "us", [(2.0, 1.0), (9.0, 3.0), (3.0, 2.0)], peer="floor", limit=2.5)
    assert figure.ratio == 2.0
    assert figure.value == 3.0
    assert figure.as_json()["rounds"] == {"min": 1.5, "median": 2.0, "max": 3.0, "count": 3}


def test_figure_of_no_round_does_not_hold() -> None:
    assert against("cost", "us", [], peer="floor", limit=1.5).holds is False


def test_limit_bounds_the_value_where_there_is_no_peer() -> None:
    assert Figure("delay p99", 2.4, "ms", limit=2.5).holds is True
    assert Figure("delay p99", 2.6, "ms", limit=2.5).holds is False
    assert Figure("slope", 2.6, "us").holds is None


def test_figure_that_could_not_be_measured_does_not_hold() -> None:
    assert Figure("delay p99", middle([]), "ms", limit=2.5).holds is False


def test_what_could_not_be_measured_is_null_and_gives_the_exit_status(tmp_path: Path) -> None:
    report = Report("relay")
    assert report.status == 0
    report.add(Figure("delay p99", middle([]), "ms", limit=2.5))
    report.missed("janus", OSError("gone"))
    file = tmp_path / "figures.json"
    report.write(file)
    assert json.loads(file.read_text())["figures"][0]["value"] is None
    assert "NaN" not in file.read_text()
    assert report.status == 1
    assert json.loads(file.read_text())["notes"] == ["janus: not measured: OSError: gone"]


def test_json_has_machine_and_one_entry_per_figure(tmp_path: Path) -> None:
    report = Report("relay")
    report.add(Figure("delay p99", 2.41234, "ms", limit=2.5), Figure("slope", 1.0, "us"))
    file = tmp_path / "figures.json"
    report.write(file)
    content = json.loads(file.read_text())
    assert content["machine"]["cores"] >= 1
    assert content["figures"][0] == {
        "name": "delay p99",
        "value": 2.412,
        "unit": "ms",
        "limit": 2.5,
        "holds": True,
        "peer": None,
        "ratio": None,
        "rounds": None,
    }
    assert [figure["name"] for figure in content["figures"]] == ["delay p99", "slope"]


def test_table_shows_every_figure_and_note() -> None:
    report = Report("relay")
    report.add(against("cost (a)", "us", [(3.1, 2.0)], peer="floor", limit=1.5))
    report.note("counted at the viewers")
    out = io.StringIO()
    report.show(Console(file=out, width=160))
    shown = out.getvalue()
    assert "cost (a)" in shown and "NO" in shown and "1.55" in shown and "counted at the viewers" in shown


@pytest.mark.parametrize(("values", "expected"), [([3.0, 1.0, 2.0], 2.0), ([1.0, 2.0], 1.5)])
def test_middle_is_the_median(values: list[float], expected: float) -> None:
    assert middle(values) == expected
