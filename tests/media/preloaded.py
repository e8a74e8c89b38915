"""Running a test's program with a library of ours before the C library."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]


def run_preloaded(module: str, source: str, folder: Path, *arguments: str) -> Any:
    """Compile a C file into `folder`, run the module with it; return the JSON it printed.

    The library's path is its first argument, for what it wants to ask of it.
    """
    library = folder / "preloaded.so"
    compile_it = ["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", str(library), str(ROOT / source), "-ldl"]
    subprocess.run(compile_it, check=True, timeout=PATIENCE_S)
    others = os.environ.get("LD_PRELOAD", "")
    done = subprocess.run(
        [sys.executable, "-m", module, str(library), *arguments],
        cwd=ROOT,
        env={**os.environ, "LD_PRELOAD": f"{others} {library}".strip()},
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
