"""Files that are whole or absent."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from huishang.files import only_one, write_new_or_over
from tests.patience import PATIENCE_S, wait_until


def test_written_file_has_its_mode_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_new_or_over(tmp_path / "deep/er/public", b"a", mode=0o644)
        write_new_or_over(tmp_path / "private", b"b", mode=0o600)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "deep/er/public").stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "private").stat().st_mode) == 0o600


def test_file_is_replaced_and_nothing_else_left(tmp_path: Path) -> None:
    write_new_or_over(tmp_path / "file", b"old", mode=0o600)
    write_new_or_over(tmp_path / "file", b"new", mode=0o600)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"new"]


def test_failed_write_leaves_no_part_behind(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    (tmp_path / "file/inside").touch()
    with pytest.raises(OSError):
        write_new_or_over(tmp_path / "file", b"data", mode=0o600)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_lock_is_held_against_another_process(tmp_path: Path) -> None:
    code = "import sys, huishang.files as f, pathlib\nwith f.only_one(pathlib.Path(sys.argv[1])): print('in')"
    with only_one(tmp_path):
        other = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
        # The kernel's list of locks marks with an arrow who waits for one.
        waits = re.compile(rf"-> FLOCK .* {other.pid} ")
        wait_until(lambda: waits.search(Path("/proc/locks").read_text()) or other.poll() is not None, "it waits")
        assert other.poll() is None
    output, _ = other.communicate(timeout=PATIENCE_S)
    assert output == b"in\n" and other.returncode == 0
