"""The server as it is, which on SIGUSR1 writes how many plane objects live: `python -m tests.soak.watched_server ...`.

The counts go to the file that LIVE_OBJECTS_FILE names; everything else is `python -m huishang`.
"""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from types import FrameType

from huishang.cli import main
from media.plane.memory import live_objects


def tell(_number: int, _frame: FrameType | None) -> None:
    path = Path(os.environ["LIVE_OBJECTS_FILE"])
    new = path.with_suffix(".new")
    new.write_text(json.dumps(live_objects()))
    new.rename(path)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, tell)
    main()
