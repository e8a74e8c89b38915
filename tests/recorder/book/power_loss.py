"""A disk that notes what the book asks of it, for the journal's model of what a power failure leaves behind."""

import random
import tempfile
from pathlib import Path

from recorder.book.disk import Disk
from tests.dispatch.journal import power_loss
from tests.dispatch.journal.power_loss import Step
from tests.recorder.book.books import write_key

#: The model knows one folder; `/` has a meaning of its own there.
SLASH = "|"


class NotingDisk(Disk):
    """The operating system, and the order of what it was asked below `root`."""

    def __init__(self, root: Path) -> None:
        self.steps: list[Step] = []
        self._root = root
        self._by_path: dict[Path, int] = {}
        self._by_fd: dict[int, int] = {}

    def note(self, what: str, file: int = 0, offset: int = 0, data: bytes = b"") -> None:
        self.steps.append((what, file, offset, data))

    def _begin(self, path: Path) -> int:
        self._by_path[path] = len(self.steps)
        self.note("create", self._by_path[path], data=self._flat(path))
        return self._by_path[path]

    def _flat(self, path: Path) -> bytes:
        return path.relative_to(self._root).as_posix().replace("/", SLASH).encode()

    def write_key(self, path: Path, data: bytes) -> None:
        write_key(path, data)
        temporary = path.with_suffix(".new")
        file = self._begin(temporary)
        self.note("write", file, 0, data)
        self.note("sync", file)
        self.note("rename", data=self._flat(temporary) + b"/" + self._flat(path))
        self.note("sync_folder")

    def open(self, path: Path) -> int:
        is_new = not path.exists()
        fd = super().open(path)
        self._by_fd[fd] = self._begin(path) if is_new else self._by_path[path]
        return fd

    def write(self, fd: int, data: bytes, offset: int) -> None:
        super().write(fd, data, offset)
        self.note("write", self._by_fd[fd], offset, data)

    def sync(self, fd: int) -> None:
        super().sync(fd)
        self.note("sync", self._by_fd[fd])

    def cut(self, fd: int, size: int) -> None:
        super().cut(fd, size)
        self.note("size", self._by_fd[fd], size)

    def sync_folder(self, folder: Path) -> None:
        super().sync_folder(folder)
        self.note("sync_folder")


def leave_behind(steps: list[Step], root: Path, source: random.Random) -> None:
    """Put below an empty root what a disk may hold if the power fails after these steps."""
    with tempfile.TemporaryDirectory(dir=root.parent) as name:
        power_loss.leave_behind(steps, Path(name), source)
        for flat in Path(name).iterdir():
            path = root / flat.name.replace(SLASH, "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            flat.rename(path)
