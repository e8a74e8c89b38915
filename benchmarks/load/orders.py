"""What the process of many pages is told and tells: one JSON object a line."""

from __future__ import annotations

from typing import Any

import msgspec


class PageOrder(msgspec.Struct, frozen=True):
    """A page to open: whose, and what it watches."""

    token: str
    device: str
    topics: list[str]


class Say(msgspec.Struct, frozen=True):
    """A message that a page says `at_s` after the beginning; acts have an `id`."""

    at_s: float
    page: int
    message: dict[str, Any]


class Change(msgspec.Struct, frozen=True):
    """What an act changes for all to see: a record's field. `field` "": the record is gone; `id` "": any record.

    `value` is what it becomes, or whether it is anything where it is a bool and the field is not.
    """

    sent_ns: int
    topic: str
    kind: str
    id: str
    field: str
    value: Any


class Open(msgspec.Struct, frozen=True, tag_field="do", tag="open"):
    """Open pages, so many at a time. Answered by `Opened`."""

    port: int
    pages: list[PageOrder]


class Run(msgspec.Struct, frozen=True, tag_field="do", tag="run"):
    """Say these things, and keep what comes for so long. Answered by `Ran`."""

    seconds: float
    says: list[Say]


class Look(msgspec.Struct, frozen=True, tag_field="do", tag="look"):
    """Look when each change was shown during the last `Run`. Answered by `Seen`."""

    changes: list[Change]


Order = Open | Run | Look


class Opened(msgspec.Struct, frozen=True, tag_field="did", tag="opened"):
    seconds: float


class Answer(msgspec.Struct, frozen=True):
    """How an act was answered: `code` "" for done, `ms` from sent to read."""

    id: str
    ms: float
    code: str
    object: str


class Ran(msgspec.Struct, frozen=True, tag_field="did", tag="ran"):
    """`sent`: act -> CLOCK_MONOTONIC nanoseconds. `closed`: pages that the server has closed."""

    sent: dict[str, int]
    answers: list[Answer]
    messages: int
    closed: int


class Seen(msgspec.Struct, frozen=True, tag_field="did", tag="seen"):
    """For each change how long it took to each page that saw it (ms), and how many that watch its topic did not."""

    delays_ms: list[list[float]]
    missing: list[int]


class Failed(msgspec.Struct, frozen=True, tag_field="did", tag="failed"):
    reason: str


Reply = Opened | Ran | Seen | Failed
