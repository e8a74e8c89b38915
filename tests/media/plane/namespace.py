"""Running a test's program where it has a network of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE_S


def run_alone(module: str, *arguments: str) -> Any:
    """Run a program in a new network namespace, as root or as root of a user namespace; return the JSON it printed."""
    namespaces = ["--net"] if os.geteuid() == 0 else ["--net", "--map-root-user"]
    done = subprocess.run(
        ["unshare", *namespaces, sys.executable, "-m", f"tests.media.plane.{module}", *arguments],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
