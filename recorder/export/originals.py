"""Reads files of the recordings' root, in pieces, as far as they went when they were looked at. Shell, reading only."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from recorder.export.errors import ExportFailed, ExportRefused
from recorder.files.errors import SegmentDamaged
from recorder.files.listing import Listing, listing_of_open

_FOLDER: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW
PIECE_BYTES: Final = 1 << 18
_LINE_BYTES: Final = 1 << 19
"""More than a line has (`recorder.proof.lines`)."""


def opened(path: Path) -> int:
    """Open a plain file; the descriptor is the caller's to close. Raises OSError, for a link too, its folder's as well.

    Whoever writes below the root parses what came from outside, and the server's keys lie there.
    """
    folder = os.open(path.parent, _FOLDER)
    try:
        fd = os.open(path.name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(None, "not a plain file", str(path))
    return fd


def plain_bytes(path: Path) -> int | None:
    """Give the length of a plain file, None where there is none."""
    try:
        folder = os.open(path.parent, _FOLDER)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        found = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    finally:
        os.close(folder)
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def pieces(path: Path, length: int, offset: int = 0) -> Iterator[bytes]:
    """Give so many bytes of a file. Raises OSError, where it has become shorter too."""
    fd = opened(path)
    try:
        end = offset + length
        while offset < end:
            piece = os.pread(fd, min(PIECE_BYTES, end - offset), offset)
            if not piece:
                raise OSError(None, "has become shorter", str(path))
            yield piece
            offset += len(piece)
    finally:
        os.close(fd)


def whole_lines(path: Path) -> int:
    """Give how many bytes of a file that grows are whole lines."""
    fd = opened(path)
    try:
        size = os.fstat(fd).st_size
        begin = max(0, size - _LINE_BYTES)
        end = os.pread(fd, size - begin, begin)
        return begin + end.rfind(b"\n") + 1 if b"\n" in end else 0
    finally:
        os.close(fd)


def listing(path: Path) -> Listing:
    """List a segment file. Raises ExportRefused where it is damaged, ExportFailed where it cannot be read."""
    try:
        fd = opened(path)
        try:
            return listing_of_open(fd)
        finally:
            os.close(fd)
    except SegmentDamaged as error:
        raise ExportRefused("damaged", f"{path.name}: {error}") from error
    except OSError as error:
        raise ExportFailed(f"{path.name}: {error.strerror}") from error
