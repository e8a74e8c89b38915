"""The routes of exports as declarations: what can be ordered of a recording, and what is told of it."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from dispatch.acts.exports import Form
from dispatch.permissions import Right
from signaling.http.listing import Id, Time
from signaling.http.operation import BASE, JSON, Operation

State = Literal["waiting", "running", "made", "failed", "cancelled"]
#: Kinds of records whose contents a bundle can do without (`recorder.export.disclosure`).
Withheld = Literal["opening", "event", "mark", "pause", "resume", "closure"]
#: Of a file: what it may be called to a browser.
TYPES: Final = {".mp4": "video/mp4", ".webm": "video/webm", ".zip": "application/zip"}
_EXPORTS: Final = f"{BASE}/recordings/{{recording}}/exports"
_EXPORT: Final = f"{_EXPORTS}/{{export}}"
_REFUSES: Final = frozenset({400, 401, 403, 404, 503})
_FILES: Final[dict[str, Any]] = dict.fromkeys(TYPES.values())


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """`kind`: one source as it was recorded, everything of a time in one picture, or the bundle of evidence.

    0 is the recording's beginning or end. `tracks`: only these; `source`: only its own; a clip is of one source.
    `title` is for the file's name and is written into a composed picture; "" is the recording's. `withhold`: kinds of
    records whose contents a bundle does not show.
    """

    kind: Form
    from_us: Time = 0
    to_us: Time = 0
    tracks: Annotated[tuple[Id, ...], Meta(max_length=256)] = ()
    source: Annotated[str, Meta(max_length=128)] = ""
    title: Annotated[str, Meta(max_length=64)] = ""
    withhold: Annotated[tuple[Withheld, ...], Meta(max_length=6)] = ()


class Ordered(msgspec.Struct, frozen=True, kw_only=True):
    """It waits for its turn."""

    id: str


class ExportShown(msgspec.Struct, frozen=True, kw_only=True):
    """An export. `done` of `total`, in units of its own; `bytes` and `until_us`, when it is deleted: once it is made.

    `error` says why it failed, `reason` what exactly was refused; `parts`: what can be ordered instead. `begin_us` is
    what a clip's time 0 is; `gaps`: up to 100 times in which nothing was recorded; `absent`: files that should be there
    and are not, `deleted`: those deleted by policy, `failures`: how often a decoder refused something;
    `copied`: a clip has copies of its sound in Opus.
    """

    id: str
    recording: str
    person: str
    kind: Form
    title: str
    from_us: int
    to_us: int
    source: str
    tracks: tuple[str, ...]
    withhold: tuple[str, ...]
    state: State
    asked_us: int
    made_us: int = 0
    until_us: int = 0
    done: int = 0
    total: int = 0
    name: str
    bytes: int = 0
    error: str = ""
    reason: str = ""
    parts: tuple[tuple[int, int], ...] = ()
    begin_us: int = 0
    gaps: tuple[tuple[int, int], ...] = ()
    absent: int = 0
    deleted: int = 0
    failures: int = 0
    copied: bool = False


class Exports(msgspec.Struct, frozen=True, kw_only=True):
    """Those of a recording, the newest first."""

    items: tuple[ExportShown, ...]


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """An address under which a browser takes a file away by itself; for the asker, while the sign-in lasts."""

    href: str
    until_us: int


class FileQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`ticket`: in place of the bearer token."""

    ticket: Annotated[str, Meta(max_length=64)] = ""


def _operation(name: str, method: str, path: str, summary: str, gives: Any, refuses: frozenset[int] = _REFUSES) -> Any:
    return {
        "name": f"exports.{name}",
        "method": method,
        "path": path,
        "summary": summary,
        "right": Right.EXPORT,
        "gives": gives,
        "refuses": refuses,
        "tag": "recordings",
    }


ORDER: Final = Operation(
    **_operation(
        "order",
        "POST",
        _EXPORTS,
        "Order a file of what was recorded; it is made when its turn comes",
        {202: {JSON: Ordered}},
        _REFUSES | {408, 410, 413, 415, 422, 429, 507},
    ),
    takes={JSON: Wish},
)
LIST: Final = Operation(
    **_operation(
        "list", "GET", _EXPORTS, "One's own exports of a recording; who administers it sees all", {200: {JSON: Exports}}
    )
)
GET: Final = Operation(**_operation("get", "GET", _EXPORT, "How an export goes", {200: {JSON: ExportShown}}))
REMOVE: Final = Operation(
    **_operation("remove", "DELETE", _EXPORT, "End an export that is being made, or delete its file", {204: {}})
)
TICKET: Final = Operation(
    **_operation(
        "ticket",
        "POST",
        f"{_EXPORT}/ticket",
        "An address for a browser's own download",
        {200: {JSON: Ticket}},
        _REFUSES | {409},
    )
)
FILE: Final = Operation(
    **_operation(
        "file",
        "GET",
        f"{_EXPORT}/file",
        "The file, or a range of its bytes",
        {200: _FILES, 206: _FILES},
        _REFUSES | {409, 416, 422},
    ),
    query=FileQuery,
)
OPERATIONS: Final = (ORDER, LIST, GET, REMOVE, TICKET, FILE)
