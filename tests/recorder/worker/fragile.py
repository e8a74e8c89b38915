"""A worker that dies where FFmpeg might: at the frame that begins a file of a track whose unit is "fragile"."""

from __future__ import annotations

import os
import signal
from typing import Any

from recorder.files import writer
from recorder.files.configuration import configure
from recorder.worker.__main__ import main


def _dies(track: Any, first: bytes, earlier_sets: bytes = b"") -> tuple[bytes, str]:
    if track.about.get("unit") == "fragile":
        os.kill(os.getpid(), signal.SIGSEGV)
    return configure(track, first, earlier_sets)


if __name__ == "__main__":
    vars(writer)["configure"] = _dies
    main()
