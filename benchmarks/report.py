"""Figures: what a benchmark found, as a table for people and as the JSON that others read.

The JSON is `{"machine": {...}, "figures": [{"name", "value", "unit", "limit", "holds", "peer", "ratio"}, ...]}`: one
entry per figure that an issue or the README names. `value` is ours; `peer` names what it is held against, and `ratio`
is ours divided by the peer's. `limit` bounds `ratio` where there is a peer and `value` otherwise.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite
from pathlib import Path
from statistics import median
from typing import Any

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
    """Ours divided by the peer's."""

    @property
    def holds(self) -> bool | None:
        """Whether the figure is within its limit; None where there is none."""
        if self.limit is None:
            return None
        return (self.value if self.ratio is None else self.ratio) <= self.limit

    def as_json(self) -> dict[str, Any]:
        """The entry of the JSON file, numbers rounded to four significant digits."""
        entry = asdict(self)
        for name in ("value", "limit", "ratio"):
            if entry[name] is not None:
                # JSON knows no NaN; what could not be measured is null.
                entry[name] = float(f"{entry[name]:.4g}") if isfinite(entry[name]) else None
        return {
            name: self.holds if name == "holds" else entry[name]
            for name in ("name", "value", "unit", "limit", "holds", "peer", "ratio")
        }


def against(name: str, value: float, unit: str, *, peer: str, peer_value: float, limit: float | None = None) -> Figure:
    """A figure held against a peer measured in the same run."""
    return Figure(name, value, unit, limit=limit, peer=peer, ratio=value / peer_value)


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
        for heading in ("figure", "value", "unit", "peer", "ratio", "limit", "holds"):
            table.add_column(heading, justify="right" if heading in ("value", "ratio", "limit") else "left")
        for figure in self.figures:
            table.add_row(
                figure.name,
                _number(figure.value),
                figure.unit,
                figure.peer or "",
                _number(figure.ratio),
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
        content = {"machine": machine.describe(), "figures": [figure.as_json() for figure in self.figures]}
        file.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def middle(values: Sequence[float]) -> float:
    """The median; NaN of nothing, so that a round that could not be measured shows instead of raising."""
    return median(values) if values else float("nan")
