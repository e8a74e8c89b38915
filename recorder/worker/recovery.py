"""Files that a worker before this one did not close. Shell."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from recorder.files import Facts, SegmentDamaged, facts_of, recover
from recorder.files.facts import OPEN, closed_name
from recorder.worker.wire import Alarm, Recovered


def only_worker(root: Path) -> int:
    """Wait until no other worker writes below this root; give the descriptor that keeps others out.

    One whose server died reads on for a moment, and its files look as if nobody wrote them.
    """
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = root / "tracks"
    folder.mkdir(exist_ok=True)
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
    """Recover what was left open in a track's folder; what holds nothing is removed, what is damaged stays as it is."""
    try:
        with os.scandir(folder) as entries:
            paths = sorted(Path(entry.path) for entry in entries if entry.name.endswith(OPEN))
    except FileNotFoundError:
        return
    for path in paths:
        try:
            facts = recover(path)
            if facts is None:
                path.unlink()
            else:
                yield Recovered(facts)
        except (SegmentDamaged, OSError, ValueError) as error:
            yield Alarm("file-damaged", 0, f"{folder.name}/{path.name}: {error}"[:256])


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
