"""What the interface tells of recordings: tracks, segments, what happened meanwhile. Shapes only."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from dispatch.entry import Entry
from dispatch.records import Recording
from dispatch.store.segments import SegmentRow, TrackRow
from signaling.http.listing import Paging, Time

#: A player takes in a window of time at once.
MAX_ITEMS: Final = 500
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


class SegmentQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`shift_us`: by how much the times in the file shall be later than they are; fragmented MP4 only."""

    shift_us: Annotated[int, Meta(ge=0, lt=1 << 53)] = 0


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
    """One source's picture or sound in a recording. Names, `codec` and `mime` are its newest segment's."""

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


class Tracks(msgspec.Struct, frozen=True, kw_only=True):
    """A recording: from when to when there is something of it, its tracks, and whether more may come (`live`)."""

    recording: Recording
    from_us: int
    to_us: int
    live: bool
    tracks: tuple[TrackShown, ...]


class SegmentShown(msgspec.Struct, frozen=True, kw_only=True):
    """A file of some seconds. `head_bytes`: what stands before its first fragment. `deleted_us`: by policy, or 0.

    `fills`: silence of ours, [from, to]; `gaps`: why, from, to; `error_us`: the bound of the error of its times, -1
    where that is not known.
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


class Segments(msgspec.Struct, frozen=True, kw_only=True):
    """A page of segments in the order of their beginnings. `next`: the cursor of the next page, or ""."""

    items: tuple[SegmentShown, ...]
    next: str


class Events(msgspec.Struct, frozen=True, kw_only=True):
    """A page of entries in the order of time. `next`: the cursor of the next page, or ""."""

    items: tuple[Entry, ...]
    next: str


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
    )
