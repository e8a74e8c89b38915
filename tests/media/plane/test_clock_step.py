"""A step of the server's UTC (NTP, a person) moves what viewers are told of UTC, never the media's own time."""

from pathlib import Path

import pytest

from tests.media.preloaded import run_preloaded

ALLOWED_S = 0.05


@pytest.mark.parametrize("step_s", [3600, -3600])
def test_a_step_of_the_servers_clock_moves_reports_and_never_media(tmp_path: Path, step_s: int) -> None:
    moved_s, media_moved_s = run_preloaded(
        "tests.media.plane.clock_step", "tests/media/plane/clock_step.c", tmp_path, str(step_s)
    )
    assert abs(moved_s - step_s) < ALLOWED_S
    assert abs(media_moved_s) < 1e-4
