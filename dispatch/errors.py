"""Refusals of dispatch. `code` is stable, goes to the client, and the page has words for it; `str()` is for the log."""

from __future__ import annotations

from typing import ClassVar


class Refused(Exception):
    """Base of all refusals.

    Refused
    ├── Unknown         there is no such thing, or the asker may not know of it
    ├── Forbidden       the asker has no right to it
    ├── Invalid         a value cannot be used; `field` names it
    ├── Conflict        it does not fit the present state
    ├── Full            a bound of the node is reached
    └── Unavailable     the node cannot do it just now: journal full, database gone
    """

    kind: ClassVar[str] = "refused"

    def __init__(self, code: str, detail: str, field: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.field = field


class Unknown(Refused):
    kind = "unknown"


class Forbidden(Refused):
    kind = "forbidden"


class Invalid(Refused):
    kind = "invalid"


class Conflict(Refused):
    kind = "conflict"


class Full(Refused):
    kind = "full"


class Unavailable(Refused):
    kind = "unavailable"
