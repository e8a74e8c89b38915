"""A bundle as a folder, or as an uncompressed ZIP file: written, or given out as it is read, without room of its own.

Shell. ZIP because every office computer opens it; uncompressed because media does not get smaller. The same bundle
gives the same bytes: no times, no names of users. In one that is given out lengths and sums stand behind each file,
which programs that do not read a ZIP's end first may refuse.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from recorder.export import outlet
from recorder.export.bundle import Bundle, Entry
from recorder.export.outlet import Tell, untold

_NO_TIME: Final = (1980, 1, 1, 0, 0, 0)
_PLAIN_FILE: Final = 0o100600 << 16
_LARGE_BYTES: Final = 1 << 31


def write_folder(bundle: Bundle, path: Path, tell: Tell = untold) -> None:
    """Make the folder of a bundle; its parent exists and it does not.

    Raises ExportFull, ExportFailed and what `tell` raises; nothing is left then.
    """
    total, done = bundle.length, 0

    def counted(entry: Entry) -> Iterator[bytes]:
        nonlocal done
        for piece in entry.pieces():
            yield piece
            done += len(piece)
            tell(done, total)

    with outlet.making(path) as part:
        part.mkdir(mode=0o700)
        for entry in bundle.entries:
            place = part / entry.name
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            outlet.write(place, counted(entry))


def write_zip(bundle: Bundle, path: Path, tell: Tell = untold) -> None:
    """Make the ZIP file of a bundle. Raises as `write_folder` does."""
    with outlet.making(path) as part:
        fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "w+b") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                synced = 0
                for _ in _filled(archive, bundle, tell):
                    if file.tell() - synced >= outlet.SYNC_BYTES:
                        file.flush()
                        os.fdatasync(file.fileno())
                        synced = file.tell()
            file.flush()
            os.fdatasync(file.fileno())


def zipped(bundle: Bundle, tell: Tell = untold) -> Iterator[bytes]:
    """Give a bundle as a ZIP file in pieces. Raises ExportFailed, and OSError of the files that it reads."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for _ in _filled(archive, bundle, tell):
            yield from sink.drain()
    yield from sink.drain()


def _filled(archive: zipfile.ZipFile, bundle: Bundle, tell: Tell) -> Iterator[None]:
    """Put everything below a folder named as the session, a piece at each turn."""
    total, done = bundle.length, 0
    for entry in bundle.entries:
        about = zipfile.ZipInfo(f"{bundle.session}/{entry.name}", _NO_TIME)
        about.external_attr = _PLAIN_FILE
        with archive.open(about, "w", force_zip64=entry.length >= _LARGE_BYTES) as file:
            for piece in entry.pieces():
                file.write(piece)
                yield
                done += len(piece)
                tell(done, total)


class _Sink:
    """Takes what `zipfile` writes, which cannot go back in it."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: what was written is given by `drain`."""

    close = flush

    def drain(self) -> Iterator[bytes]:
        """Give what was written since."""
        pieces, self._pieces = self._pieces, []
        yield from pieces
