"""The directory as files that `importing` reads back, and that a spreadsheet opens without calculating anything. Core.

CSV is UTF-8 with a byte order mark, one file a kind, headers and words in Chinese or English. A cell that a spreadsheet
would take for a formula, or for a number whose digits it would lose, begins with an apostrophe. Who may see what is the
caller's to filter.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from dispatch.directory import columns
from dispatch.directory.columns import COLUMNS
from dispatch.directory.reading import RISKY
from dispatch.records import Endpoint, Person, Record, Unit

Language = Literal["zh", "en"]
VERSION = 1
_WORDS = {"level": columns.LEVELS, "kind": columns.KINDS, "disabled": columns.YES_NO}


def csv_of(kind: str, records: Iterable[Record], language: Language) -> bytes:
    """Return a CSV file of the units, people or endpoints; `kind` is a key of `columns.COLUMNS`."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([column.zh if language == "zh" else column.en for column in COLUMNS[kind]])
    for record in records:
        writer.writerow([_cell(column.field, getattr(record, column.field), language) for column in COLUMNS[kind]])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def json_of(units: Iterable[Unit], people: Iterable[Person], endpoints: Iterable[Endpoint]) -> bytes:
    """Return a JSON file of all three."""
    return msgspec.json.encode(
        {
            "v": VERSION,
            "units": [_object("unit", item) for item in units],
            "people": [_object("person", item) for item in people],
            "endpoints": [_object("endpoint", item) for item in endpoints],
        }
    )


def _object(kind: str, record: Record) -> dict[str, Any]:
    fields = {column.field: getattr(record, column.field) for column in COLUMNS[kind]}
    if isinstance(record, Person):
        fields["roles"] = [f"{role.name}@{role.scope}" for role in record.roles]
    return fields


def _cell(field: str, value: Any, language: Language) -> str:
    if field == "roles":
        names = [columns.ROLES[role.name][0] if language == "zh" else role.name for role in value]
        return ";".join(f"{name}@{role.scope}" for name, role in zip(names, value, strict=True))
    if isinstance(value, bool):
        value = "yes" if value else "no"
    if field in _WORDS and language == "zh":
        value = _WORDS[field][value][0]
    cell = str(value)
    return f"'{cell}" if RISKY.match(cell) else cell
