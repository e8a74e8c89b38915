"""Worker and server of a node that records are killed SOAK_KILLS times: what is kept plays, verifies, and lacks little.

See `benchmarks.recording.kills`, and `figures` for where the figures go.
"""

from __future__ import annotations

import os
from typing import Final

import pytest

from benchmarks.recording import kills
from benchmarks.report import Report
from tests.soak.figures import SEED, tell

pytestmark = [pytest.mark.soak, pytest.mark.timeout(0)]

KILLS: Final = int(os.environ.get("SOAK_KILLS", "200"))


def test_what_is_recorded_outlives_every_kill() -> None:
    figures = Report(f"soak of kills, {KILLS} times")
    kills.run(figures, kills=KILLS, seed=SEED)
    tell(figures)
    assert [item.name for item in figures.figures if item.holds is False] == [], figures.notes
