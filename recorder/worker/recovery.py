"""Files that a worker before this one did not close. Shell."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from recorder.files import Facts, SegmentDamaged, facts_of, recover
from recorder.files.facts import OPEN, closed_name
from recorder.files.sink import sync_folder
from recorder.worker.wire import Alarm, Recovered

#: Beside `tracks`: what was found damaged, as it was found.
DAMAGED: Final = "damaged"


def only_worker(root: Path) -> int:
    """Wait until no other worker writes below this root; give the descriptor that keeps others out.

    One whose server died reads on for a moment, and its files look as if nobody wrote them.
    """
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = root / "tracks"
    folder.mkdir(exist_ok=True)
    for each in (root, root.parent):
        sync_folder(each)
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
    except BaseException:
        os.close(fd)
        raise
    return fd


def recovered_below(folder: Path) -> Iterator[Recovered | Alarm]:
    """Recover what was left open in the folders below this one."""
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from recovered_in(Path(entry.path))


def recovered_in(folder: Path) -> Iterator[Recovered | Alarm]:
    """Recover what was left open in a track's folder; what holds nothing is removed.

    A power failure may leave any part of what was not synced, so what was lies before what cannot be read. It is
    recovered, and the whole as it was found is kept in `damaged` beside `tracks`: somebody may read more of it.
    """
    try:
        with os.scandir(folder) as entries:
            paths = sorted(Path(entry.path) for entry in entries if entry.name.endswith(OPEN))
    except FileNotFoundError:
        return
    for path in paths:
        try:
            try:
                facts = recover(path)
            except SegmentDamaged as damage:
                _keep(path)
                yield _alarm(path, damage)
                facts = recover(path, cut_damage=True)
            if facts is None:
                path.unlink()
            else:
                yield Recovered(facts)
        except (OSError, ValueError) as error:
            yield _alarm(path, error)


def _keep(path: Path) -> None:
    """Put a copy of a file aside, on disk when this returns. Raises OSError."""
    folder = path.parents[2] / DAMAGED
    folder.mkdir(mode=0o700, exist_ok=True)
    with path.open("rb") as source, (folder / f"{path.parent.name}.{path.name}").open("wb") as target:
        shutil.copyfileobj(source, target)
        target.flush()
        os.fsync(target.fileno())
    for each in (folder, folder.parent):
        sync_folder(each)


def _alarm(path: Path, error: Exception) -> Alarm:
    return Alarm("file-damaged", 0, f"{path.parent.name}/{path.name}: {error}"[:256])


def last_of(folder: Path) -> Facts | None:
    """Give a track's last segment: names are in the order of their time."""
    names: list[str] = []
    with contextlib.suppress(OSError):
        names = sorted(os.listdir(folder), reverse=True)
    for name in names:
        path = folder / name
        with contextlib.suppress(SegmentDamaged, OSError, ValueError):
            closed_name(path)
            return facts_of(path)
    return None
