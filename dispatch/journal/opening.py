"""What a start does with a journal's folder: lock it, look at every file's header, find the end of the last file.

Touches that folder only. Nothing is served before it is known to be on disk: what a killed process wrote may still be
in the kernel's memory only, and what a failed disk never took may look written there.
"""

import fcntl
import os
import re
from pathlib import Path
from zlib import crc32

from dispatch.journal import header
from dispatch.journal.disk import Disk
from dispatch.journal.errors import JournalBroken, JournalDamaged, JournalLocked
from dispatch.journal.header import Header
from dispatch.journal.offsets import Offsets
from dispatch.journal.recovery import End, Recovery
from dispatch.journal.tail import JournalFile, begin_file, refusal, sync

_NAME = re.compile(r"(\d{8})\.jsonl")
_PIECE_BYTES = 1 << 20


def lock(folder: Path) -> int:
    """Make the folder where it is missing and take it for this process; give what holds it until it is closed.

    Raises JournalLocked.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        raise JournalLocked(f"{folder} is in use by another process") from error
    except BaseException:
        os.close(fd)
        raise
    return fd


def open_files(disk: Disk, folder: Path, node: str) -> tuple[list[JournalFile], int, End]:
    """Give a journal's files, a descriptor of the last one, and that one's end, behind which nothing is left.

    Raises JournalDamaged, JournalForeign, and of a new journal JournalFull, JournalBusy, JournalBroken.
    """
    for unfinished in folder.glob("*.new"):
        unfinished.unlink()
    numbers = sorted(int(found[1]) for name in os.listdir(folder) if (found := _NAME.fullmatch(name)))
    if not numbers:
        return _begin(disk, folder, node)
    files: list[JournalFile] = []
    for expected, number in enumerate(numbers, 1):
        if number != expected:
            raise JournalDamaged(header.name_of(expected), 0, "the file is missing")
        file = _read_header(folder, number)
        header.check_order(files[-1].header if files else None, file.header, number, node)
        if files:
            _check_size(folder, files[-1], file.header)
        files.append(file)
    fd = disk.open(folder / files[-1].name)
    try:
        return files, fd, _recover(disk, fd, files[-1])
    except BaseException:
        disk.close(fd)
        raise


def _begin(disk: Disk, folder: Path, node: str) -> tuple[list[JournalFile], int, End]:
    try:
        disk.sync_folder(folder.parent)
        head = Header(journal=os.urandom(8).hex(), node=node, file=1, first=0)
        file, fd, end = begin_file(disk, folder, head)
    except OSError as error:
        raise refusal(error, "beginning a journal") from error
    return [file], fd, end


def _read_header(folder: Path, number: int) -> JournalFile:
    name = header.name_of(number)
    with open(folder / name, "rb") as stream:
        line = stream.readline(header.MAX_HEADER_BYTES)
    if not line.endswith(b"\n"):
        raise JournalDamaged(name, 0, "there is no header")
    return JournalFile(header.decode(line[:-1], name), len(line), crc32(line), Offsets(len(line)))


def _check_size(folder: Path, file: JournalFile, after: Header) -> None:
    """Hold a file that is not the last against its successor; its checksum is looked at when it is read."""
    file.closed = after.before
    size = os.stat(folder / file.name).st_size
    if file.closed is None or size != file.closed.bytes:
        raise JournalDamaged(file.name, size, "it is not as long as the file after it says")


def _recover(disk: Disk, fd: int, file: JournalFile) -> End:
    sync(disk, fd)
    try:
        disk.forget(fd)
        with open(fd, "rb", buffering=0, closefd=False) as stream:
            line = stream.read(file.header_bytes)
            recovery = Recovery(file.name, line)
            while piece := stream.read(_PIECE_BYTES):
                recovery.receive(piece)
        end = recovery.finish()
        disk.cut(fd, end.offset)
    except OSError as error:
        raise JournalBroken(f"reading {file.name}: {error.strerror}") from error
    sync(disk, fd)
    file.offsets = recovery.offsets
    return end
