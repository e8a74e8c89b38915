"""Long lists in pages: a page's last id is the cursor of the next, so nothing is skipped or told twice. Core.

Ids grow with time. A name that changes between two pages moves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta

from dispatch.records import Record
from signaling.http.problem import Problem

MAX_PAGE: Final = 200
_CURSOR = re.compile(r"[A-Za-z0-9._-]{0,64}\Z")

R = TypeVar("R", bound=Record)
Id = Annotated[str, Meta(min_length=1, max_length=64)]
#: Microseconds UTC.
Time = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]


class Paging(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of a list: `cursor` is the `next` of the page before; at most `limit` records come."""

    cursor: Annotated[str, Meta(max_length=64)] = ""
    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = 50


def page(
    records: Iterable[R], paging: Paging, may: Callable[[R], bool], *, newest: bool = False
) -> tuple[tuple[R, ...], str]:
    """Return a page of what may be told, in the order of the ids, and the cursor of the next, "" at the end.

    Raises Problem `cursor-invalid`.
    """
    require_cursor(paging)
    rest = sorted((record for record in records if _is_after(record.id, paging.cursor, newest)), key=_id)
    found: list[R] = []
    for record in _in_order(rest, newest):
        if not may(record):
            continue
        if len(found) == paging.limit:
            return tuple(found), found[-1].id
        found.append(record)
    return tuple(found), ""


def require_cursor(paging: Paging) -> None:
    """Raise Problem `cursor-invalid` for what never was a cursor."""
    if not _CURSOR.match(paging.cursor):
        raise cursor_invalid()


def cursor_invalid() -> Problem:
    """Return the refusal of what never was a cursor."""
    return Problem("cursor-invalid", "a cursor is what `next` of a page was", field="cursor")


def _is_after(identifier: str, cursor: str, newest: bool) -> bool:
    return not cursor or (identifier < cursor if newest else identifier > cursor)


def _in_order(records: list[R], newest: bool) -> Iterator[R]:
    return reversed(records) if newest else iter(records)


def _id(record: Record) -> str:
    return record.id
