"""What is ordered of an export's process: the files of a time by the index, and which of them are there.

Shell: asks the index, and the recordings' root for lengths. What a file holds is looked at by that process only.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from dispatch.acts.base import clean_text
from dispatch.errors import Invalid
from dispatch.records import Recording
from dispatch.store.segments import SegmentRow, TrackRow
from huishang.recording.exportnames import file_name
from recorder.book.layout import Layout
from recorder.export import originals
from recorder.export.clip import MAX_US
from recorder.export.orders import AnyOrder, BundleOrder, ClipOrder, ComposedOrder, ComposedTrack
from recorder.proof.segments import TRACKS, is_plain_path
from recorder.tracks.told import Why
from signaling.http.exported import Wish
from signaling.http.problem import Problem

ROWS: Final = 500
#: More than a day of a large consultation; what it comes to is sent to a process in one line.
MOST_FILES: Final = 200_000
#: What a composition takes: it is not known before it is made.
COMPOSED_BYTES_S: Final = 320_000
#: Of a bundle beside files and chain: ledger, proofs, certificates.
BESIDE_BYTES: Final = 8 << 20
_FOREVER: Final = 1 << 53


class Index(Protocol):
    """The index of what recordings hold (`dispatch.store.segments.SegmentReader`)."""

    async def segments(
        self, session: str, from_us: int, to_us: int, *, track: str = "", after: tuple[str, int] = ("", 0), limit: int
    ) -> list[SegmentRow]: ...

    async def tracks(self, session: str) -> list[TrackRow]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an order will come to. `bytes`: what it will take at most, as far as that is known."""

    name: str
    from_us: int
    to_us: int
    title: str
    source: str
    tracks: tuple[str, ...]
    bytes: int
    absent: int = 0
    deleted: int = 0


@dataclass(frozen=True, slots=True)
class _Files:
    """What there is of some tracks, each in the order of its times."""

    root: Path
    rows: dict[str, list[SegmentRow]]
    absent: int
    deleted: int

    @property
    def bytes(self) -> int:
        return sum(row.bytes for rows in self.rows.values() for row in rows)

    def paths(self, rows: Iterable[SegmentRow]) -> list[str]:
        return [str(self.root / row.file) for row in rows]


class Ordering:
    """Makes orders. `root`: of the recordings' files; `language`: of files' names."""

    def __init__(self, index: Index, root: Path, language: str) -> None:
        self._index = index
        # The process that makes them is in another folder.
        self._root = root.absolute()
        self._language = language

    async def plan(self, recording: Recording, wish: Wish) -> tuple[AnyOrder, Plan]:
        """Return the order that a wish is, whose `path` is to be set, and what it comes to.

        Raises Problem, Invalid, Unavailable.
        """
        title = clean_text(wish.title or recording.title, "title", required=False)
        if wish.kind == "bundle":
            return await self._bundle(recording, wish, title)
        if recording.deleted_us:
            # Its files go before the index has it from the chain.
            raise Problem("segment-deleted", f"deleted by policy at {recording.deleted_us}")
        known = await self._index.tracks(recording.id)
        tracks = _chosen(known, wish)
        from_us = wish.from_us or min((track.t0_us for track in tracks), default=0)
        to_us = wish.to_us or max((track.t1_us for track in tracks), default=0)
        _check_times(from_us, to_us)
        tracks = [track for track in tracks if track.t0_us < to_us and track.t1_us > from_us]
        if wish.kind == "clip" and len({track.source for track in tracks}) > 1:
            raise Problem("export-tracks", "a clip is of one source", field="source")
        files = await self._files(recording.id, tracks, from_us, to_us)
        order = (
            _clip(tracks, files, from_us, to_us)
            if wish.kind == "clip"
            else _composed(tracks, files, from_us, to_us, title)
        )
        is_webm = isinstance(order, ClipOrder) and bool(order.pictures) and order.pictures[0].endswith(".webm")
        name = file_name(
            wish.kind,
            title,
            tracks[0].name if wish.kind == "clip" else "",
            (from_us, to_us),
            ".webm" if is_webm else ".mp4",
            self._language,
        )
        return order, Plan(
            name=name,
            from_us=from_us,
            to_us=to_us,
            title=title,
            source=tracks[0].source if wish.kind == "clip" else "",
            tracks=tuple(track.track for track in tracks if track.track in files.rows),
            bytes=files.bytes if wish.kind == "clip" else (to_us - from_us) // 1_000_000 * COMPOSED_BYTES_S,
            absent=files.absent,
            deleted=files.deleted,
        )

    async def _bundle(self, recording: Recording, wish: Wish, title: str) -> tuple[AnyOrder, Plan]:
        if wish.tracks or wish.source:
            raise Problem("export-tracks", "a bundle holds all tracks", field="tracks" if wish.tracks else "source")
        if wish.from_us and wish.to_us and wish.to_us <= wish.from_us:
            raise Invalid("out-of-range", "it ends before it begins", "to_us")
        taken, deleted = BESIDE_BYTES, 0
        async for row in self._walk(recording.id, wish.from_us, wish.to_us or _FOREVER):
            taken, deleted = taken + (0 if row.deleted_us else row.bytes), deleted + bool(row.deleted_us)
        chain = await asyncio.to_thread(originals.plain_bytes, Layout(self._root).chain(recording.id))
        if chain is None:
            raise Problem("range-empty", "there is no chain of evidence yet")
        order = BundleOrder(
            path="",
            root=str(self._root),
            session=recording.id,
            withhold=list(dict.fromkeys(wish.withhold)),
            begin=wish.from_us or None,
            until=wish.to_us or None,
        )
        times = (wish.from_us or recording.begun_us, wish.to_us or recording.ended_us or recording.begun_us)
        return order, Plan(
            name=file_name("bundle", title, "", times, ".zip", self._language),
            from_us=wish.from_us,
            to_us=wish.to_us,
            title=title,
            source="",
            tracks=(),
            bytes=taken + chain,
            deleted=deleted,
        )

    async def _files(self, session: str, tracks: Iterable[TrackRow], from_us: int, to_us: int) -> _Files:
        rows: dict[str, list[SegmentRow]] = {}
        count = absent = deleted = 0
        for track in tracks:
            told = [row async for row in self._walk(session, from_us, to_us, track.track)]
            count += len(told)
            if count > MOST_FILES:
                raise Problem("export-too-long", f"more than {MOST_FILES} files", field="to_us")
            kept = list({row.file: row for row in told if not row.deleted_us}.values())
            there = await asyncio.to_thread(_there, self._root, kept)
            deleted += sum(bool(row.deleted_us) for row in told)
            absent += len(kept) - len(there)
            if there:
                rows[track.track] = there
        if not rows and deleted:
            raise Problem("segment-deleted", "all of this time was deleted by policy")
        if not rows:
            raise Problem("range-empty", f"nothing of this time, {absent} files are gone")
        return _Files(self._root, rows, absent, deleted)

    async def _walk(self, session: str, from_us: int, to_us: int, track: str = "") -> AsyncIterator[SegmentRow]:
        after, read = ("", 0), ROWS
        while read == ROWS:
            rows = await self._index.segments(session, from_us, to_us, track=track, after=after, limit=ROWS)
            for row in rows:
                yield row
            read, after = len(rows), (rows[-1].segment, rows[-1].t0_us) if rows else after


def _chosen(known: Sequence[TrackRow], wish: Wish) -> list[TrackRow]:
    wanted = set(wish.tracks)
    missing = wanted - {track.track for track in known}
    if missing:
        raise Problem("track-unknown", f"no track {min(missing)[:40]!r}", field="tracks")
    return [
        track
        for track in known
        if (not wanted or track.track in wanted) and (not wish.source or track.source == wish.source)
    ]


def _check_times(from_us: int, to_us: int) -> None:
    if to_us <= from_us:
        raise Invalid("out-of-range", "it ends before it begins", "to_us")
    if to_us - from_us > MAX_US:
        raise Problem("export-too-long", f"{MAX_US // 3_600_000_000} hours are the limit", field="to_us")


def _clip(tracks: Sequence[TrackRow], files: _Files, from_us: int, to_us: int) -> ClipOrder:
    def of(kind: str) -> list[SegmentRow]:
        mine = (row for track in tracks if track.kind == kind for row in files.rows.get(track.track, ()))
        return sorted(mine, key=lambda row: (row.t0_us, row.segment))

    pictures = of("video")
    return ClipOrder(
        path="",
        pictures=files.paths(pictures),
        sounds=files.paths(of("audio")),
        begin=from_us,
        until=to_us,
        left_out=_doubted(pictures),
    )


def _composed(tracks: Sequence[TrackRow], files: _Files, from_us: int, to_us: int, title: str) -> ComposedOrder:
    made = []
    for track in tracks:
        rows = files.rows.get(track.track)
        if rows:
            is_picture = track.kind == "video"
            doubted = _doubted(rows) if is_picture else []
            made.append(
                ComposedTrack(files=files.paths(rows), is_picture=is_picture, name=track.name, left_out=doubted)
            )
    return ComposedOrder(path="", tracks=made, begin=from_us, until=to_us, title=title)


def _there(root: Path, rows: Iterable[SegmentRow]) -> list[SegmentRow]:
    """Return those whose files are as long as they were, by their whole paths."""
    found = []
    for row in rows:
        if is_plain_path(row.file) and row.file.startswith(f"{TRACKS}/"):
            with contextlib.suppress(OSError):
                if originals.plain_bytes(root / row.file) == row.bytes:
                    found.append(row)
    return found


def _doubted(rows: Iterable[SegmentRow]) -> list[tuple[int, int]]:
    """Return the times of pictures that cannot be believed, as far as a chain's words about them can be read."""
    found: list[tuple[int, int]] = []
    for row in rows:
        gaps: Any = row.details.get("gaps", ())
        for gap in gaps if isinstance(gaps, list) else ():
            match gap:
                case [Why.UNDECODABLE.value, int(begin), int(end)] if 0 <= begin < end < _FOREVER:
                    found.append((begin, end))
    return found
