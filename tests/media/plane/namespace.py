"""Running a test's program where it has a network of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE_S

NEEDED = """\
this test needs a network namespace of its own: run it as root, or as a user who may make user namespaces
(`unshare --net --map-root-user true` must succeed: see the sysctls user.max_user_namespaces,
user.max_net_namespaces, kernel.unprivileged_userns_clone and kernel.apparmor_restrict_unprivileged_userns,
and what a container forbids)"""


def run_alone(module: str, *arguments: str, package: str = "tests.media.plane", seconds: float = PATIENCE_S) -> Any:
    """Run a program of `package` in a new network namespace, as root there; return the JSON it printed."""
    alone = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    allowed = _run([*alone, "true"])
    assert allowed.returncode == 0, f"{NEEDED}: {allowed.stderr.strip()}"
    done = _run([*alone, sys.executable, "-m", f"{package}.{module}", *arguments], seconds)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def _run(command: list[str], seconds: float = PATIENCE_S) -> subprocess.CompletedProcess[str]:
    # Debian's ethtool is where a user's own path does not lead.
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
    return subprocess.run(
        command,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
