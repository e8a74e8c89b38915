"""Entries into state: each sets fields of one object. The same for a live act, a start and a rebuild. Core."""

from __future__ import annotations

from typing import Any

import msgspec

from dispatch.entry import Entry
from dispatch.records import KINDS, Record
from dispatch.tables import Tables

#: In `params`: the object ceased to be.
GONE = "gone"

_FIELDS = {kind: frozenset(record.__struct_fields__) for kind, record in KINDS.items()}


def apply(tables: Tables, entry: Entry) -> None:
    """Apply an entry. One about a kind, or with a field, that this version does not know changes nothing there.

    Raises msgspec.ValidationError when a value does not fit its field.
    """
    set_fields(tables, entry.object, entry.params)


def set_fields(tables: Tables, target: str, params: dict[str, Any]) -> None:
    """Set the fields of `kind:id` as an entry with these params does. Raises msgspec.ValidationError."""
    kind, _, identifier = target.partition(":")
    if not sets(kind, params):
        return
    table = tables.of_kind(kind)
    record = updated(kind, identifier, table.find(identifier), params)
    if record is None:
        table.drop(identifier)
    else:
        table.put(record)


def sets(kind: str, params: dict[str, Any]) -> bool:
    """Tell whether an entry with these params says anything of a record: some tell what happened, and nothing more."""
    return kind in KINDS and (GONE in params or not _FIELDS[kind].isdisjoint(params))


def updated(kind: str, identifier: str, old: Record | None, params: dict[str, Any]) -> Record | None:
    """Return the record with the fields of `params` set, None when they say that it is gone."""
    if params.get(GONE):
        return None
    known = {key: value for key, value in params.items() if key in _FIELDS[kind]}
    if old is None:
        return msgspec.convert({**known, "id": identifier}, KINDS[kind])
    return msgspec.convert({**_plain(old), **known}, KINDS[kind])


def plain(record: Record) -> dict[str, Any]:
    """Return a record's fields as JSON values, without its id: what an entry's `params` hold of it."""
    fields: dict[str, Any] = msgspec.to_builtins(record)
    del fields["id"]
    return fields


def _plain(record: Record) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(record)
    return fields
