"""A worker that dies where FFmpeg might: at any VP9 picture."""

from __future__ import annotations

import os
import signal

from media.stills import worker
from media.stills.picture import Jpeg, still_of


def _dies(codec: str, keyframe: bytes, configuration: bytes = b"") -> Jpeg:
    if codec == "VP9":
        os.kill(os.getpid(), signal.SIGSEGV)
    return still_of(codec, keyframe, configuration)


if __name__ == "__main__":
    vars(worker)["still_of"] = _dies
    worker.main()
