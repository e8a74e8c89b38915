"""The file of a segment, as it is or with its times moved on. Its name comes from the index, never from a request.

The recorder worker, which could be taken over by what it reads, writes below the same root as the server's keys lie: so
only plain files below `tracks` are opened, and no link is followed on the way there.
"""

from __future__ import annotations

import asyncio
import os
import stat
import weakref
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from aiohttp import ETag, hdrs, web
from aiohttp.abc import AbstractStreamWriter

from dispatch.store.segments import SegmentRow
from recorder.files.mp4 import PICTURE_SCALE, SOUND_SCALE
from recorder.proof.segments import TRACKS, is_plain_path
from signaling.http.problem import Problem
from signaling.http.shifting import Change, changes, overlay

#: What a file may be called to a browser: never anything that it would run.
TYPES: Final = {
    ".mp4": {"video": "video/mp4", "audio": "audio/mp4"},
    ".webm": {"video": "video/webm", "audio": "audio/webm"},
    ".mka": {"audio": "audio/x-matroska"},
}
#: A segment's file never changes, and is for who was let in.
CACHING: Final = "private, max-age=31536000, immutable"
_ONLY_READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
_PIECE_BYTES: Final = 1 << 18


class OpenFile:
    """A descriptor that is closed by `close`, or when nobody has it any more."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.close = weakref.finalize(self, os.close, fd)


def open_segment(root: Path, row: SegmentRow) -> OpenFile:
    """Open a segment's file. Raises OSError for what is not as it was recorded."""
    if not is_plain_path(row.file) or not row.file.startswith(f"{TRACKS}/"):
        raise OSError(None, "not a path below the recordings' tracks")
    *folders, name = row.file.split("/")
    at = os.open(root, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    for folder in folders:
        at = _next(at, folder, _ONLY_READ | os.O_DIRECTORY)
    # What is no file, such as a pipe, must not be waited for.
    file = OpenFile(_next(at, name, _ONLY_READ | os.O_NONBLOCK))
    found = os.fstat(file.fd)
    if not stat.S_ISREG(found.st_mode) or found.st_size != row.bytes:
        file.close()
        raise OSError(None, f"not a plain file of {row.bytes} bytes")
    return file


def _next(at: int, name: str, flags: int) -> int:
    """Open a name in an open folder, which is closed. Raises OSError."""
    try:
        return os.open(name, flags, dir_fd=at)
    finally:
        os.close(at)


class SegmentFile(web.FileResponse):
    """Answers with a file as it is."""

    def __init__(self, file: OpenFile, row: SegmentRow) -> None:
        # Opened again by its descriptor: the name could lead elsewhere by now.
        super().__init__(Path(f"/proc/self/fd/{file.fd}"), headers=_headers(row))
        self._file = file
        self._tag = tag_of(row, 0)

    @property
    def etag(self) -> ETag | None:
        """The file's digest, whatever aiohttp would have in its place."""
        return super().etag

    @etag.setter
    def etag(self, value: ETag | str | None) -> None:
        self.headers[hdrs.ETAG] = self._tag

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send the file, or the range that is asked for."""
        # Nothing else of the request counts: aiohttp would compare its conditions with the time of the file.
        wanted = request.headers.get(hdrs.RANGE, "") if _is_same(request, self._tag) else ""
        try:
            return await super().prepare(request.clone(headers={hdrs.RANGE: wanted} if wanted else {}))
        finally:
            self._file.close()


async def shifted(file: OpenFile, row: SegmentRow, shift_us: int, request: web.Request) -> web.Response:
    """Answer with a file, or a range of it, in which all times are later. Raises Problem, OSError."""
    changed = await asyncio.to_thread(_changes, file, row, shift_us)
    headers, status = _headers(row), 200
    begin, end = 0, row.bytes
    if request.http_range.start is not None and _is_same(request, tag_of(row, shift_us)):
        begin, end, _ = request.http_range.indices(row.bytes)
        headers[hdrs.CONTENT_RANGE], status = f"bytes {begin}-{end - 1}/{row.bytes}", 206
    headers |= {hdrs.ETAG: tag_of(row, shift_us), hdrs.CONTENT_LENGTH: str(end - begin), hdrs.ACCEPT_RANGES: "bytes"}
    return web.Response(status=status, headers=headers, body=_pieces(file, begin, end, changed))


def _changes(file: OpenFile, row: SegmentRow, shift_us: int) -> list[Change]:
    scale = PICTURE_SCALE if row.kind == "video" else SOUND_SCALE
    ticks = shift_us * scale // 1_000_000
    try:
        return list(changes(lambda at, count: os.pread(file.fd, count, at), row.head_bytes, row.bytes, ticks))
    except ValueError as error:
        raise Problem("hls-unfit", f"{row.segment}: {error}") from None


async def _pieces(file: OpenFile, begin: int, end: int, changed: list[Change]) -> AsyncIterator[bytes]:
    try:
        while begin < end:
            piece = await asyncio.to_thread(os.pread, file.fd, min(_PIECE_BYTES, end - begin), begin)
            if not piece:
                raise ConnectionAbortedError("the file became shorter")
            yield overlay(piece, begin, changed)
            begin += len(piece)
    finally:
        file.close()


def tag_of(row: SegmentRow, shift_us: int) -> str:
    """Return the ETag of a segment's file, with its quotes."""
    return f'"{row.sha256}+{shift_us}"' if shift_us else f'"{row.sha256}"'


def _headers(row: SegmentRow) -> dict[str, str]:
    kind = TYPES.get(Path(row.file).suffix, {}).get(row.kind, "application/octet-stream")
    return {hdrs.CONTENT_TYPE: kind, hdrs.CACHE_CONTROL: CACHING}


def _is_same(request: web.BaseRequest, tag: str) -> bool:
    """Tell whether a range is wanted of what the client has a part of."""
    return request.headers.get(hdrs.IF_RANGE, tag) == tag


def unchanged(request: web.Request, tag: str) -> web.Response | None:
    """Return the answer to who has the file already, None to who has not."""
    known = request.if_none_match
    if known is None or not any(item.value == "*" or f'"{item.value}"' == tag for item in known):
        return None
    return web.Response(status=304, headers={hdrs.ETAG: tag, hdrs.CACHE_CONTROL: CACHING})


def require_range(request: web.Request, length: int) -> None:
    """Raise Problem for a range that no byte of a file of so many is in."""
    try:
        wanted = request.http_range
    except ValueError:
        wanted = slice(length, None)
    if wanted.start is not None and wanted.start >= length:
        raise Problem("range-invalid", f"it has {length} bytes", {"Content-Range": f"bytes */{length}"})
