"""Copies that lie on disk for who asks again: a bounded number of bytes, for a bounded time, none over a start.

Shell. Copies can be made again, so an error of the disk is never more than a copy that is not there; nothing is synced.
What is deleted by policy must not live on in its copies: after `MOST_SECONDS` they go whatever happens. Safe to be used
by threads.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import Final, NamedTuple

#: A hundred hours of one sound have 2 GB; one who looks again at the last hours of a call is served from here.
MOST_BYTES: Final = 256 << 20
MOST_SECONDS: Final = 3600.0
_SUFFIX: Final = ".mp4"
_PART: Final = ".part"


class _Lying(NamedTuple):
    length: int
    since: float


class Shelf:
    """The folder. Whatever else is in it goes when it is emptied."""

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES, most_seconds: float = MOST_SECONDS) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._most_seconds = most_seconds
        self._lock = threading.Lock()
        self._lying: OrderedDict[str, _Lying] = OrderedDict()
        """By the digest of what it is made of; the one that was asked for last is the last."""
        self._bytes = 0

    def empty(self) -> None:
        """Take everything away."""
        with self._lock:
            self._lying.clear()
            self._bytes = 0
            shutil.rmtree(self._folder, ignore_errors=True)

    def find(self, digest: str) -> int | None:
        """Open a copy, for the caller to close; None when it is not there."""
        with self._lock:
            self._tidy()
            lying = self._lying.get(digest)
            if lying is None:
                return None
            try:
                fd = os.open(self._path(digest), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            except OSError:
                self._remove(digest)
                return None
            if os.fstat(fd).st_size != lying.length:
                os.close(fd)
                self._remove(digest)
                return None
            self._lying.move_to_end(digest)
            return fd

    def put(self, digest: str, data: bytes) -> None:
        """Keep a copy, if the disk takes it."""
        path = self._path(digest)
        part = path.with_name(path.name + _PART)
        with self._lock:
            if digest in self._lying or len(data) > self._most_bytes:
                return
            try:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                part.write_bytes(data)
                part.rename(path)
            except OSError:
                with contextlib.suppress(OSError):
                    part.unlink(missing_ok=True)
                return
            self._lying[digest] = _Lying(len(data), time.monotonic())
            self._bytes += len(data)
            self._tidy()

    def drop(self, digest: str) -> None:
        """Take a copy away."""
        with self._lock:
            if digest in self._lying:
                self._remove(digest)

    def tidy(self) -> None:
        """Take away what has lain for too long, and what there is no room for."""
        with self._lock:
            self._tidy()

    def _tidy(self) -> None:
        until = time.monotonic() - self._most_seconds
        for digest in [digest for digest, lying in self._lying.items() if lying.since < until]:
            self._remove(digest)
        while self._bytes > self._most_bytes:
            self._remove(next(iter(self._lying)))

    def _remove(self, digest: str) -> None:
        self._bytes -= self._lying.pop(digest).length
        with contextlib.suppress(OSError):
            self._path(digest).unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        return self._folder / (digest + _SUFFIX)
