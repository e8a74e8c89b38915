"""All that the book asks of the operating system in order to write, one call each, so that tests can record the order.

Every method raises OSError as the system call does. The journal has such a class too; neither may import the other.
"""

import contextlib
import os
from pathlib import Path


class Disk:
    """The operating system."""

    def make_folder(self, path: Path) -> None:
        """Make a folder, readable by nobody else, where it is not there."""
        path.mkdir(mode=0o700, exist_ok=True)

    def open(self, path: Path) -> int:
        """Open a file for reading and writing, readable by nobody else; an empty one where there is none."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

    def write(self, fd: int, data: bytes, offset: int) -> None:
        """Write all of it; of what fails, a part may have been written."""
        view = memoryview(data)
        while view:
            count = os.pwrite(fd, view, offset)
            view, offset = view[count:], offset + count

    def sync(self, fd: int) -> None:
        """Return when the file's content and size are on disk."""
        os.fdatasync(fd)

    def cut(self, fd: int, size: int) -> None:
        """Let the file end there."""
        os.ftruncate(fd, size)

    def remove(self, path: Path) -> None:
        """Take a file away, and its folder if nothing else is in it."""
        path.unlink()
        with contextlib.suppress(OSError):
            path.parent.rmdir()

    def sync_folder(self, folder: Path) -> None:
        """Return when the names in the folder are on disk."""
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def close(self, fd: int) -> None:
        """Let go of a file; its content is as safe as the last `sync` made it."""
        os.close(fd)
