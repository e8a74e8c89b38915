"""Records and entries to rows and back. No I/O.

Rows to be written are tuples in the order of the table's columns, as the drivers take them: JSON is text already. Rows
that were read have passed SQLAlchemy's types.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, get_type_hints

import msgspec
from sqlalchemy import JSON, BigInteger

from dispatch.entry import Entry, Origin, public
from dispatch.records import KINDS, Record
from dispatch.store.schema import RECORDS

Row = tuple[Any, ...]
#: What a column of 8 bytes holds.
_MOST = (1 << 63) - 1
#: PostgreSQL cannot index a text of more than some 2,700 bytes; no key of ours is near to this.
MAX_KEY_CHARACTERS = 200

_encoder = msgspec.json.Encoder()


def _json(value: object) -> str:
    return _encoder.encode(value).decode()


def bounded(value: int) -> int:
    """Return the nearest whole number that a column holds."""
    return max(-_MOST, min(_MOST, value))


def cleaned(text: str) -> str:
    """Return a text as the database keeps it: PostgreSQL holds no NUL."""
    return text.replace("\0", "\ufffd")


def _is_enum(hint: object) -> bool:
    return isinstance(hint, type) and issubclass(hint, StrEnum)


def _writer(hint: object, column_type: object, nullable: bool) -> Callable[[Any], Any] | None:
    if _is_enum(hint):
        return lambda value: value.value
    if isinstance(column_type, JSON):
        return (lambda value: None if value is None else _json(value)) if nullable else _json
    if isinstance(column_type, BigInteger):
        return bounded
    return None


def _reader(hint: Any, column_type: object) -> Callable[[Any], Any] | None:
    if _is_enum(hint):
        members: dict[str, Any] = {member.value: member for member in hint}
        return members.__getitem__
    if isinstance(column_type, JSON):
        return lambda value: msgspec.convert(value, hint)
    return None


class _Shape:
    """How one kind of record becomes a row, and a row a record."""

    def __init__(self, kind: str) -> None:
        self.record = KINDS[kind]
        table = RECORDS[kind]
        hints = get_type_hints(self.record)
        self.names = tuple(column.name for column in table.columns)
        self.writers = tuple(
            (name, _writer(hints[name], column.type, bool(column.nullable)))
            for name, column in zip(self.names, table.columns, strict=True)
        )
        found = [(name, _reader(hints[name], column.type)) for name, column in table.columns.items()]
        self.readers = tuple((name, reader) for name, reader in found if reader is not None)


_SHAPES = {kind: _Shape(kind) for kind in KINDS}


def row_of(kind: str, record: Record) -> Row:
    """Return the row of a record. A whole number that no column holds becomes the nearest one."""
    return tuple(
        [
            getattr(record, name) if writer is None else writer(getattr(record, name))
            for name, writer in _SHAPES[kind].writers
        ]
    )


def records_of(kind: str, rows: Sequence[Sequence[Any]]) -> list[Record]:
    """Return the records of rows of the kind's table, all its columns in their order."""
    shape = _SHAPES[kind]
    record, names, readers = shape.record, shape.names, shape.readers
    made = []
    for row in rows:
        # Built directly: `msgspec.convert` takes three times as long, which counts with 150,000 of them.
        values = dict(zip(names, row, strict=True))
        for name, reader in readers:
            values[name] = reader(values[name])
        made.append(record(**values))
    return made


def line_of(position: int, part: int, entry: Entry) -> Row:
    """Return the timeline's row of an entry, without its secrets."""
    kind, _, identifier = entry.object.partition(":")
    at_us, counter = entry.hlc
    return (
        position,
        part,
        entry.v,
        entry.id,
        at_us,
        counter,
        entry.node,
        entry.verb[:MAX_KEY_CHARACTERS],
        entry.actor[:MAX_KEY_CHARACTERS],
        entry.on_behalf,
        kind[:MAX_KEY_CHARACTERS],
        identifier[:MAX_KEY_CHARACTERS],
        entry.session[:MAX_KEY_CHARACTERS],
        entry.incident,
        _json(entry.origin),
        _json(public(entry).params),
    )


def entry_of(row: Any) -> Entry:
    """Return the entry of a row of the timeline."""
    return Entry(
        v=row.v,
        id=row.id,
        node=row.node,
        hlc=(row.at_us, row.counter),
        verb=row.verb,
        actor=row.actor,
        on_behalf=row.on_behalf,
        object=f"{row.object_kind}:{row.object_id}" if row.object_id else row.object_kind,
        session=row.session,
        incident=row.incident,
        origin=msgspec.convert(row.origin, Origin),
        params=row.params,
    )
