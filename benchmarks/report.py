"""Figures: what a benchmark found, as a table for people and as the JSON that others read.

The JSON is `{"machine": {...}, "figures": [{"name", "value", "unit", "limit", "holds", "peer", "ratio", "rounds"},
...], "notes": [...]}`: one entry per figure that an issue or the README names. `value` is ours; `peer` names what it is
held against, and `ratio` is ours divided by the peer's. `limit` bounds `ratio` where there is a peer and `value`
otherwise. `rounds`, `{"min", "median", "max", "count"}`, is what single rounds gave for `ratio`; null where there was
one only.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from statistics import median
from typing import Any, NoReturn

from rich.console import Console
from rich.table import Table

from benchmarks import machine

TABLE_COLUMNS = 132


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    """Upper bound, of `ratio` where there is a peer, else of `value`; None: reported only."""
    peer: str | None = None
    ratio: float | None = None
    """Ours divided by the peer's, the median of all rounds."""
    rounds: tuple[float, ...] = ()
    """The ratio of each round; empty where there was one only."""

    @property
    def holds(self) -> bool | None:
        """Whether the figure is within its limit; None where there is none."""
        if self.limit is None:
            return None
        return (self.value if self.ratio is None else self.ratio) <= self.limit

    def as_json(self) -> dict[str, Any]:
        """The entry of the JSON file, numbers rounded to four significant digits."""
        return {
            "name": self.name,
            "value": _rounded(self.value),
            "unit": self.unit,
            "limit": _rounded(self.limit),
            "holds": self.holds,
            "peer": self.peer,
            "ratio": _rounded(self.ratio),
            "rounds": _spread(self.rounds) if self.rounds else None,
        }


def against(
    name: str, unit: str, rounds: Sequence[tuple[float, float]], *, peer: str, limit: float | None = None
) -> Figure:
    """A figure held against a peer: (ours, the peer's) of each round, the two measured one right after the other.

    The ratio is the median of the rounds' ratios: what slows the machine down for a while slows both of a pair.
    """
    ratios = tuple(ours / theirs for ours, theirs in rounds)
    value = middle([ours for ours, _ in rounds])
    return Figure(name, value, unit, limit, peer, middle(ratios), ratios if len(ratios) > 1 else ())


@dataclass(slots=True)
class Report:
    """The figures of one run."""

    title: str
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    status: int = 0
    """Exit status of the benchmark: 1 when something could not be measured."""

    def add(self, *figures: Figure) -> None:
        self.figures += figures

    def note(self, text: str) -> None:
        """Say something that belongs beside the figures, but is none."""
        self.notes.append(text)

    def missed(self, what: str, error: Exception) -> None:
        """Say that something could not be measured, and why."""
        self.status = 1
        self.note(f"{what}: not measured: {type(error).__name__}: {error}")

    def show(self, console: Console | None = None) -> None:
        """Print the table for people."""
        table = Table(title=self.title, title_justify="left")
        for heading in ("figure", "value", "unit", "peer", "ratio", "rounds", "limit", "holds"):
            table.add_column(heading, justify="right" if heading in ("value", "ratio", "limit") else "left")
        for figure in self.figures:
            table.add_row(
                figure.name,
                _number(figure.value),
                figure.unit,
                figure.peer or "",
                _number(figure.ratio),
                f"{min(figure.rounds):.3g}-{max(figure.rounds):.3g}" if figure.rounds else "",
                _number(figure.limit),
                {None: "", True: "yes", False: "NO"}[figure.holds],
            )
        # Without a terminal the width would be 80 columns, too few for the table.
        console = console or Console(width=None if sys.stdout.isatty() else TABLE_COLUMNS)
        console.print(table)
        for note in self.notes:
            console.print(f"  {note}", highlight=False)

    def write(self, file: Path) -> None:
        """Write the JSON file."""
        content = {
            "machine": machine.describe(),
            "figures": [figure.as_json() for figure in self.figures],
            "notes": self.notes,
        }
        file.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def arguments(description: str | None) -> argparse.ArgumentParser:
    """What every benchmark's command line takes; more may be added."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    return parser


def conclude(report: Report, file: Path | None) -> NoReturn:
    """Show and write what was found, and end with its status."""
    report.show()
    if file:
        report.write(file)
    raise SystemExit(report.status)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _rounded(value: float | None) -> float | None:
    """Four significant digits; JSON knows no NaN: what could not be measured is null."""
    return float(f"{value:.4g}") if value is not None and isfinite(value) else None


def _spread(rounds: Sequence[float]) -> dict[str, float | int | None]:
    return {
        "min": _rounded(min(rounds)),
        "median": _rounded(median(rounds)),
        "max": _rounded(max(rounds)),
        "count": len(rounds),
    }


def middle(values: Sequence[float]) -> float:
    """The median; NaN of nothing, so that a round that could not be measured shows instead of raising."""
    return median(values) if values else float("nan")
