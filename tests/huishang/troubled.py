"""The county's node under a trouble of the machine, or with its long times made short, chosen by the environment.

TROUBLE_DISK: its journal lies on a small filesystem in a mount namespace of its own. TROUBLE_CLOCK: the path of the
preloaded `clock_step.c`, whose clock goes back by an hour at SIGUSR1. TROUBLE_TOKENS: how many seconds an access token
is good for. TROUBLE_SILENCE: after how many seconds without a word a page is given up, and its person has left.
TROUBLE_CONSENT: after how many seconds without a check a media connection ends.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from dispatch.desk import caretaker
from dispatch.presence import Presence
from huishang import edge
from signaling.auth import tokens
from signaling.ice import lite
from signaling.webrtc import session
from signaling.ws.connection import Limits
from signaling.ws.hub import Hub
from tests.console import county_node
from tests.console.county import County

DISK_BYTES: Final = 4 << 20
STEP_SECONDS: Final = -3600
_NEW_NAMESPACE: Final = 0x00020000  # CLONE_NEWNS of <sched.h>


class TroubledCounty(County):
    """The county on such a machine; what it lacks is to be set in the environment before its start."""

    module = "tests.huishang.troubled"

    @property
    def pid(self) -> int:
        """The node's process."""
        assert self._process is not None
        return self._process.pid

    @property
    def disk(self) -> Path:
        """The journal's folder as the node sees it."""
        return Path(f"/proc/{self.pid}/root{self.folder}/journal")


def main(arguments: Sequence[str]) -> None:
    """Prepare the trouble, then serve."""
    if os.environ.get("TROUBLE_DISK"):
        folder = Path(arguments[arguments.index("--config") + 1]).parent / "journal"
        folder.mkdir(mode=0o700, exist_ok=True)
        if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NAMESPACE):
            raise OSError(ctypes.get_errno(), "no mount namespace")
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        options = f"size={DISK_BYTES},mode=700"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
    if os.environ.get("TROUBLE_CLOCK"):
        step = ctypes.CDLL(os.environ["TROUBLE_CLOCK"]).clock_step
        signal.signal(signal.SIGUSR1, lambda *_: step(STEP_SECONDS))
    if os.environ.get("TROUBLE_TOKENS"):
        tokens.LASTS_US = int(os.environ["TROUBLE_TOKENS"]) * 1_000_000
    if os.environ.get("TROUBLE_SILENCE"):
        _give_up_after(float(os.environ["TROUBLE_SILENCE"]))
    if os.environ.get("TROUBLE_CONSENT"):
        consent = {"CONSENT_SECONDS": float(os.environ["TROUBLE_CONSENT"])}
        _replace({lite: consent, session: consent})
    county_node.main(arguments)


def _give_up_after(seconds: float) -> None:
    limits = Limits(ask_s=seconds / 2, silent_s=seconds)
    _replace(
        {
            edge: {
                "Hub": partial(Hub, limits=limits),
                "Presence": partial(Presence, 100_000),
                "ABSENT_US": int(seconds * 1e6),
            },
            caretaker: {"RETURN_SECONDS": 0.0},
        }
    )


def _replace(patched: Mapping[object, Mapping[str, object]]) -> None:
    for module, names in patched.items():
        for name, value in names.items():
            setattr(module, name, value)


if __name__ == "__main__":
    main(sys.argv[1:])
