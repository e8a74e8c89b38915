"""Reading a journal's files, in batches, each checked as it is read. Touches the files, by descriptors of its own.

Any thread, while others write: what is read ends where the caller says that all is on disk.
"""

import os
from bisect import bisect_right
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from dispatch.journal import format
from dispatch.journal.errors import JournalDamaged
from dispatch.journal.tail import JournalFile

PIECE_BYTES = 1 << 18
Batch = list[tuple[int, bytes]]


class Durable(NamedTuple):
    """How far a journal was on disk at one moment."""

    position: int
    """Number of entries."""
    file: int
    """Which of its files was the last, from 0."""
    end: int
    """Bytes of the last file."""


def batches(
    folder: Path, files: Sequence[JournalFile], durable: Durable, first: int, limit: int | None
) -> Generator[Batch, None, None]:
    """Give the entries from position `first` on with their positions, at most `limit`.

    Raises JournalDamaged, and OSError where the disk cannot be read.
    """
    stop = durable.position if limit is None else min(durable.position, first + limit)
    number = bisect_right(files, first, hi=durable.file + 1, key=lambda file: file.header.first) - 1
    while first < stop:
        file = files[number]
        if file.closed is None or number == durable.file:
            entries, end, sum_ = durable.position, durable.end, None
        else:
            entries, end, sum_ = files[number + 1].header.first, file.closed.bytes, file.closed.sum
        for batch in _of_file(folder, file, first, entries, end, sum_):
            yield batch[: stop - first]
            first += len(batch)
            if first >= stop:
                return
        number += 1


def _of_file(
    folder: Path, file: JournalFile, first: int, entries: int, end: int, sum_: int | None
) -> Generator[Batch, None, None]:
    """Give the entries of one file from position `first` on.

    It ends at byte `end`, before position `entries`; where it is read from its beginning, its CRC-32 must be `sum_`.
    """
    base = file.header.first
    skipped, at = file.offsets.before(first - base)
    position = base + skipped
    found = file.header_sum
    for data in _whole_lines(folder, file.name, at, end):
        found = crc32(data, found)
        batch = []
        for text in data[:-1].split(b"\n"):
            if not format.is_whole(text):
                raise JournalDamaged(file.name, at, "an entry is not whole")
            file.offsets.note(position - base, at)
            if position >= first:
                batch.append((position, text[format.PAYLOAD]))
            position += 1
            at += len(text) + 1
        if position > entries:
            raise JournalDamaged(file.name, at, "there are more entries than were written")
        if batch:
            yield batch
    if position < entries:
        raise JournalDamaged(file.name, end, "there are fewer entries than were written")
    if skipped == 0 and sum_ is not None and found != sum_:
        raise JournalDamaged(file.name, 0, "it is not the file that the next one follows")


def _whole_lines(folder: Path, name: str, offset: int, end: int) -> Generator[bytes, None, None]:
    """Give a part of a file in pieces that end with a line feed."""
    try:
        fd = os.open(folder / name, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise JournalDamaged(name, 0, "the file is missing") from error
    try:
        rest = b""
        while offset < end:
            piece = os.pread(fd, min(PIECE_BYTES, end - offset), offset)
            if not piece:
                raise JournalDamaged(name, offset, "the file ends too early")
            offset += len(piece)
            data = rest + piece
            lines = data.rfind(b"\n") + 1
            rest = data[lines:]
            if len(rest) > format.MAX_LINE_BYTES or (rest and offset == end):
                raise JournalDamaged(name, offset - len(rest), "an entry is not whole")
            if lines:
                yield data[:lines]
    finally:
        os.close(fd)
