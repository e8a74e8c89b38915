"""What a line of a chain is in the index of recordings. Core: no I/O. Contents are anybody's until they are parsed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from dispatch.ids import is_ulid
from dispatch.store.segments import Deletion, SegmentRow
from recorder.proof import records
from recorder.proof.errors import NotARecord
from recorder.proof.records import Name, RecordedLine, Whole
from recorder.proof.segments import TRACKS, is_plain_path

#: More than any file has; sums of millions of them fit into a column.
Size = Annotated[int, Meta(ge=0, le=1 << 40)]


class About(Struct, frozen=True, kw_only=True):
    """Whose track it is."""

    source: Name
    kind: Literal["video", "audio"]
    unit: str = ""
    person: str = ""
    name: str = ""


class Segment(records.Segment, frozen=True, kw_only=True):
    """The content of kind segment, what only evidence needs left out; a recovered file has no gaps and no error."""

    bytes: Size
    number: Whole
    segment: str
    codec: Name
    about: About
    mime: str = ""
    width: Whole = 0
    height: Whole = 0
    channels: Whole = 0
    head: Size = 0
    recovered: bool = False
    fills: tuple[tuple[Whole, Whole], ...] = ()
    gaps: tuple[tuple[str, Whole, Whole], ...] = ()
    keyframes: tuple[Whole, ...] = ()
    error_us: Whole | None = None
    rid: str = ""


def row_of(line: RecordedLine) -> SegmentRow | Deletion | None:
    """Return what a line is in the index; None where it is nothing there, or its content is withheld.

    Raises NotARecord where it is no segment or deletion that can be used.
    """
    record, content = line.record, line.content
    if not isinstance(content, dict):
        return None
    try:
        if record.kind == "segment":
            return _segment(record.session, record.n, msgspec.convert(content, Segment))
        if record.kind == "deletion":
            told = msgspec.convert(content, records.Deletion)
            return Deletion(at_us=told.at, record=record.n, records=told.records)
    except msgspec.ValidationError as error:
        raise NotARecord(str(error)) from error
    return None


def _segment(session: str, n: int, told: Segment) -> SegmentRow:
    if not (is_plain_path(told.file) and told.file.startswith(f"{TRACKS}/")):
        raise NotARecord("a file that is not below the tracks")
    if told.end < told.start:
        raise NotARecord("an end before the start")
    if not is_ulid(told.segment):
        raise NotARecord("a segment whose name is no ULID")
    details: dict[str, Any] = {name: getattr(told, name) for name in ("fills", "gaps", "keyframes", "rid")}
    details["name"] = told.about.name
    if told.error_us is not None:
        details["error_us"] = told.error_us
    return SegmentRow(
        session=session,
        segment=told.segment,
        track=told.track,
        number=told.number,
        record=n,
        file=told.file,
        source=told.about.source,
        kind=told.about.kind,
        unit=told.about.unit,
        person=told.about.person,
        codec=told.codec,
        mime=told.mime,
        width=told.width,
        height=told.height,
        channels=told.channels,
        t0_us=told.start,
        t1_us=told.end,
        bytes=told.bytes,
        head_bytes=told.head,
        sha256=told.digest.sha256,
        recovered=told.recovered,
        details=details,
    )
