"""Where an export goes: a file or a folder that is there whole or not at all.

Shell. While it is made it has `.part` behind its name; who begins an export where one of that name was left by a crash
takes its place. Touches what it makes and nothing else.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from recorder.export.errors import ExportFailed, ExportFull

Tell = Callable[[int, int], None]
"""Is told how much is done and how much there is to do, often; raises ExportCancelled where it is to end."""
PART: Final = ".part"
SYNC_BYTES: Final = 16 << 20
"""Written at most before it is on disk. Gigabytes that wait held up a journal's sync beside them for half a second,
these for 40 ms."""
_BESIDE: Final = ".beside"
_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def untold(_done: int, _total: int) -> None:
    """Take no notice of progress."""


@contextlib.contextmanager
def making(path: Path) -> Iterator[Path]:
    """Give the name under which `path` is to be made; it gets its own when the block ends well.

    Else nothing of it stays. Raises ExportFull, ExportFailed for what the disk does in the block.
    """
    part = path.with_name(path.name + PART)
    try:
        _remove(part)
        yield part
        os.rename(part, path)
        _sync_folder(path.parent)
    except OSError as error:
        _remove(part)
        raise refusal(error, path.name) from error
    except BaseException:
        _remove(part)
        raise


def clear(path: Path) -> None:
    """Take away what somebody who was killed left of `path`. Raises OSError."""
    _remove(path.with_name(path.name + PART))
    _remove(beside(path))


def beside(path: Path) -> Path:
    """Give the folder for what is needed only while `path` is made."""
    return path.with_name(path.name + _BESIDE)


@contextlib.contextmanager
def refused(what: str) -> Iterator[None]:
    """Raise ExportFull, ExportFailed for what the disk does in the block."""
    try:
        yield
    except OSError as error:
        raise refusal(error, what) from error


def write(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a new file, readable by nobody else, on disk when this returns. Raises OSError."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        waiting = 0
        for piece in pieces:
            view = memoryview(piece)
            while view:
                view = view[os.write(fd, view) :]
            waiting += len(piece)
            if waiting >= SYNC_BYTES:
                os.fdatasync(fd)
                waiting = 0
        os.fdatasync(fd)
    finally:
        os.close(fd)


def told(pieces: Iterable[bytes], tell: Tell, total: int) -> Iterator[bytes]:
    """Give the pieces on, and tell what is done after each."""
    done = 0
    for piece in pieces:
        yield piece
        done += len(piece)
        tell(done, total)


def refusal(error: OSError, what: str) -> ExportFull | ExportFailed:
    """Give the refusal that an error of the disk is."""
    kind = ExportFull if error.errno in _NO_SPACE else ExportFailed
    return kind(f"{what}: {error.strerror or error}")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
