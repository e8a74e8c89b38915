"""The end of a journal, where it grows: one file after another, each preallocated ahead of what is written to it.

Touches the journal's folder through a `Disk`. One thread at a time. What has been refused with JournalFull or
JournalBusy is not in the file, not even after a crash; what met JournalBroken may be, or may not.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from dispatch.journal import format, header
from dispatch.journal.disk import NO_SPACE, SHORT, Disk
from dispatch.journal.errors import JournalBroken, JournalBusy, JournalError, JournalFull
from dispatch.journal.header import Closed, Header
from dispatch.journal.offsets import Offsets
from dispatch.journal.recovery import End


@dataclass(slots=True)
class JournalFile:
    """One file of a journal, as readers know it."""

    header: Header
    header_bytes: int
    header_sum: int
    """CRC-32 of the header's line."""
    offsets: Offsets
    closed: Closed | None = None
    """Where it ends, of all but the last."""

    @property
    def name(self) -> str:
        return header.name_of(self.header.file)


def refusal(error: OSError, doing: str) -> JournalError:
    """Give what an error of the system, met before anything was written, means to who waits."""
    reason = f"{doing}: {error.strerror}"
    if error.errno in NO_SPACE:
        return JournalFull(reason)
    return JournalBusy(reason) if error.errno in SHORT else JournalBroken(reason)


def sync(disk: Disk, fd: int) -> None:
    """Return when the file is on disk. Raises JournalBroken: the kernel may have dropped what it could not write."""
    try:
        disk.sync(fd)
    except OSError as error:
        raise JournalBroken(f"making it durable: {error.strerror}") from error


def begin_file(disk: Disk, folder: Path, head: Header) -> tuple[JournalFile, int, End]:
    """Make a file that holds its header, under its name only when that is on disk; give it with its descriptor and end.

    Raises OSError with nothing done, JournalBroken.
    """
    line = header.encode(head)
    path = folder / header.name_of(head.file)
    fresh = path.with_suffix(".new")
    fd = disk.create(fresh)
    try:
        disk.write(fd, line, 0)
        sync(disk, fd)
        disk.rename(fresh, path)
        try:
            disk.sync_folder(folder)
        except OSError as error:
            raise JournalBroken(f"making a file's name durable: {error.strerror}") from error
    except BaseException:
        disk.close(fd)
        raise
    file = JournalFile(head, len(line), crc32(line), Offsets(len(line)))
    return file, fd, End(len(line), 0, file.header_sum, 0)


class Tail:
    """The last file and its durable end: `position` entries of the whole journal, `end` bytes of the file."""

    def __init__(self, disk: Disk, folder: Path, files: list[JournalFile], fd: int, end: End, ahead_bytes: int) -> None:
        """Take over the last file, its descriptor and where it ends. `files` is shared with readers."""
        self._disk = disk
        self._folder = folder
        self._files = files
        self._ahead_bytes = ahead_bytes
        self._go_on(fd, end)

    def _go_on(self, fd: int, end: End) -> None:
        self._fd = fd
        self.position = self._files[-1].header.first + end.entries
        self.end = self._allocated = end.offset
        self._sum = end.sum

    @property
    def is_empty(self) -> bool:
        """Whether the last file has no entry."""
        return self.position == self._files[-1].header.first

    def write(self, appends: Sequence[Sequence[bytes]]) -> None:
        """Put these on disk for good, by one write. Raises JournalFull, JournalBusy, JournalBroken."""
        lines = format.write_lines(appends)
        data = b"".join(lines)
        try:
            self._make_room(self.end + len(data))
        except OSError as error:
            raise refusal(error, "making room") from error
        try:
            self._disk.write(self._fd, data, self.end)
        except OSError as error:
            raise self._undo(error) from error
        sync(self._disk, self._fd)
        last, offset = self._files[-1], self.end
        for entry, line in enumerate(lines, self.position - last.header.first):
            last.offsets.note(entry, offset)
            offset += len(line)
        self.position += len(lines)
        self.end = offset
        self._sum = crc32(data, self._sum)

    def roll(self) -> None:
        """End the last file and begin the next. Raises JournalFull, JournalBusy, JournalBroken."""
        last = self._files[-1]
        closed = Closed(self.end, self._sum)
        head = Header(
            journal=last.header.journal,
            node=last.header.node,
            file=last.header.file + 1,
            first=self.position,
            before=closed,
        )
        try:
            self._cut()
            file, fd, end = begin_file(self._disk, self._folder, head)
        except OSError as error:
            raise refusal(error, "beginning a file") from error
        self._disk.close(self._fd)
        last.closed = closed
        self._files.append(file)
        self._go_on(fd, end)

    def finish(self) -> None:
        """Give back what was preallocated, and the descriptor. What cannot be given back is cut by the next start."""
        with contextlib.suppress(OSError, JournalBroken):
            self._cut()
        self.abandon()

    def abandon(self) -> None:
        """Give back the descriptor only: the file is left as it is."""
        self._disk.close(self._fd)

    def _make_room(self, end: int) -> None:
        if end <= self._allocated:
            return
        wanted = -(-end // self._ahead_bytes) * self._ahead_bytes
        try:
            done = self._disk.preallocate(self._fd, self._allocated, wanted - self._allocated)
        except OSError:
            # A part may have been allocated; the rest of the node needs it more.
            self._disk.cut(self._fd, self._allocated)
            raise
        if done:
            self._allocated = wanted

    def _cut(self) -> None:
        self._disk.cut(self._fd, self.end)
        self._allocated = self.end
        sync(self._disk, self._fd)

    def _undo(self, error: OSError) -> JournalError:
        """Take back a write that failed, for good, where it failed for want of space only."""
        if error.errno not in NO_SPACE:
            return JournalBroken(f"writing: {error.strerror}")
        try:
            self._cut()
        except (OSError, JournalBroken) as worse:
            return JournalBroken(f"taking back a write: {worse}")
        return JournalFull(f"writing: {error.strerror}")
