"""The files of the source tree, for tests about the tree itself."""

import subprocess
from pathlib import Path

from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
PRODUCT = ("config", "console", "dispatch", "huishang", "media", "recorder", "signaling")


def sources(*suffixes: str, under: tuple[str, ...] = (*PRODUCT, "benchmarks", "tests", ".")) -> list[Path]:
    """Give the source files with these suffixes; "." means the root's own files only."""
    found: list[Path] = []
    for name in under:
        paths = ROOT.glob("*") if name == "." else (ROOT / name).rglob("*")
        found += [path for path in paths if path.suffix in suffixes and "__pycache__" not in path.parts]
    assert found, f"no {suffixes} under {under}"
    return sorted(found)


def make(*arguments: str) -> str:
    """Run make at the root of the tree; give what it prints."""
    command = ["make", "--no-print-directory", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    return done.stdout
