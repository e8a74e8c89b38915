"""What a value of the directory must be, whichever way it comes: by hand, from a file, from another node. Core."""

from __future__ import annotations

import re

from dispatch.acts.base import Desk, clean_text
from dispatch.errors import Conflict, Full, Invalid
from dispatch.ids import is_ulid
from dispatch.names import fold
from dispatch.records import Level, Unit
from dispatch.tables import R, Table

#: Units below one another; far above any organisation, so that walking up stays short.
MAX_DEPTH = 24
MAX_UNITS = 200_000
MAX_PEOPLE = 200_000
MAX_ENDPOINTS = 500_000
MAX_ORDER = 1_000_000
#: From the top. A unit stands below one of its own level or above it: an office of a county is of the county's level. A
#: mobile unit stands below any; below it stand mobile units only. Every level may be a root: a node may be a county's.
RANK = {level: rank for rank, level in enumerate(Level)}

_CODE = re.compile(r"[0-9]{2,12}\Z")
_GB_ID = re.compile(r"[0-9]{20}\Z")
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{1,31}\Z")
#: Where the levels of a division code end (GB/T 2260, GB/T 10114): province, city, county, township, village.
_CODE_STEPS = (2, 4, 6, 9)


def name(text: str, field: str, *, required: bool = True) -> str:
    """Return a name as it is kept. Raises Invalid: too long, or nothing of it can be seen."""
    cleaned = clean_text(text, field, required=required)
    if cleaned and not fold(cleaned):
        raise Invalid("empty", f"{field} shows nothing", field)
    return cleaned


def division_code(text: str) -> str:
    """Return a division code, or "". Raises Invalid."""
    if text and not _CODE.match(text):
        raise Invalid("invalid-code", "a division code has 2 to 12 digits", "code")
    return text


def significant(code: str) -> str:
    """Return the part of a division code that those below it share: 3201 of 320100 or 320100000000."""
    return next((code[:step] for step in _CODE_STEPS if not code[step:].strip("0")), code)


def gb_id(text: str) -> str:
    """Return a GB/T 28181 identifier, or "". Raises Invalid."""
    if text and not _GB_ID.match(text):
        raise Invalid("invalid-gb-id", "a GB/T 28181 identifier has 20 digits", "gb_id")
    return text


def login(text: str) -> str:
    """Return a login as it is kept, in small letters. Raises Invalid."""
    small = text.strip().lower()
    if not _LOGIN.match(small):
        raise Invalid("invalid-login", "a login has 2 to 32 of a-z, 0-9 and . _ -, first a letter or digit", "login")
    return small


def order(number: int) -> int:
    """Return a place among siblings. Raises Invalid."""
    if abs(number) > MAX_ORDER:
        raise Invalid("out-of-range", f"an order is at most {MAX_ORDER} from 0", "order")
    return number


def level(unit: Level, parent: Level) -> None:
    """Refuse a level above the parent's. Raises Invalid."""
    if RANK[unit] < RANK[parent]:
        raise Invalid("level-above-parent", f"{unit} cannot stand below {parent}", "level")


def identifier(desk: Desk, wanted: str) -> str:
    """Return a new thing's id: the one it has elsewhere, or a fresh one. Raises Invalid, Conflict.

    A credential has the id of whose it is, so an id is no person's, endpoint's or unit's twice.
    """
    if not wanted:
        return desk.new_id()
    if not is_ulid(wanted):
        raise Invalid("invalid-id", "an id is a ULID", "id")
    tables = desk.tables
    if wanted in tables.units or wanted in tables.people or wanted in tables.endpoints:
        raise Conflict("id-taken", f"{wanted} is there already", "id")
    return wanted


def room(table: Table[R], most: int) -> None:
    """Refuse one more. Raises Full."""
    if len(table) >= most:
        raise Full(f"{table.kind}-limit", f"{most} are the limit")


def sibling_key(unit: Unit, name: str) -> str:
    """Return where `Tables.unit_of_name` and `unit_of_english` keep a name."""
    return f"{unit.parent or 'root'}/{fold(name)}"
