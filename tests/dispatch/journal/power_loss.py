"""A disk that notes what it was asked, and what may lie on it if the power had failed at any moment.

After the last `sync` of a file, each sector written may have arrived or not; sizes change in the order they were asked
for, as far as they did. Names, likewise, since the last `sync_folder`.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dispatch.journal.disk import Disk

SECTOR_BYTES = 512
Step = tuple[str, int, int, bytes]
"""What, which file, at which offset or size, data; a name stands as data."""


class NotingDisk(Disk):
    """The operating system, and the order of what it was asked; files are numbered as they were created."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._files: dict[int, int] = {}

    def note(self, what: str, file: int = 0, offset: int = 0, data: bytes = b"") -> None:
        self.steps.append((what, file, offset, data))

    def create(self, path: Path) -> int:
        fd = super().create(path)
        self._files[fd] = len(self.steps)
        self.note("create", self._files[fd], data=path.name.encode())
        return fd

    def preallocate(self, fd: int, offset: int, count: int) -> bool:
        done = super().preallocate(fd, offset, count)
        self.note("size", self._files[fd], offset + count)
        return done

    def write(self, fd: int, data: bytes, offset: int) -> None:
        super().write(fd, data, offset)
        self.note("write", self._files[fd], offset, data)

    def sync(self, fd: int) -> None:
        super().sync(fd)
        self.note("sync", self._files[fd])

    def cut(self, fd: int, size: int) -> None:
        super().cut(fd, size)
        self.note("size", self._files[fd], size)

    def rename(self, before: Path, after: Path) -> None:
        super().rename(before, after)
        self.note("rename", data=b"/".join([before.name.encode(), after.name.encode()]))

    def sync_folder(self, folder: Path) -> None:
        super().sync_folder(folder)
        self.note("sync_folder")


@dataclass(slots=True)
class _Pending:
    """Of one file, or of the folder: what its last sync has made sure of, and what was asked since."""

    sure: list[Step] = field(default_factory=list)
    since: list[Step] = field(default_factory=list)

    def sync(self) -> None:
        self.sure += self.since
        self.since = []


def leave_behind(steps: Sequence[Step], folder: Path, source: random.Random) -> None:
    """Put into an empty folder what a disk may hold if the power fails after these steps."""
    files: dict[int, _Pending] = {}
    names = _Pending()
    for step in steps:
        what, file, _, _ = step
        if what == "sync":
            files[file].sync()
        elif what == "sync_folder":
            names.sync()
        elif what in ("create", "rename"):
            names.since.append(step)
            if what == "create":
                files[file] = _Pending()
        elif what in ("write", "size"):
            files[file].since.append(step)
    named: dict[bytes, int] = {}
    for what, file, _, name in names.sure + names.since[: source.randint(0, len(names.since))]:
        if what == "create":
            named[name] = file
        else:
            before, after = name.split(b"/")
            named[after] = named.pop(before)
    for name, file in named.items():
        (folder / name.decode()).write_bytes(_content(files[file], source))


def _content(file: _Pending, source: random.Random) -> bytes:
    content = bytearray()
    for step in file.sure:
        _apply(content, step)
    sizes = sum(step[0] == "size" for step in file.since)
    sizes_kept = source.randint(0, sizes)
    chance = source.choice((0.0, 0.5, 0.9, 1.0))
    for what, number, at, data in file.since:
        if what == "size":
            if sizes_kept:
                _apply(content, (what, number, at, data))
            sizes_kept = max(0, sizes_kept - 1)
            continue
        end = at + len(data)
        while at < end:
            sector_end = min(end, at // SECTOR_BYTES * SECTOR_BYTES + SECTOR_BYTES)
            if source.random() < chance:
                _apply(content, (what, number, at, data[len(data) - (end - at) :][: sector_end - at]))
            at = sector_end
    return bytes(content)


def _apply(content: bytearray, step: Step) -> None:
    what, _, at, data = step
    if what == "size":
        content[at:] = bytes(max(0, at - len(content)))
    else:
        content.extend(bytes(max(0, at - len(content))))
        content[at : at + len(data)] = data
