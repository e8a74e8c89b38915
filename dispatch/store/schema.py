"""The tables of the database. A record's plain fields are columns, nested ones JSON; nothing refers by foreign key.

The journal has checked what it kept, and a projection must take whatever it holds. No I/O. A change here needs a
revision in `migrations`.
"""

from __future__ import annotations

from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, get_args, get_type_hints

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, MetaData, Table, Text, TextClause, text
from sqlalchemy.types import TypeEngine

from dispatch.records import KINDS, ORDINARY, TABLE_NAMES, Record

metadata = MetaData()

#: Columns that came in a later revision: rows that were there have this.
_DEFAULTS: dict[tuple[str, str], str | TextClause] = {
    ("participant", "roll_us"): "0",
    ("recording", "retention"): ORDINARY,
    ("recording", "deleted_us"): "0",
    ("recording", "policy"): text("''"),
    ("recording", "deleted_by"): text("''"),
    ("recording", "cleared_us"): "0",
}


def _type(hint: Any) -> TypeEngine[Any]:
    if hint is bool:
        return Boolean()
    if hint is int:
        return BigInteger()
    if isinstance(hint, type) and issubclass(hint, str | StrEnum):
        return Text()
    return JSON(none_as_null=True)


def _table(kind: str, record: type[Record]) -> Table:
    columns = [
        Column(
            name,
            _type(hint),
            primary_key=name == "id",
            nullable=isinstance(hint, UnionType) and NoneType in get_args(hint),
            server_default=_DEFAULTS.get((kind, name)),
        )
        for name, hint in get_type_hints(record).items()
        if name in record.__struct_fields__
    ]
    return Table(TABLE_NAMES[kind], metadata, *columns, sqlite_with_rowid=False)


#: kind -> table
RECORDS: dict[str, Table] = {kind: _table(kind, record) for kind, record in KINDS.items()}

consultations = RECORDS["consultation"]
participants = RECORDS["participant"]
messages = RECORDS["message"]
recordings = RECORDS["recording"]
Index("ix_recordings_of", recordings.c.of, recordings.c.id)
Index("ix_consultations_stage", consultations.c.stage, consultations.c.ended_us, consultations.c.id)
Index("ix_participants_consultation", participants.c.consultation)
Index("ix_messages_consultation", messages.c.consultation, messages.c.at_us, messages.c.id)

#: What happened, by its place in the journal: record and part of the record. Without secrets.
timeline = Table(
    "timeline",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("part", BigInteger, primary_key=True, autoincrement=False),
    Column("v", BigInteger, nullable=False),
    Column("id", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("counter", BigInteger, nullable=False),
    Column("node", Text, nullable=False),
    Column("verb", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("on_behalf", Text, nullable=False),
    Column("object_kind", Text, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("session", Text, nullable=False),
    Column("incident", Text, nullable=False),
    Column("origin", JSON, nullable=False),
    Column("params", JSON, nullable=False),
    sqlite_with_rowid=False,
)
_place = (timeline.c.position, timeline.c.part)
Index("ix_timeline_at", timeline.c.at_us, *_place)
Index("ix_timeline_session", timeline.c.session, *_place)
Index("ix_timeline_object", timeline.c.object_kind, timeline.c.object_id, *_place)
Index("ix_timeline_actor", timeline.c.actor, *_place)
Index("ix_timeline_verb", timeline.c.verb, *_place)

#: One row: which journal this is a projection of, and the position of the first record that is not in it yet.
projection = Table(
    "projection",
    metadata,
    Column("journal", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
)

#: Measured, not journalled: what is lost with the database is lost. NULL is "not measured".
quality = Table(
    "quality",
    metadata,
    Column("at_us", BigInteger, nullable=False),
    Column("session", Text, nullable=False),
    Column("participant", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("layer", Text, nullable=False),
    Column("rtt_us", BigInteger),
    Column("jitter_us", BigInteger),
    Column("lost_ppm", BigInteger),
    Column("rate_bps", BigInteger),
)
Index("ix_quality_session", quality.c.session, quality.c.at_us)
Index("ix_quality_at", quality.c.at_us)

#: The index of recordings: a projection of the sessions' chains as the tables above are one of the journal. A row is a
#: record of kind segment, by its n in its chain. `deleted_us` 0: it is there.
segments = Table(
    "segments",
    metadata,
    Column("session", Text, primary_key=True),
    Column("segment", Text, nullable=False),
    Column("track", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("record", BigInteger, primary_key=True, autoincrement=False),
    Column("file", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("codec", Text, nullable=False),
    Column("mime", Text, nullable=False),
    Column("width", BigInteger, nullable=False),
    Column("height", BigInteger, nullable=False),
    Column("channels", BigInteger, nullable=False),
    Column("t0_us", BigInteger, nullable=False),
    Column("t1_us", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("head_bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("recovered", Boolean, nullable=False),
    Column("deleted_us", BigInteger, nullable=False),
    Column("details", JSON, nullable=False),
)
Index("ix_segments_segment", segments.c.session, segments.c.segment)
# The end is there so that no row is read of what ends too early: one segment of an hour makes a range long.
_times = (segments.c.t0_us, segments.c.segment, segments.c.t1_us)
Index("ix_segments_time", segments.c.session, *_times)
Index("ix_segments_track", segments.c.session, segments.c.track, *_times)

#: What the segments of a track come to, so that nobody has to count them. `longest_us` says how far before a moment a
#: segment that reaches it may begin.
tracks = Table(
    "tracks",
    metadata,
    Column("session", Text, primary_key=True),
    Column("track", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("codec", Text, nullable=False),
    Column("mime", Text, nullable=False),
    Column("t0_us", BigInteger, nullable=False),
    Column("t1_us", BigInteger, nullable=False),
    Column("segments", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("longest_us", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

#: How far each chain is in the index: bytes of its file, the least n of what follows, and a digest of what ends there.
chains = Table(
    "chains",
    metadata,
    Column("session", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("record", BigInteger, nullable=False),
    Column("tail", Text, nullable=False),
    sqlite_with_rowid=False,
)
