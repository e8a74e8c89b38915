"""A small filesystem that fills up; mounting one takes root, or a user who may make user namespaces."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("file_bytes", [64 << 20, 200_000])
def test_full_filesystem_refuses_appends_and_takes_them_when_there_is_room(tmp_path: Path, file_bytes: int) -> None:
    program = [sys.executable, "-m", "tests.dispatch.journal.full_disk", str(tmp_path), str(file_bytes)]
    alone = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    done = subprocess.run([*alone, *program], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    files = found.pop("files")
    assert found == {
        "codes": ["journal-full"],
        "grown": True,
        "readable when full": True,
        "resumed where it had stopped": True,
        "kept": True,
        "unfinished": 0,
    }
    assert (files > 3) is (file_bytes < 1 << 20)
