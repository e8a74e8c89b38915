"""The file of a segment, sent as it is. Its name comes from the index and never from a request.

The recorder worker, which could be taken over by what it reads, writes below the same root as the server's keys lie: so
only plain files below `tracks` are opened, and no link is followed on the way there.
"""

from __future__ import annotations

import os
import stat
import weakref
from pathlib import Path
from typing import Final

from aiohttp import ETag, hdrs, web
from aiohttp.abc import AbstractStreamWriter

from dispatch.store.segments import SegmentRow
from recorder.proof.segments import TRACKS, is_plain_path
from signaling.http.problem import Problem

#: What a file may be called to a browser: never anything that it would run.
TYPES: Final = {
    ".mp4": {"video": "video/mp4", "audio": "audio/mp4"},
    ".webm": {"video": "video/webm", "audio": "audio/webm"},
    ".mka": {"audio": "audio/x-matroska"},
}
#: A segment's file never changes, and is for who was let in.
CACHING: Final = "private, max-age=31536000, immutable"
_ONLY_READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW


def open_segment(root: Path, row: SegmentRow) -> int:
    """Return a descriptor of a segment's file, the caller's to close. Raises OSError for what is not as recorded."""
    if not is_plain_path(row.file) or not row.file.startswith(f"{TRACKS}/"):
        raise OSError(None, "not a path below the recordings' tracks")
    *folders, name = row.file.split("/")
    at = os.open(root, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    for folder in folders:
        at = _next(at, folder, _ONLY_READ | os.O_DIRECTORY)
    # What is no file, such as a pipe, must not be waited for.
    at = _next(at, name, _ONLY_READ | os.O_NONBLOCK)
    found = os.fstat(at)
    if stat.S_ISREG(found.st_mode) and found.st_size == row.bytes:
        return at
    os.close(at)
    raise OSError(None, f"not a plain file of {row.bytes} bytes")


def _next(at: int, name: str, flags: int) -> int:
    """Open a name in an open folder, which is closed. Raises OSError."""
    try:
        return os.open(name, flags, dir_fd=at)
    finally:
        os.close(at)


class SegmentFile(web.FileResponse):
    """Answers with an open file, which it closes: once it is sent, or when nobody wants it any more."""

    def __init__(self, fd: int, row: SegmentRow) -> None:
        # Opened again by its descriptor: the name could lead elsewhere by now.
        super().__init__(
            Path(f"/proc/self/fd/{fd}"),
            headers={hdrs.CONTENT_TYPE: content_type(row), hdrs.CACHE_CONTROL: CACHING},
        )
        self._row = row
        self._end = weakref.finalize(self, os.close, fd)

    @property
    def etag(self) -> ETag | None:
        """The file's digest, whatever aiohttp would have in its place."""
        return super().etag

    @etag.setter
    def etag(self, value: ETag | str | None) -> None:
        self.headers[hdrs.ETAG] = f'"{self._row.sha256}"'

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send the file, or the range that is asked for."""
        # Nothing else of the request counts: aiohttp would compare its conditions with the time of the file.
        wanted = request.headers.get(hdrs.RANGE, "")
        is_same = request.headers.get(hdrs.IF_RANGE, f'"{self._row.sha256}"') == f'"{self._row.sha256}"'
        try:
            return await super().prepare(request.clone(headers={hdrs.RANGE: wanted} if wanted and is_same else {}))
        finally:
            self._end()


def content_type(row: SegmentRow) -> str:
    """Return the type of a segment's file."""
    return TYPES.get(Path(row.file).suffix, {}).get(row.kind, "application/octet-stream")


def unchanged(request: web.Request, row: SegmentRow) -> web.Response | None:
    """Return the answer to who has the file already, None to who has not."""
    known = request.if_none_match
    if known is None or not any(tag.value in ("*", row.sha256) for tag in known):
        return None
    return web.Response(status=304, headers={hdrs.ETAG: f'"{row.sha256}"', hdrs.CACHE_CONTROL: CACHING})


def require_range(request: web.Request, row: SegmentRow) -> None:
    """Raise Problem for a range that no byte of the file is in."""
    try:
        wanted = request.http_range
    except ValueError:
        wanted = slice(row.bytes, None)
    if wanted.start is not None and wanted.start >= row.bytes:
        raise Problem("range-invalid", f"it has {row.bytes} bytes", {"Content-Range": f"bytes */{row.bytes}"})
