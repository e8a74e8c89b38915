"""Stills of what was recorded: the keyframe at a time, taken out of its file here, decoded in the worker process.

A few at a time, because who moves along the strip of time asks for many, and live stills want the same worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import structlog
from aiohttp import hdrs, web

from dispatch.ids import is_ulid
from dispatch.store.segments import SegmentRow, TrackRow
from media.stills import StillUnfit
from media.stills.wire import CODECS, MAX_FRAME_BYTES, Answer
from recorder.files.errors import SegmentDamaged
from recorder.files.listing import listing_of_open
from recorder.files.mp4reading import configuration
from signaling.http.problem import Problem
from signaling.http.replayed import segment_shown
from signaling.http.segmentfile import CACHING, open_segment, unchanged

_log = structlog.get_logger(__name__)

#: In the making at once.
MOST_IN_HAND: Final = 8
#: Of one person: one in the making, and so many that wait for it.
MOST_OF_PERSON: Final = 4
PATIENCE_S: Final = 2.0
#: Of stills that are kept in memory.
MOST_KEPT_BYTES: Final = 4 << 20
#: A picture that ended the worker or cannot be read is left alone for so long; so many are remembered.
SHUNNED_S: Final = 60.0
MOST_SHUNNED: Final = 1_000
#: Segments that overlap a moment: one, or two where times of a sender were corrected.
_OVERLAPPING: Final = 8


class Index(Protocol):
    """What of the index is asked. Raises Unavailable while the database is gone."""

    async def segments(
        self, session: str, from_us: int, to_us: int, *, track: str = "", after: tuple[str, int] = ("", 0), limit: int
    ) -> list[SegmentRow]: ...

    async def tracks(self, session: str) -> list[TrackRow]: ...


class Decoding(Protocol):
    """Makes a still of a keyframe out of a file. Raises StillUnfit, StillBusy."""

    async def decode(self, codec: str, configuration: bytes, frame: bytes) -> Answer: ...


class _Key(NamedTuple):
    file: str
    at_us: int


class RecordedStills:
    """The stills of all recordings."""

    def __init__(self, index: Index, root: Path, decoding: Decoding) -> None:
        self._index = index
        self._root = root
        self._decoding = decoding
        self._room = asyncio.Semaphore(MOST_IN_HAND)
        self._of_person: dict[str, asyncio.Lock] = {}
        self._asking: Counter[str] = Counter()
        self._kept: OrderedDict[_Key, bytes] = OrderedDict()
        self._kept_bytes = 0
        self._shunned: OrderedDict[_Key, float] = OrderedDict()

    async def take(self, request: web.Request, recording: str, at_us: int, person: str) -> web.Response:
        """Answer with the still of a track at a time. Raises Problem, StillError, Unavailable."""
        row = await self._row(recording, request.match_info["track"], at_us)
        key = _Key(row.file, _keyframe_at(row, at_us))
        tag = f'"{row.sha256}@{key.at_us}"'
        known = unchanged(request, tag)
        if known is not None:
            return known
        jpeg = self._kept.get(key) or await self._make(key, row, person)
        headers = {hdrs.ETAG: tag, hdrs.CACHE_CONTROL: CACHING}
        return web.Response(body=jpeg, content_type="image/jpeg", headers=headers)

    async def _row(self, recording: str, track: str, at_us: int) -> SegmentRow:
        """Return the segment that is on at a time. Raises Problem."""
        rows: list[SegmentRow] = []
        if is_ulid(track):
            rows = await self._index.segments(recording, at_us, at_us + 1, track=track, limit=_OVERLAPPING)
        if not rows:
            if all(row.track != track for row in await self._index.tracks(recording)):
                raise Problem("track-unknown", f"no track {track[:40]!r} in {recording}")
            raise Problem("range-empty", f"nothing of {track} at {at_us}")
        row = rows[-1]
        if row.deleted_us:
            raise Problem("segment-deleted", f"{row.segment} was deleted at {row.deleted_us}")
        if row.kind != "video":
            raise Problem("picture-none", f"{track} is a sound")
        return row

    async def _make(self, key: _Key, row: SegmentRow, person: str) -> bytes:
        self._forget(time.monotonic())
        if key in self._shunned:
            raise StillUnfit("it could not be decoded a moment ago")
        async with self._turn(person):
            # Who waited may find it made by now.
            if key in self._kept:
                return self._kept[key]
            try:
                found = await asyncio.to_thread(_keyframe, self._root, row, key.at_us)
                answer = await self._decoding.decode(*found)
            except StillUnfit:
                self._shunned[key] = time.monotonic()
                raise
            except OSError as error:
                _log.error("segment_missing", recording=row.session, file=row.file, reason=error.strerror)
                raise Problem("segment-missing", f"{row.segment}: {error.strerror}") from None
        self._keep(key, answer.jpeg)
        return answer.jpeg

    @contextlib.asynccontextmanager
    async def _turn(self, person: str) -> AsyncIterator[None]:
        """Wait for one's turn. Raises Problem where that takes too long."""
        if self._asking[person] > MOST_OF_PERSON:
            raise Problem("node-busy", f"{MOST_OF_PERSON} stills of yours wait")
        self._asking[person] += 1
        own = self._of_person.setdefault(person, asyncio.Lock())
        try:
            async with contextlib.AsyncExitStack() as held:
                try:
                    async with asyncio.timeout(PATIENCE_S):
                        await held.enter_async_context(own)
                        await held.enter_async_context(self._room)
                except TimeoutError:
                    raise Problem("node-busy", f"{MOST_IN_HAND} stills are being made") from None
                yield
        finally:
            self._asking[person] -= 1
            if not self._asking[person]:
                del self._asking[person], self._of_person[person]

    def _keep(self, key: _Key, jpeg: bytes) -> None:
        if key in self._kept:
            return  # somebody else's was made at the same time
        self._kept[key] = jpeg
        self._kept_bytes += len(jpeg)
        while self._kept_bytes > MOST_KEPT_BYTES:
            self._kept_bytes -= len(self._kept.popitem(last=False)[1])

    def _forget(self, now: float) -> None:
        while self._shunned and (
            len(self._shunned) > MOST_SHUNNED or next(iter(self._shunned.values())) <= now - SHUNNED_S
        ):
            self._shunned.popitem(last=False)


def _keyframe_at(row: SegmentRow, at_us: int) -> int:
    """Return when the last keyframe at or before a time is, the segment's first where there is none."""
    keyframes = sorted(segment_shown(row).keyframes)
    return max((each for each in keyframes if each <= at_us), default=keyframes[0] if keyframes else row.t0_us)


def _keyframe(root: Path, row: SegmentRow, at_us: int) -> tuple[str, bytes, bytes]:
    """Read codec, configuration and keyframe out of a file; blocks. Raises StillUnfit, OSError."""
    file = open_segment(root, row)
    try:
        listing = listing_of_open(file.fd)
        codec = listing.label.track.codec
        keyframes = [each for each in listing.frames if each.is_keyframe]
        if codec.name not in CODECS or not keyframes:
            raise StillUnfit(f"no picture in {row.segment}")
        before = [each for each in keyframes if each.pts_us <= at_us]
        frame = max(before, key=lambda each: each.pts_us, default=keyframes[0])
        if frame.length > MAX_FRAME_BYTES:
            raise StillUnfit(f"a keyframe of {frame.length} bytes")
        told = configuration(listing.entry) if listing.entry else b""
        return codec.name, told, os.pread(file.fd, frame.length, frame.offset)
    except (SegmentDamaged, ValueError) as error:
        raise StillUnfit(str(error)) from error
    finally:
        file.close()
