"""A node whose journal and recordings lie on one small filesystem, in a mount namespace of its own."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from huishang.cli import main as huishang
from tests.console.node import Node

DISK_BYTES: Final = 24 << 20
_NEW_NAMESPACE: Final = 0x00020000  # CLONE_NEWNS of <sched.h>


class SmallNode(Node):
    """Such a node."""

    module = "tests.huishang.recording.small_disk"

    @property
    def disk(self) -> Path:
        """The filesystem as the node sees it."""
        assert self._process is not None
        return Path(f"/proc/{self._process.pid}/root{self.folder}/small")

    @property
    def free(self) -> int:
        found = os.statvfs(self.disk)
        return found.f_bavail * found.f_frsize


def main(arguments: Sequence[str]) -> None:
    """Mount it, then serve."""
    folder = Path(arguments[arguments.index("--config") + 1]).parent
    if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NAMESPACE):
        raise OSError(ctypes.get_errno(), "no mount namespace")
    small = folder / "small"
    small.mkdir(exist_ok=True)
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=700", "tmpfs", str(small)], check=True)
    for name in ("journal", "recordings"):
        (small / name).mkdir(mode=0o700)
        (folder / name).mkdir(mode=0o700, exist_ok=True)
        subprocess.run(["mount", "--bind", str(small / name), str(folder / name)], check=True)
    sys.argv = ["huishang", *arguments]
    huishang()


if __name__ == "__main__":
    main(sys.argv[1:])
