"""What the export's process is told and what it says: one JSON object each, the order first, then line by line.

Data only. Times are microseconds UTC; paths are absolute.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

Time = Annotated[int, Meta(ge=0, lt=1 << 53)]
Side = Annotated[int, Meta(ge=160, le=3840, multiple_of=2)]
MAX_LINE_BYTES = 4 << 20
"""Of a word about a clip, whose gaps may be as many as its segments."""


class Order(Struct, tag_field="kind", forbid_unknown_fields=True, kw_only=True):
    """Base: `path` is what is to be made; its folder exists."""

    path: str


class BundleOrder(Order, tag="bundle", kw_only=True):
    """The evidence bundle of a session, as a folder or a ZIP file (`bundle`, `disclosure`)."""

    root: str
    session: str
    form: Literal["folder", "zip"] = "zip"
    withhold: list[str] = []
    begin: Time | None = None
    until: Time | None = None


class ClipOrder(Order, tag="clip", kw_only=True):
    """One source, nothing transcoded (`clip`) but sound that has no place in a clip (`copied`)."""

    pictures: list[str] = []
    sounds: list[str] = []
    begin: Time
    until: Time
    left_out: list[tuple[Time, Time]] = []


class ComposedTrack(Struct, forbid_unknown_fields=True, kw_only=True):
    """A track's segment files in the order of their times; of a picture, the name that is written into it, and
    times that cannot be believed.
    """

    files: list[str]
    is_picture: bool
    name: str = ""
    left_out: list[tuple[Time, Time]] = []


class ComposedOrder(Order, tag="composed", kw_only=True):
    """Everything of a time as one picture and one sound (`composed`). `zone` is IANA's name of the clock's."""

    tracks: list[ComposedTrack]
    begin: Time
    until: Time
    title: str = ""
    zone: str = "Asia/Shanghai"
    width: Side = 1280
    height: Side = 720
    rate: Literal[5, 10, 15, 20, 25, 30] = 15


AnyOrder = BundleOrder | ClipOrder | ComposedOrder


class Progress(Struct, tag_field="kind", tag="progress"):
    """How much is done of how much, in units of the order's own."""

    done: int
    total: int


class Made(Struct, tag_field="kind", tag="made", kw_only=True):
    """It is there. The rest as it applies: `begin`, `gaps` and `mime` of clips, and whether their sound is `copied` in
    another codec; `absent` files of bundles, `failures` of decoding.
    """

    path: str
    length: int = 0
    mime: str = ""
    begin: int = 0
    gaps: list[tuple[int, int]] = []
    copied: bool = False
    absent: int = 0
    failures: int = 0


class Refused(Struct, tag_field="kind", tag="refused", kw_only=True):
    """Nothing was made: the error's `code`, of a refusal its `reason`, and of a split the `parts`."""

    code: str
    text: str
    reason: str = ""
    parts: list[tuple[int, int]] = []


Said = Progress | Made | Refused
order_of = msgspec.json.Decoder(AnyOrder).decode
said_of = msgspec.json.Decoder(Said).decode
encode = msgspec.json.encode
