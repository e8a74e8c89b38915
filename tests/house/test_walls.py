"""Walls that the import linter does not see: Cython files, and the linter's own sharpness."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import PRODUCT, ROOT, sources
from tests.patience import PATIENCE_S

IMPORT = re.compile(r"^\s*(?:from\s+([\w.]+)\s+c?import\b|c?import\s+([\w.]+))", re.MULTILINE)


def imported(text: str) -> set[str]:
    """Give the first names of what a Cython file imports and cimports."""
    return {(match[1] or match[2]).partition(".")[0] for match in IMPORT.finditer(text)}


def test_media_in_cython_imports_only_media_and_config() -> None:
    others = {*PRODUCT, "benchmarks", "tests"} - {"media", "config"}
    for path in sources(".pyx", ".pxd", ".pyi", under=("media",)):
        assert not imported(path.read_text(encoding="utf-8")) & others, path


def test_check_sees_every_form_of_import() -> None:
    text = """
from media.plane cimport rtp
cimport dispatch.x
    import signaling
from huishang import a
# import tests
"""
    assert imported(text) == {"media", "dispatch", "signaling", "huishang"}


@pytest.mark.parametrize(
    ("module", "imports"),
    [
        ("config", "media"),
        ("media", "dispatch"),
        ("dispatch", "recorder"),
        ("recorder", "dispatch"),
        ("dispatch", "signaling"),
        ("signaling", "huishang"),
        ("media", "tests"),
        ("huishang", "benchmarks"),
    ],
)
def test_linter_breaks_on_a_forbidden_import(tmp_path: Path, module: str, imports: str) -> None:
    for package in (*PRODUCT, "benchmarks", "tests"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    lint = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"]
    kept = subprocess.run(lint, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert kept.returncode == 0, kept.stdout + kept.stderr
    (tmp_path / module / "wrong.py").write_text(f"import {imports}\n")
    broken = subprocess.run(lint, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert broken.returncode == 1 and "BROKEN" in broken.stdout
