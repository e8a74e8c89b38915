"""A chain keeps the digests that it was begun with: of a file that was told with fewer, the others are made here.

Shell, reading files below `tracks`. It happens to what a crash left open, and to sessions that outlive a change of the
settings; otherwise the worker makes all digests while it writes.
"""

import os
import stat
from collections.abc import Sequence
from typing import Any

import msgspec

from recorder.book.layout import Layout
from recorder.proof.digests import SHA256_ONLY, Algorithm, Running
from recorder.proof.records import Segment
from recorder.proof.segments import TRACKS, is_plain_path

_PIECE_BYTES = 1 << 16


def completed(layout: Layout, content: dict[str, Any], algorithms: Sequence[Algorithm]) -> dict[str, Any]:
    """Give the content of kind segment with digests by these algorithms.

    It stays as it is where the file cannot be read, or is not what is told of it: verification says so then.
    """
    try:
        segment = msgspec.convert(content, Segment)
    except msgspec.ValidationError:
        return content
    if set(algorithms) <= set(segment.digest.algorithms) or not is_plain_path(segment.file):
        return content
    if not segment.file.startswith(f"{TRACKS}/"):
        return content
    running = Running((*SHA256_ONLY, *algorithms))
    try:
        fd = os.open(layout.root / segment.file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode) or status.st_size != segment.bytes:
                return content
            while piece := os.read(fd, _PIECE_BYTES):
                running.update(piece)
        finally:
            os.close(fd)
    except OSError:
        return content
    digests = running.finish()
    if digests.sha256 != segment.digest.sha256:
        return content
    return content | {"digest": msgspec.to_builtins(digests)}
