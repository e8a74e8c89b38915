"""Disks that are full or stand still: the gap is told, what was written is whole, reading goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.media.preloaded import run_preloaded
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[3]


def test_disk_that_stands_still_costs_frames_and_no_time(tmp_path: Path) -> None:
    source = "tests/recorder/worker/slow_disk.c"
    found = run_preloaded("tests.recorder.worker.slow_disk", source, tmp_path, str(tmp_path))
    assert found == {
        "standing": ["disk-slow"],
        "more": 0,
        "codes": ["disk-slow", "disk-well"],
        "gaps": [["disk", 120]],
        "whole": True,
        "named": True,
        "in time": True,
    }


def test_full_disk_is_told_and_recording_goes_on_when_there_is_room(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "tests.recorder.worker.full_disk", str(tmp_path)]
    alone = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    done = subprocess.run([*alone, *program], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "deaths": 0,
        "gaps": True,
        "whole": True,
        "codes": ["disk-full", "disk-well"],
    }
