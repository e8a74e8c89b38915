"""All that a journal asks of the operating system in order to write, one call each, so that tests can record the order.

Every method raises OSError as the system call does.
"""

import errno
import os
from pathlib import Path

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
SHORT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""What the process or the system is out of for a moment."""
_CANNOT_PREALLOCATE = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


class Disk:
    """The operating system."""

    def create(self, path: Path) -> int:
        """Open an empty file for writing, readable by nobody else."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)

    def open(self, path: Path) -> int:
        """Open an existing file for reading and writing."""
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def preallocate(self, fd: int, offset: int, count: int) -> bool:
        """Make room for so many bytes, which read as zeros; False where the filesystem cannot."""
        try:
            os.posix_fallocate(fd, offset, count)
        except OSError as error:
            if error.errno not in _CANNOT_PREALLOCATE:
                raise
            return False
        return True

    def write(self, fd: int, data: bytes, offset: int) -> None:
        """Write all of it; of what fails, a part may have been written."""
        view = memoryview(data)
        while view:
            count = os.pwrite(fd, view, offset)
            view = view[count:]
            offset += count

    def sync(self, fd: int) -> None:
        """Return when the file's content and size are on disk. Never to be tried again after an error."""
        os.fdatasync(fd)

    def cut(self, fd: int, size: int) -> None:
        """Let the file end there."""
        os.ftruncate(fd, size)

    def forget(self, fd: int) -> None:
        """Let what is read next come from the disk, not from what the kernel still holds of it."""
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def rename(self, before: Path, after: Path) -> None:
        """Give a file its name."""
        os.rename(before, after)

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
