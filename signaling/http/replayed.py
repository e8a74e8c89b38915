"""The routes of recordings as declarations, and what they tell: tracks, segments, what happened meanwhile."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from dispatch.entry import Entry
from dispatch.permissions import Right
from dispatch.records import Recording
from dispatch.store.coverage import Coverage
from dispatch.store.segments import SegmentRow, TrackRow
from signaling.http import hls
from signaling.http.copied import Copy, copy_told
from signaling.http.listing import Paging, Time
from signaling.http.operation import BASE, JSON, Operation
from signaling.http.segmentfile import TYPES

#: A player takes in a window of time at once.
MAX_ITEMS: Final = 500
_RECORDING: Final = f"{BASE}/recordings/{{recording}}"
_REFUSES: Final = frozenset({400, 401, 403, 404, 503})
_BYTES: Final = {each: None for types in TYPES.values() for each in types.values()}
_Limit = Annotated[int, Meta(ge=1, le=MAX_ITEMS)]


class RangeQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What overlaps `from_us` <= time < `to_us`; 0 asks for whatever there is."""

    from_us: Time = 0
    to_us: Time = 0


class SegmentsQuery(RangeQuery, frozen=True, kw_only=True):
    """`track`: only its segments."""

    track: Annotated[str, Meta(max_length=64)] = ""
    cursor: Annotated[str, Meta(max_length=64)] = ""
    limit: _Limit = 100


class CoverageQuery(RangeQuery, frozen=True, kw_only=True):
    """`least_us`: what is nearer is told as one, and gaps that are shorter are left out."""

    least_us: Annotated[int, Meta(ge=1_000, lt=1 << 53)] = 250_000


class SegmentQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`copy`: a copy of the file in another codec. `shift_us`: by how much the times in the file shall be later than
    they are; fragmented MP4 only.
    """

    copy: Literal["", "opus"] = ""
    shift_us: Annotated[int, Meta(ge=0, lt=1 << 53)] = 0


class StillQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`at_us`: the picture is of the last keyframe before or at this time."""

    at_us: Time


class EventsQuery(RangeQuery, frozen=True, kw_only=True):
    """Of the recording's time, the part that is wanted."""

    cursor: Annotated[str, Meta(max_length=32)] = ""
    limit: _Limit = 100


class RecordingsQuery(Paging, frozen=True, kw_only=True):
    """`of`: only recordings of `consultation:ID` or `source:ID`."""

    of: Annotated[str, Meta(max_length=128)] = ""


class Recordings(msgspec.Struct, frozen=True, kw_only=True):
    """A page of recordings, the newest first. `next`: the cursor of the next page, or ""."""

    items: tuple[Recording, ...]
    next: str


class TrackShown(msgspec.Struct, frozen=True, kw_only=True):
    """One source's picture or sound in a recording. Names, `codec`, `mime` and `copy` are its newest segment's."""

    track: str
    source: str
    kind: str
    unit: str
    person: str
    name: str
    codec: str
    mime: str
    t0_us: int
    t1_us: int
    segments: int
    bytes: int
    copy: Copy | None = None


class Tracks(msgspec.Struct, frozen=True, kw_only=True):
    """A recording: from when to when there is something of it, its tracks, and whether more may come (`live`).

    `rights`: of who asks, to the recording.
    """

    recording: Recording
    rights: tuple[Right, ...] = ()
    from_us: int
    to_us: int
    live: bool
    tracks: tuple[TrackShown, ...]


class SegmentShown(msgspec.Struct, frozen=True, kw_only=True):
    """A file of some seconds. `head_bytes`: what stands before its first fragment. `deleted_us`: by policy, or 0.

    `fills`: silence of ours, [from, to]; `gaps`: why, from, to; `error_us`: the bound of the error of its times, -1
    where that is not known; `copy`: the copy for players that do not know `mime`, where there may be one.
    """

    segment: str
    track: str
    number: int
    kind: str
    codec: str
    mime: str
    width: int
    height: int
    t0_us: int
    t1_us: int
    bytes: int
    head_bytes: int
    recovered: bool
    deleted_us: int
    fills: tuple[tuple[int, int], ...] = ()
    gaps: tuple[tuple[str, int, int], ...] = ()
    keyframes: tuple[int, ...] = ()
    error_us: int = -1
    copy: Copy | None = None


class Segments(msgspec.Struct, frozen=True, kw_only=True):
    """A page of segments in the order of their beginnings. `next`: the cursor of the next page, or ""."""

    items: tuple[SegmentShown, ...]
    next: str


class Covered(msgspec.Struct, frozen=True, kw_only=True):
    """What is there of each track, [from, to], and what its segments tell as gaps: why, from, to.

    `least_us` is what counted as near: more than was asked for where the answer would have been too long.
    """

    least_us: int
    tracks: tuple[Coverage, ...]


class Events(msgspec.Struct, frozen=True, kw_only=True):
    """A page of entries in the order of time. `next`: the cursor of the next page, or ""."""

    items: tuple[Entry, ...]
    next: str


def _reads(
    name: str, path: str, summary: str, query: type[Any] | None, gives: Any, refuses: frozenset[int] = _REFUSES
) -> Operation:
    return Operation(
        name=f"recordings.{name}",
        method="GET",
        path=path,
        summary=summary,
        right=Right.REPLAY,
        query=query,
        gives=gives,
        refuses=refuses | {422} if query else refuses,
        tag="recordings",
    )


LIST: Final = _reads(
    "list",
    f"{BASE}/recordings",
    "Recordings that one may replay, the newest first",
    RecordingsQuery,
    {200: {JSON: Recordings}},
    frozenset({400, 401, 403}),
)
TRACKS: Final = _reads("tracks", f"{_RECORDING}/tracks", "What there is of a recording", None, {200: {JSON: Tracks}})
SEGMENTS: Final = _reads(
    "segments", f"{_RECORDING}/segments", "The files of a time", SegmentsQuery, {200: {JSON: Segments}}
)
COVERAGE: Final = _reads(
    "coverage", f"{_RECORDING}/coverage", "When there is something of each track", CoverageQuery, {200: {JSON: Covered}}
)
SEGMENT: Final = _reads(
    "segment",
    f"{_RECORDING}/segments/{{segment}}",
    "A file as it was recorded, or a copy of it, or a range of its bytes",
    SegmentQuery,
    {200: _BYTES, 206: _BYTES, 304: {}},
    _REFUSES | {409, 410, 416},
)
SEGMENT_MP4: Final = _reads(
    "segment-mp4",
    f"{_RECORDING}/segments/{{segment}}.mp4",
    "The same by the name that players look for",
    SegmentQuery,
    {200: _BYTES, 206: _BYTES, 304: {}},
    _REFUSES | {409, 410, 416},
)
PLAYLIST: Final = _reads(
    "playlist",
    f"{_RECORDING}/tracks/{{track}}.m3u8",
    "A track as an HLS playlist",
    RangeQuery,
    {200: {hls.CONTENT_TYPE: None}},
    _REFUSES | {409, 410},
)
STILL: Final = _reads(
    "still",
    f"{_RECORDING}/tracks/{{track}}/still",
    "A track's picture at a time, small",
    StillQuery,
    {200: {"image/jpeg": None}, 304: {}},
    _REFUSES | {409, 410},
)
EVENTS: Final = _reads(
    "events", f"{_RECORDING}/events", "What happened while it was recorded", EventsQuery, {200: {JSON: Events}}
)

OPERATIONS: Final = (LIST, TRACKS, COVERAGE, STILL, PLAYLIST, SEGMENTS, SEGMENT_MP4, SEGMENT, EVENTS)


class _Details(msgspec.Struct, frozen=True):
    """What is told of `SegmentRow.details`."""

    fills: tuple[tuple[int, int], ...] = ()
    gaps: tuple[tuple[str, int, int], ...] = ()
    keyframes: tuple[int, ...] = ()
    error_us: int = -1


def segment_shown(row: SegmentRow) -> SegmentShown:
    """Return what is told of a segment."""
    try:
        details = msgspec.convert(row.details, _Details)
    except msgspec.ValidationError:
        # A newer program's, or a worker's that was taken over: the file can be played without.
        details = _Details()
    return SegmentShown(
        segment=row.segment,
        track=row.track,
        number=row.number,
        kind=row.kind,
        codec=row.codec,
        mime=row.mime,
        width=row.width,
        height=row.height,
        t0_us=row.t0_us,
        t1_us=row.t1_us,
        bytes=row.bytes,
        head_bytes=row.head_bytes,
        recovered=row.recovered,
        deleted_us=row.deleted_us,
        fills=details.fills,
        gaps=details.gaps,
        keyframes=details.keyframes,
        error_us=details.error_us,
        copy=copy_told(row.codec),
    )


def track_shown(row: TrackRow) -> TrackShown:
    """Return what is told of a track."""
    return TrackShown(
        track=row.track,
        source=row.source,
        kind=row.kind,
        unit=row.unit,
        person=row.person,
        name=row.name,
        codec=row.codec,
        mime=row.mime,
        t0_us=row.t0_us,
        t1_us=row.t1_us,
        segments=row.segments,
        bytes=row.bytes,
        copy=copy_told(row.codec),
    )
