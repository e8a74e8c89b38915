"""Bytes of a directory file into rows of text: CSV as spreadsheets write it, or JSON. Core, for hostile input.

A bad row is reported and the next one read; what makes a whole file unreadable is reported as its row 0 or 1.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import msgspec

from dispatch.directory import columns
from dispatch.directory.columns import COLUMNS, FIELD_OF, MIXED_FIELD_OF, TELLING, WHAT, WHAT_OF

MAX_BYTES = 64 << 20
MAX_ROWS = 300_000
MAX_COLUMNS = 64
_SHOWN_CHARACTERS = 40
_DELIMITERS = ",;\t"
_SECTIONS = {"units": "unit", "people": "person", "endpoints": "endpoint"}
#: What a spreadsheet would take for a formula, or for a number that it then rounds or strips of zeros.
RISKY = re.compile(r"'*(?:[=+\-@\t\r＝＋－＠]|0[0-9]+\Z|[0-9]{12,}\Z)")


class File(msgspec.Struct, frozen=True):
    """`kind`: what its rows are where its header or keys do not say."""

    name: str
    data: bytes
    kind: str = ""


class Row(msgspec.Struct, frozen=True):
    """One row: `cells` by field. `number` counts as a spreadsheet does, from 1, header and empty rows too."""

    file: str
    number: int
    kind: str
    cells: dict[str, str]


class Remark(msgspec.Struct, frozen=True):
    """Why a row was refused, or what is strange about it. `column` is a field, or ""; `value` is shortened.

    In JSON `row` counts the objects of its `kind`.
    """

    file: str
    row: int
    column: str
    code: str
    value: str
    kind: str = ""


class Content(msgspec.Struct):
    """What was read."""

    rows: list[Row] = []
    refused: list[Remark] = []
    warnings: list[Remark] = []


def read(files: list[File]) -> Content:
    """Return the rows of all files and what could not be read. Never raises."""
    content = Content()
    if sum(len(file.data) for file in files) > MAX_BYTES:
        content.refused.append(Remark(files[0].name, 0, "", "file-too-large", ""))
        return content
    for file in files:
        try:
            text = _decode(file.data)
        except UnicodeDecodeError:
            content.refused.append(Remark(file.name, 0, "", "encoding-unknown", ""))
            continue
        if text.lstrip()[:1] in ("{", "["):
            _read_json(file, text, content)
        else:
            _read_csv(file, text, content)
        if len(content.rows) + len(content.refused) > MAX_ROWS:
            return Content(refused=[Remark(file.name, 0, "", "too-many-rows", str(MAX_ROWS))])
    return content


def shorten(value: str) -> str:
    """Return the beginning of a value without what could disturb who reads the report."""
    head = value[:_SHOWN_CHARACTERS]
    shown = "".join("\ufffd" if unicodedata.category(char)[0] == "C" else char for char in head)
    return shown + ("…" if len(value) > _SHOWN_CHARACTERS else "")


def _decode(data: bytes) -> str:
    """Return the text: UTF-8, UTF-16 with its mark, or GB18030. Raises UnicodeDecodeError."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("gb18030")


def _records(text: str, delimiter: str) -> Iterator[list[str] | csv.Error]:
    """Give the records of a CSV text, an error in place of each that cannot be read."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        try:
            yield next(reader)
        except csv.Error as error:
            yield error
        except StopIteration:
            return


def _delimiter(text: str) -> str:
    """Return the delimiter under which most of the header's names are known."""

    def known(delimiter: str) -> int:
        header = next(iter(_records(head, delimiter)), [])
        names = header if isinstance(header, list) else []
        return max(sum(columns.plain(name) in fields for name in names) for fields in FIELD_OF.values())

    head = text[: 64 << 10]
    return max(_DELIMITERS, key=known)


def _read_csv(file: File, text: str, content: Content) -> None:
    records = enumerate(_records(text, _delimiter(text)), 1)
    number, header = next(((n, item) for n, item in records if not _is_blank(item)), (0, []))
    names = [columns.plain(name) for name in header] if isinstance(header, list) else []
    kind = _kind_of(names, file.kind)
    if not kind or len(names) > MAX_COLUMNS:
        content.refused.append(Remark(file.name, number, "", "header-unknown", shorten(" ".join(names[:8]))))
        return
    table = MIXED_FIELD_OF if kind == WHAT.field else FIELD_OF
    fields = {each: [table[each].get(name, "") for name in names] for each in COLUMNS}
    meant = list(fields.values()) if kind == WHAT.field else [fields[kind]]
    twice = next((field for row in meant for field in row if field and row.count(field) > 1), "")
    if twice:
        content.refused.append(Remark(file.name, number, twice, "column-twice", ""))
        return
    for place, name in enumerate(names):
        if name and not any(row[place] for row in meant):
            content.warnings.append(Remark(file.name, number, "", "column-unknown", shorten(name)))
    for number, record in records:
        if len(content.rows) + len(content.refused) > MAX_ROWS:
            return
        if not isinstance(record, list):
            code = "too-long" if "field larger" in str(record) else "csv-broken"
            content.refused.append(Remark(file.name, number, "", code, ""))
        elif not _is_blank(record):
            _add_record(Row(file.name, number, kind, {}), record, fields, content)


def _is_blank(record: list[str] | csv.Error) -> bool:
    return isinstance(record, list) and not any(cell.strip() for cell in record)


def _add_record(row: Row, record: list[str], fields: dict[str, list[str]], content: Content) -> None:
    """Add one record of a CSV file, whose kind may stand in one of its cells."""
    width = len(fields["unit"])
    if any(cell.strip() for cell in record[width:]):
        content.refused.append(Remark(row.file, row.number, "", "too-many-cells", shorten(record[width])))
        return
    cells = [_restored(cell) for cell in record[:width]] + [""] * (width - len(record))
    kind = row.kind
    if kind == WHAT.field:
        word = cells[fields["unit"].index(WHAT.field)]
        kind = WHAT_OF.get(columns.plain(word[:_SHOWN_CHARACTERS]), "")
        if not kind:
            content.refused.append(Remark(row.file, row.number, WHAT.field, "kind-unknown", shorten(word)))
            return
    values = {field: cell for field, cell in zip(fields[kind], cells, strict=True) if field and field != WHAT.field}
    content.rows.append(Row(row.file, row.number, kind, values))


def _restored(cell: str) -> str:
    """Return a cell without the apostrophe that keeps a spreadsheet from calculating with it."""
    return cell[1:] if cell.startswith("'") and RISKY.match(cell) else cell


def _kind_of(names: list[str], given: str) -> str:
    """Return what the rows are: "what" where each tells itself, else as given or as most columns say; or ""."""
    if any(MIXED_FIELD_OF["unit"].get(name) == WHAT.field for name in names):
        return WHAT.field
    known = {kind: {fields[name] for name in names if name in fields} for kind, fields in FIELD_OF.items()}
    if given in COLUMNS:
        return given if known[given] else ""
    telling = [kind for kind, found in known.items() if any(TELLING.get(field) == kind for field in found)]
    return max(telling, key=lambda kind: len(known[kind]), default="")


def _read_json(file: File, text: str, content: Content) -> None:
    try:
        data = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        content.refused.append(Remark(file.name, 0, "", "json-broken", shorten(text)))
        return
    sections = data if isinstance(data, dict) else {}
    known = [(kind, sections[name]) for name, kind in _SECTIONS.items() if name in sections]
    if isinstance(data, list) and file.kind in COLUMNS:
        known = [(file.kind, data)]
    if not known or not all(isinstance(rows, list) for _, rows in known):
        content.refused.append(Remark(file.name, 0, "", "json-broken", shorten(text)))
        return
    for kind, rows in known:
        for number, row in enumerate(rows, 1):
            if len(content.rows) + len(content.refused) > MAX_ROWS:
                return
            _add_object(file.name, number, kind, row, content)


def _add_object(file: str, number: int, kind: str, row: Any, content: Content) -> None:
    cells: dict[str, str] = {}
    if not isinstance(row, dict):
        content.refused.append(Remark(file, number, "", "wrong-type", "", kind))
        return
    for column in COLUMNS[kind]:
        value = row.get(column.field)
        if value is None:
            continue
        if isinstance(value, list) and column.field == "roles" and all(isinstance(item, str) for item in value):
            value = "\n".join(value)
        if isinstance(value, bool):
            value = "yes" if value else "no"
        if not isinstance(value, str | int):
            content.refused.append(Remark(file, number, column.field, "wrong-type", type(value).__name__, kind))
            return
        cells[column.field] = str(value)
    content.rows.append(Row(file, number, kind, cells))
