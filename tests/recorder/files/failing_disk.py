"""Writes segments to a disk that fails; prints as JSON what came of it.

A library that makes it fail is preloaded, and its path is the first argument; the second is a folder.
"""

from __future__ import annotations

import ctypes
import errno
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from recorder.files import Codec, Facts, SegmentError, SegmentWriter, facts_of, recover
from tests.recorder.files.frames import decoded, frames, track


def told(call: Callable[[], object]) -> object:
    """Give what a call gives, or the code of its refusal."""
    try:
        return call()
    except SegmentError as error:
        return error.code


def after_failure(library: Any, folder: Path, number: int, of_write: int, of_sync: int) -> dict[str, Any]:
    """Write a second, then more while the disk fails, then when it works again."""
    writer = SegmentWriter(folder, f"01KARR5QKB{number:016d}", number, track(Codec.H264))
    given = frames(Codec.H264)
    for frame in given[:25]:
        writer.write(*frame)
    before = writer.path.read_bytes()
    library.fail(of_write, of_sync, 0)
    codes = {told(partial(writer.write, *frame)) for frame in given[25:50]}
    synced = told(writer.sync)
    library.fail(0, 0, 0)
    later = told(lambda: writer.write(*given[50]))
    closed = told(writer.close)
    if isinstance(closed, Facts):
        path, kept = folder / closed.name, closed
    else:
        found = recover(writer.path)
        assert found
        path, kept = folder / found.name, found
    return {
        "while failing": sorted(str(code) for code in codes if code),
        "synced": synced,
        "later": later,
        "closed": "whole" if closed is kept else closed,
        "kept": path.read_bytes()[: len(before)] == before,
        "longer": path.stat().st_size > len(before),
        "read": facts_of(path) == kept and decoded(path) == kept.frames,
    }


def main(library: Any, folder: Path) -> dict[str, Any]:
    return {
        "write": after_failure(library, folder, 1, errno.EIO, 0),
        "sync": after_failure(library, folder, 2, 0, errno.EIO),
        "no room": after_failure(library, folder, 3, errno.ENOSPC, 0),
    }


if __name__ == "__main__":
    print(json.dumps(main(ctypes.CDLL(sys.argv[1]), Path(sys.argv[2]))))
