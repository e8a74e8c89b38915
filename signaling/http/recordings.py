"""Recordings over HTTP: what there is of one, its files as they are, HLS playlists over them, what happened meanwhile.

For who may replay the recording, one that memory has let go of too; and nothing of it is told before the timeline says
who looks. Asks the index, and the recordings' root for the files; decides nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import msgspec
import structlog
from aiohttp import web

from dispatch.desk.ports import Doing
from dispatch.ids import is_ulid
from dispatch.permissions import Right
from dispatch.records import Recording
from dispatch.store.coverage import Coverage
from dispatch.store.reading import Reader
from dispatch.store.segments import SegmentRow, TrackRow
from recorder.copies.copies import Copies
from signaling.http import hls
from signaling.http.copied import CopyDesk, listed
from signaling.http.foundrecording import FoundRecordings
from signaling.http.happenings import events_of
from signaling.http.listing import cursor_invalid
from signaling.http.looks import Looks
from signaling.http.operation import Door, answer, query_of
from signaling.http.problem import Problem
from signaling.http.recordedstills import Decoding, RecordedStills
from signaling.http.recordinglist import page_of
from signaling.http.replayed import (
    COVERAGE,
    EVENTS,
    LIST,
    PLAYLIST,
    SEGMENT,
    SEGMENT_MP4,
    SEGMENTS,
    STILL,
    TRACKS,
    CoverageQuery,
    Covered,
    EventsQuery,
    RangeQuery,
    Recordings,
    RecordingsQuery,
    SegmentQuery,
    Segments,
    SegmentsQuery,
    StillQuery,
    Tracks,
    segment_shown,
    track_shown,
)
from signaling.http.segmentfile import SegmentFile, open_segment, require_range, shifted, tag_of, unchanged
from signaling.http.told import Told

_log = structlog.get_logger(__name__)

#: More segments than that, a day of one track, are too long a playlist.
MOST_PLAYED: Final = 20_000
#: Rows of one reading for a playlist.
ROWS: Final = 500
#: So long after a recording's end its last files may still be closed, entered into the book and the index.
SETTLING_US: Final = 30_000_000
_FOREVER: Final = (1 << 63) - 1
_CURSOR: Final = re.compile(r"([0-9]{1,18})\.([0-9A-Z]{26})\Z")


class SegmentReader(Protocol):
    """The index of what recordings hold. Raises Unavailable while the database is gone."""

    async def segments(
        self, session: str, from_us: int, to_us: int, *, track: str = "", after: tuple[str, int] = ("", 0), limit: int
    ) -> list[SegmentRow]:
        """Return those that overlap the time, by (t0, segment); `after`: segment and t0 of the last one told."""
        ...

    async def coverage(self, session: str, from_us: int, to_us: int, least_us: int) -> tuple[int, list[Coverage]]:
        """Return what there is of each track, and what counted as near."""
        ...

    async def segment(self, session: str, segment: str) -> SegmentRow | None: ...

    async def tracks(self, session: str) -> list[TrackRow]: ...


Handler = Callable[[web.Request, Recording], Awaitable[web.StreamResponse]]


class RecordedFiles(NamedTuple):
    """The files of recordings: their root, copies of them for players, and who decodes a picture of them."""

    root: Path
    copies: Copies
    decoding: Decoding


class RecordingsEndpoint:
    """The handlers of `/recordings`."""

    def __init__(self, reader: Reader, index: SegmentReader, files: RecordedFiles, doing: Doing, door: Door) -> None:
        self._reader = reader
        self._found = FoundRecordings(reader, door)
        self._index = index
        self._root = files.root
        self._door = door
        self._looks = Looks(doing)
        self._told = Told()
        self._stills = RecordedStills(index, files.root, files.decoding)
        self._copies = CopyDesk(files.copies, index, files.root)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to an application."""
        return [
            LIST.route(self._list),
            TRACKS.route(self._of(self._tracks)),
            COVERAGE.route(self._of(self._coverage)),
            STILL.route(self._of(self._still)),
            PLAYLIST.route(self._of(self._playlist)),
            SEGMENTS.route(self._of(self._segments)),
            SEGMENT_MP4.route(self._of(self._segment)),
            SEGMENT.route(self._of(self._segment)),
            EVENTS.route(self._of(self._events)),
        ]

    def _of(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Return what answers of one recording, to who may replay it, once it is noted who looks."""

        async def handle(request: web.Request) -> web.StreamResponse:
            caller = self._door.caller(request)
            recording = await self._found.require(caller.actor, Right.REPLAY, request.match_info["recording"])
            await self._looks.note(caller, recording)
            return await handler(request, recording)

        return handle

    async def _list(self, request: web.Request) -> web.Response:
        caller = self._door.caller(request)
        query: RecordingsQuery = query_of(request, RecordingsQuery)
        items, following = await page_of(self._reader, self._door.tables, caller.actor, query)
        return answer(Recordings(items=items, next=following))

    async def _tracks(self, request: web.Request, recording: Recording) -> web.Response:
        rows = await self._index.tracks(recording.id)
        return answer(
            Tracks(
                recording=recording,
                rights=tuple(sorted(self._found.rights(self._door.caller(request).actor, recording))),
                from_us=min([recording.begun_us, *(row.t0_us for row in rows)]),
                to_us=max([recording.ended_us or recording.begun_us, *(row.t1_us for row in rows)]),
                live=_grows(recording),
                tracks=tuple(map(track_shown, rows)),
            )
        )

    async def _coverage(self, request: web.Request, recording: Recording) -> web.Response:
        query: CoverageQuery = query_of(request, CoverageQuery)
        told = await self._index.coverage(recording.id, query.from_us, query.to_us or _FOREVER, query.least_us)
        return answer(Covered(least_us=told[0], tracks=tuple(told[1])))

    async def _segments(self, request: web.Request, recording: Recording) -> web.Response:
        query: SegmentsQuery = query_of(request, SegmentsQuery)
        rows = await self._index.segments(
            recording.id,
            query.from_us,
            query.to_us or _FOREVER,
            track=query.track,
            after=_after(query.cursor),
            limit=query.limit + 1,
        )
        shown = [_as_deleted(recording, row) for row in rows[: query.limit]]
        self._told.keep(shown, time.monotonic())
        following = f"{shown[-1].t0_us}.{shown[-1].segment}" if len(rows) > query.limit else ""
        return answer(Segments(items=tuple(map(segment_shown, shown)), next=following))

    async def _segment(self, request: web.Request, recording: Recording) -> web.StreamResponse:
        segment = request.match_info["segment"]
        query: SegmentQuery = query_of(request, SegmentQuery)
        told = self._told.find(recording.id, segment, time.monotonic())
        if told is not None and not recording.deleted_us:
            with contextlib.suppress(OSError):  # deleted since, perhaps
                return await self._send(request, told, query)
        row = await self._index.segment(recording.id, segment) if is_ulid(segment) else None
        if row is None:
            raise Problem("segment-unknown", f"no segment {segment[:40]!r} in {recording.id}")
        row = _as_deleted(recording, row)
        if row.deleted_us:
            raise Problem("segment-deleted", f"{segment} was deleted at {row.deleted_us}")
        try:
            return await self._send(request, row, query)
        except OSError as error:
            _log.error("segment_missing", recording=recording.id, file=row.file, reason=error.strerror)
            raise Problem("segment-missing", f"{segment}: {error.strerror}") from None

    async def _send(self, request: web.Request, row: SegmentRow, query: SegmentQuery) -> web.StreamResponse:
        """Return a segment's file, or a copy of it. Raises Problem, OSError."""
        copy = await self._copies.find(row) if query.copy else None
        row = copy.row if copy else row
        known = unchanged(request, tag_of(row, query.shift_us))
        if known is not None:
            return known
        require_range(request, row.bytes)
        file = await (copy.open() if copy else asyncio.to_thread(open_segment, self._root, row))
        return await shifted(file, row, query.shift_us, request) if query.shift_us else SegmentFile(file, row)

    async def _playlist(self, request: web.Request, recording: Recording) -> web.Response:
        track = request.match_info["track"]
        query: RangeQuery = query_of(request, RangeQuery)
        playlist = hls.Playlist(live=_grows(recording))
        after, read = ("", 0), ROWS
        while read == ROWS and is_ulid(track):
            rows = await self._index.segments(
                recording.id, query.from_us, query.to_us or _FOREVER, track=track, after=after, limit=ROWS
            )
            for row in rows:
                playlist.add(*listed(_as_deleted(recording, row)))
            read = len(rows)
            after = (rows[-1].segment, rows[-1].t0_us) if rows else after
            if playlist.segments + playlist.unfit > MOST_PLAYED:
                raise Problem("range-too-long", f"more than {MOST_PLAYED} segments", field="to_us")
        if not playlist.playable:
            raise await self._nothing_to_play(recording, track, playlist)
        headers = {"Cache-Control": "no-store"}
        return web.Response(text=playlist.text(), content_type=hls.CONTENT_TYPE, headers=headers)

    async def _nothing_to_play(self, recording: Recording, track: str, playlist: hls.Playlist) -> Problem:
        if playlist.segments:
            return Problem("segment-deleted", f"all of {track} in this time was deleted")
        if playlist.unfit:
            return Problem("hls-unfit", f"{track} is nothing that HLS carries: take its segments")
        if all(row.track != track for row in await self._index.tracks(recording.id)):
            return Problem("track-unknown", f"no track {track[:40]!r} in {recording.id}")
        return Problem("range-empty", f"nothing of {track} in this time")

    async def _still(self, request: web.Request, recording: Recording) -> web.Response:
        query: StillQuery = query_of(request, StillQuery)
        return await self._stills.take(request, recording.id, query.at_us, self._door.caller(request).actor.person)

    async def _events(self, request: web.Request, recording: Recording) -> web.Response:
        query: EventsQuery = query_of(request, EventsQuery)
        return answer(await events_of(self._reader, recording, query))


def _grows(recording: Recording) -> bool:
    """Tell whether there may be more of a recording than is known."""
    return not recording.ended_us or time.time_ns() // 1000 < recording.ended_us + SETTLING_US


def _as_deleted(recording: Recording, row: SegmentRow) -> SegmentRow:
    """Return a segment as it is since its recording is deleted: its files go before the index has it from the chain."""
    if not recording.deleted_us or row.deleted_us:
        return row
    return msgspec.structs.replace(row, deleted_us=recording.deleted_us)


def _after(cursor: str) -> tuple[str, int]:
    """Return what a cursor stands for. Raises Problem."""
    if not cursor:
        return "", 0
    found = _CURSOR.match(cursor)
    if not found:
        raise cursor_invalid()
    return found[2], int(found[1])
