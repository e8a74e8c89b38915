"""Which unit a cell of a file means, and why one could not be found. Core."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dispatch.directory import rules
from dispatch.directory.reading import Row
from dispatch.errors import Conflict, Refused, Unknown
from dispatch.names import fold
from dispatch.tables import Tables

_CODE = re.compile(r"[0-9]{2,12}\Z")
_SLASH = re.compile("[/／]")


class Places:
    """Finds units by id, division code, or path of names from a root."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._renamed: dict[str, str] = {}

    def rename(self, elsewhere: str, identifier: str) -> None:
        """Note what is known here as `identifier` and in the file by the id it has elsewhere."""
        self._renamed[elsewhere] = identifier

    def find(self, text: str, field: str) -> str:
        """Return the id of the unit that a cell names. Raises Unknown."""
        text = text.strip()
        tables = self._tables
        known = self._renamed.get(text, text)
        found = known if known in tables.units else None
        if not found and _CODE.match(text):
            found = tables.unit_of_code.first(text)
        found = found or self._by_path(text)
        if not found:
            raise Unknown("unit-unknown", "no such unit, by id, division code or path", field)
        return found

    def _by_path(self, text: str) -> str | None:
        found = ""
        for name in _SLASH.split(text.strip("/"), rules.MAX_DEPTH):
            key = f"{found or 'root'}/{fold(name)}"
            below = self._tables.unit_of_name.first(key) or self._tables.unit_of_english.first(key)
            if below is None:
                return None
            found = below
        return found

    def explained(self, waiting: list[tuple[Row, Refused]]) -> Iterator[tuple[Row, Refused]]:
        """Give rows that could not be taken, with a better reason where the parent is one of them."""
        row_of: dict[str, int] = {}
        for keys in (_keys, _bare_name):  # people also write a name where a path belongs
            for number, (row, _) in enumerate(waiting):
                for key in keys(row):
                    row_of.setdefault(key, number)
        above = {
            number: row_of[key]
            for number, (row, refusal) in enumerate(waiting)
            if refusal.code == "unit-unknown" and (key := _key(row.cells.get("parent", ""))) in row_of
        }
        circling = _circles(above)
        for number, (row, refusal) in enumerate(waiting):
            if number in circling:
                yield row, Conflict("cycle", "units of the file stand below one another in a circle", "parent")
            elif number in above:
                yield row, Conflict("parent-refused", "the row of its parent was refused", "parent")
            else:
                yield row, refusal


def _key(text: str) -> str:
    return "/".join(fold(name) for name in _SLASH.split(text.strip()[:1_000]))


def _keys(row: Row) -> list[str]:
    """Return how other rows may name the unit of a row."""
    cells = row.cells
    names = [cells.get("id", ""), cells.get("code", "")]
    if name := cells.get("name_zh", ""):
        names.append(f"{cells['parent']}/{name}" if cells.get("parent") else name)
    return [_key(name) for name in names if name]


def _bare_name(row: Row) -> list[str]:
    return [_key(row.cells["name_zh"])] if row.cells.get("name_zh") else []


def _circles(above: dict[int, int]) -> set[int]:
    """Return the members of all circles in a map from each to the one above it."""
    done: set[int] = set()
    found: set[int] = set()
    for start in above:
        path: dict[int, int] = {}
        node = start
        while node in above and node not in done and node not in path:
            path[node] = len(path)
            node = above[node]
        if node in path:
            found.update(list(path)[path[node] :])
        done.update(path)
    return found
