"""The file under a writer: it grows by whole fragments, and a digest grows with it.

Touches one file and its folder.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from recorder.files.errors import SegmentBroken, SegmentError, SegmentFull
from recorder.files.facts import closed_name
from recorder.proof.digests import SHA256_ONLY, Algorithm, Digests, Running

_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Sink:
    """A file that is being written, under the name that says so. Whoever began it ends it by `finish` or `abandon`."""

    def __init__(self, path: Path, algorithms: Sequence[Algorithm] = SHA256_ONLY) -> None:
        """Create the file, readable by nobody else. Raises SegmentFull, SegmentBroken."""
        self.path = path
        self.bytes = 0
        self._digest = Running(algorithms)
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise refusal(error, f"beginning {path.name}") from error

    def digests(self) -> Digests:
        """Give those of all that was written, at the end and once."""
        return self._digest.finish()

    def write(self, data: bytes) -> None:
        """Append all of it, or nothing: of what the disk has no room for, no part stays.

        Raises SegmentFull when the file is as it was before, else SegmentBroken.
        """
        view = memoryview(data)
        try:
            while view:
                view = view[os.pwrite(self._fd, view, self.bytes + len(data) - len(view)) :]
        except OSError as error:
            refused = refusal(error, f"writing {self.path.name}")
            try:
                os.ftruncate(self._fd, self.bytes)
            except OSError as cut:
                raise SegmentBroken(f"cutting {self.path.name}: {cut}") from error
            raise refused from error
        self._digest.update(data)
        self.bytes += len(data)

    def sync(self) -> None:
        """Return when what was written is on disk, its name too.

        Raises SegmentBroken; what is on disk is not known then.
        """
        try:
            os.fdatasync(self._fd)
            sync_folder(self.path.parent)
        except OSError as error:
            raise SegmentBroken(f"syncing {self.path.name}: {error}") from error

    def finish(self) -> Path:
        """Sync, let go of the file and give it the name of one that is whole. Raises SegmentBroken."""
        try:
            self.sync()
        finally:
            self.abandon()
        closed = closed_name(self.path)
        try:
            os.rename(self.path, closed)
            sync_folder(closed.parent)
        except OSError as error:
            raise SegmentBroken(f"naming {closed.name}: {error}") from error
        return closed

    def abandon(self) -> None:
        """Let go of the file as it is."""
        with contextlib.suppress(OSError):  # what the disk did not take is known from `sync`
            os.close(self._fd)


def refusal(error: OSError, what: str) -> SegmentError:
    """Give the refusal that an error of the disk is."""
    kind = SegmentFull if error.errno in _NO_SPACE else SegmentBroken
    return kind(f"{what}: {error}")


def sync_folder(folder: Path) -> None:
    """Return when the names in the folder are on disk. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
