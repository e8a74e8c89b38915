"""Makes a whole file of one that a crash, a power failure or a full disk has cut off.

Touches one file and its folder. What was whole stays as it is, byte by byte; what follows the last whole fragment is
cut away. Only for files that were never closed: a closed one that is not whole is a matter of evidence, not of repair.
"""

from __future__ import annotations

import os
from pathlib import Path

from recorder.files.errors import SegmentDamaged
from recorder.files.facts import Facts, closed_name
from recorder.files.reading import End, facts, walk
from recorder.files.sink import sync_folder


def recover(path: Path, *, cut_damage: bool = False) -> Facts | None:
    """Cut the file off behind its last whole fragment, give it the name of a recovered one and tell what it holds.

    None when no fragment is whole: the file is left as it is, for the caller to remove. What ends in something else
    than the torn end of a write is left as it is too, unless `cut_damage` says that it goes: it may be worth a look.
    Raises SegmentDamaged then, OSError when the disk fails, ValueError for a name that is not ours. After an error or
    a crash it can be called again.
    """
    closed = closed_name(path, recovered=True)
    with path.open("r+b", buffering=0) as file:
        found = walk(file)
        if found.end is End.DAMAGED and not cut_damage:
            raise SegmentDamaged(found.bytes, found.reason)
        if not found.fragments:
            return None
        file.truncate(found.bytes)
        os.fdatasync(file.fileno())
    os.rename(path, closed)
    sync_folder(closed.parent)
    return facts(found, closed)
