"""`make test` for people who are not root: what is missing is named, and nothing is run without it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import ROOT, make
from tests.patience import PATIENCE_S

NOBODY = 65_534


@pytest.fixture
def tree() -> Iterator[Path]:
    """A tree with the script and a list of its own, which anybody can read: pytest's folders are its owner's alone."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        tree.chmod(0o755)
        (tree / ".ci").mkdir()
        (tree / "tests").mkdir()
        shutil.copy(ROOT / ".ci" / "install-packages", tree / ".ci")
        yield tree


def install(tree: Path, packages: str) -> subprocess.CompletedProcess[str]:
    """Run the script as somebody who is not root."""
    (tree / "tests" / "debian-packages.txt").write_text(packages)
    who = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []
    command = [*who, "bash", str(tree / ".ci" / "install-packages")]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def test_what_is_missing_is_named_with_the_command_that_installs_it(tree: Path) -> None:
    done = install(tree, "bash   # is there\nno-such-package-a # for a\n\nno-such-package-b\n")
    assert done.returncode == 1 and done.stdout == ""
    first, second = done.stderr.splitlines()
    assert first.endswith(": no-such-package-a no-such-package-b")
    assert second == "sudo apt-get install --no-install-recommends no-such-package-a no-such-package-b"


def test_where_all_is_there_nothing_is_said(tree: Path) -> None:
    done = install(tree, "bash\ndpkg # the tool itself\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_make_test_begins_with_it_and_stops_there_when_it_fails() -> None:
    commands = [line for line in make("--dry-run", "test").splitlines() if not line.startswith("#")]
    assert commands.index(".ci/setup") < commands.index(".ci/install-packages")
    assert "pytest" in commands[commands.index(".ci/install-packages") + 1]
    assert any("AddressSanitizer" in line or "libasan" in line for line in commands)
