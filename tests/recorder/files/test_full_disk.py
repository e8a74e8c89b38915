"""A small filesystem that fills up; mounting one takes root, or a user who may make user namespaces."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[3]


def test_full_filesystem_costs_what_waits_and_leaves_whole_files(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "tests.recorder.files.full_disk", str(tmp_path)]
    alone = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    done = subprocess.run([*alone, *program], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "codes": ["segment-full"],
        "names": ["01KARR5QKB0000000000000001.mp4.open", "01KARR5QKB0000000000000002.mp4.open"],
        "whole": 3,
        "long": True,
        "read": True,
    }
