"""The index of recordings' segments read from the chains themselves, each time; and what chains say of a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from dispatch.store.coverage import Coverage
from dispatch.store.segments import SegmentRow, TrackRow
from huishang.recording import contents
from recorder.book.layout import Layout
from recorder.files import Facts
from recorder.proof import records
from recorder.proof.records import RecordedLine

_KEPT: Final = (
    "number",
    "segment",
    "codec",
    "mime",
    "width",
    "height",
    "channels",
    "recovered",
    "track",
    "file",
    "bytes",
)
_DETAILS: Final = ("fills", "gaps", "keyframes", "error_us", "rid")


class ChainReader:
    """Answers as the index in the database does, of the chains below one root."""

    def __init__(self, root: Path) -> None:
        self._layout = Layout(root)

    async def segments(
        self, session: str, from_us: int, to_us: int, *, track: str = "", after: tuple[str, int] = ("", 0), limit: int
    ) -> list[SegmentRow]:
        """Return those that overlap the time, by (t0, segment)."""
        found = [row for row in self._rows(session) if row.t0_us < to_us and row.t1_us > from_us]
        own = sorted((row for row in found if track in ("", row.track)), key=lambda row: (row.t0_us, row.segment))
        return [row for row in own if (row.t0_us, row.segment) > (after[1], after[0])][:limit]

    async def coverage(self, session: str, from_us: int, to_us: int, least_us: int) -> tuple[int, list[Coverage]]:
        """Return what there is of each track, segments that are near as one."""
        spans: dict[str, list[tuple[int, int]]] = {}
        gaps: dict[str, list[tuple[str, int, int]]] = {}
        for row in await self.segments(session, from_us, to_us, limit=1 << 20):
            own = spans.setdefault(row.track, [])
            if own and row.t0_us - own[-1][1] < least_us:
                own[-1] = (own[-1][0], row.t1_us)
            elif not row.deleted_us:
                own.append((row.t0_us, row.t1_us))
            gaps.setdefault(row.track, []).extend(tuple(gap) for gap in row.details.get("gaps", ()))
        return least_us, [
            Coverage(track=track, spans=tuple(own), gaps=tuple(gaps[track])) for track, own in spans.items() if own
        ]

    async def segment(self, session: str, segment: str) -> SegmentRow | None:
        """Return one, None when there is none."""
        return next((row for row in self._rows(session) if row.segment == segment), None)

    async def tracks(self, session: str) -> list[TrackRow]:
        """Return the tracks, in the order of their ids."""
        rows = sorted(self._rows(session), key=lambda row: row.t0_us)
        by_track = {row.track: [other for other in rows if other.track == row.track] for row in rows}
        return [_track(own) for _, own in sorted(by_track.items())]

    def _rows(self, session: str) -> list[SegmentRow]:
        rows: dict[int, SegmentRow] = {}
        deleted: dict[int, int] = {}
        for n, kind, content in self._contents(session):
            if kind == "segment":
                rows[n] = _row(session, n, content)
            elif kind == "deletion":
                deleted |= dict.fromkeys(content["records"], content["at"])
        return [msgspec.structs.replace(row, deleted_us=deleted.get(n, 0)) for n, row in rows.items()]

    def _contents(self, session: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
        chain = self._layout.chain(session)
        for text in chain.read_bytes().splitlines() if chain.exists() else ():
            line = records.parse(text)
            if isinstance(line, RecordedLine) and isinstance(line.content, dict):
                yield line.record.n, line.record.kind, line.content


def content_of(facts: Facts, about: dict[str, str], **more: Any) -> dict[str, Any]:
    """Return what a chain says of a file: the content of kind segment."""
    return contents.segment(facts, None) | {"about": about, **more}


def _row(session: str, n: int, content: dict[str, Any]) -> SegmentRow:
    about = content["about"]
    return SegmentRow(
        session=session,
        record=n,
        t0_us=content["start"],
        t1_us=content["end"],
        head_bytes=content["head"],
        sha256=content["digest"]["sha256"],
        details={name: content[name] for name in _DETAILS if name in content} | {"name": about.get("name", "")},
        **{name: about.get(name, "") for name in ("source", "kind", "unit", "person")},
        **{name: content[name] for name in _KEPT},
    )


def _track(rows: list[SegmentRow]) -> TrackRow:
    first, newest = rows[0], rows[-1]
    return TrackRow(
        t0_us=first.t0_us,
        t1_us=max(row.t1_us for row in rows),
        segments=len(rows),
        bytes=sum(row.bytes for row in rows),
        name=newest.details["name"],
        **{name: getattr(newest, name) for name in ("track", "source", "kind", "unit", "person", "codec", "mime")},
    )
