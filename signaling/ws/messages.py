"""The messages of the WebSocket as types, and their decoding with bounds. docs/api.md says what they mean. Core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from dispatch.permissions import Right
from signaling.ice.turn import IceServer

#: Versions of the protocol that this node speaks.
VERSIONS = (1,)
#: Of a message that comes in: an offer of 64 lines of Chromium has 115 KB, and some more as JSON.
MAX_MESSAGE_BYTES = 192 << 10
MAX_TOPICS = 64

Id = Annotated[str, Meta(max_length=64)]
Device = Annotated[str, Meta(max_length=64, pattern=r"^[A-Za-z0-9._~-]*\Z")]
Topic = Annotated[str, Meta(max_length=80)]
Kind = Literal["video", "audio"]
Mid = Annotated[str, Meta(max_length=16)]
Count = Annotated[int, Meta(ge=0, lt=2**53)]
Rate = Annotated[float, Meta(ge=0, le=1e12)]


class Close(IntEnum):
    """Why the server closes; the name in kebab-case is the code of `bye`."""

    NOT_UNDERSTOOD = 4400
    NOT_SIGNED_IN = 4401
    NO_COMMON_VERSION = 4406
    NOT_READING = 4408
    TOO_MANY_MESSAGES = 4429
    NODE_STOPPING = 4503

    @property
    def code(self) -> str:
        """The code of `bye`."""
        return self.name.lower().replace("_", "-")


class NotUnderstood(Exception):
    """A message that nothing can be made of: the connection ends."""


class Strange(Exception):
    """A message of a type, or with values, that this version does not know; `id` is "" where it has none."""

    def __init__(self, identifier: str, code: str, detail: str) -> None:
        super().__init__(detail)
        self.id = identifier
        self.code = code


class Resume(msgspec.Struct, frozen=True):
    """What was received last of each topic, in the life of the server that `epoch` names."""

    epoch: Id
    topics: Annotated[dict[Topic, Count], Meta(max_length=MAX_TOPICS)]


class Hello(msgspec.Struct, frozen=True, tag_field="t", tag="hello"):
    versions: Annotated[list[int], Meta(max_length=16)]
    token: Annotated[str, Meta(max_length=8192)]
    device: Device = ""
    resume: Resume | None = None


class Watch(msgspec.Struct, frozen=True, tag_field="t", tag="watch"):
    topic: Topic


class Unwatch(msgspec.Struct, frozen=True, tag_field="t", tag="unwatch"):
    topic: Topic


class Do(msgspec.Struct, frozen=True, tag_field="t", tag="act"):
    id: Id
    name: Id
    params: msgspec.Raw = msgspec.Raw(b"{}")


class SendLine(msgspec.Struct, frozen=True):
    """The page publishes `kind` of its source."""

    source: Annotated[str, Meta(max_length=128)]
    kind: Kind
    name: Annotated[str, Meta(max_length=256)] = ""


class ReceiveLine(msgspec.Struct, frozen=True):
    """The page takes `kind` of a source, by the right that `context` names."""

    source: Annotated[str, Meta(max_length=128)]
    kind: Kind
    context: Topic = ""


class Line(msgspec.Struct, frozen=True):
    """What a media line of an offer is for."""

    mid: Mid
    send: SendLine | None = None
    receive: ReceiveLine | None = None


class Offer(msgspec.Struct, frozen=True, tag_field="t", tag="offer"):
    """An offer of the page's connection with this number. A higher one than before makes another in its place."""

    id: Id
    sdp: str
    connection: Count = 0
    lines: Annotated[list[Line], Meta(max_length=64)] = []


class Hangup(msgspec.Struct, frozen=True, tag_field="t", tag="hangup"):
    pass


class LineQuality(msgspec.Struct, frozen=True):
    mid: Mid
    loss: Annotated[float, Meta(ge=0, le=1)] = 0.0
    jitter_ms: Rate = 0.0
    bitrate_bps: Rate = 0.0
    fps: Rate = 0.0


class Quality(msgspec.Struct, frozen=True, tag_field="t", tag="quality"):
    rtt_ms: Rate = 0.0
    lines: Annotated[list[LineQuality], Meta(max_length=64)] = []


class LineSize(msgspec.Struct, frozen=True):
    """How a page shows a picture: pixels of its screen, 0 by 0 when not at all; a greater `rank` comes first.

    `slow`: the lowest frame rate that there is will do.
    """

    mid: Mid
    width: Annotated[int, Meta(ge=0, le=65_535)]
    height: Annotated[int, Meta(ge=0, le=65_535)]
    rank: Annotated[int, Meta(ge=0, le=100)] = 0
    slow: bool = False


class Sizes(msgspec.Struct, frozen=True, tag_field="t", tag="sizes"):
    connection: Count
    lines: Annotated[list[LineSize], Meta(max_length=64)] = []


class Ping(msgspec.Struct, frozen=True, tag_field="t", tag="ping"):
    at: int | float | Id | None = None


Message = Hello | Watch | Unwatch | Do | Offer | Hangup | Quality | Sizes | Ping


@dataclass(frozen=True, slots=True)
class Demand:
    """What a message needs beside a sign-in: these rights to what it names, as `why` says; or why it needs none."""

    why: str
    rights: frozenset[Right] = frozenset()


#: Of every message. Who lacks the right is told `forbidden`, of a topic by `gone`, of a line by its `code`.
DEMANDS: Final[Mapping[type, Demand]] = MappingProxyType(
    {
        Hello: Demand("it shows who one is, and takes the topics up again that `resume` names, as `watch` would"),
        Watch: Demand(
            "a unit to see, a consultation to view; of the overview what one sees", frozenset({Right.SEE, Right.VIEW})
        ),
        Unwatch: Demand("it gives up what one has"),
        Do: Demand("every act declares its own right"),
        Offer: Demand(
            "lines that send need to publish, lines that receive to view", frozenset({Right.PUBLISH, Right.VIEW})
        ),
        Hangup: Demand("it ends one's own connection"),
        Quality: Demand("it tells of lines that one was given, and of no others anything is kept"),
        Sizes: Demand("it tells how one shows what one was given, and moves nobody else's lines"),
        Ping: Demand("it asks for the time"),
    }
)


class Welcome(msgspec.Struct, frozen=True, tag_field="t", tag="welcome"):
    version: int
    epoch: str
    now_us: int
    node: str
    person: dict[str, Any]
    rights: tuple[str, ...]
    ice_servers: tuple[IceServer, ...] = ()


class IceServers(msgspec.Struct, frozen=True, tag_field="t", tag="servers"):
    """In place of those of the welcome, whose credentials will end."""

    servers: tuple[IceServer, ...]


class State(msgspec.Struct, frozen=True, tag_field="t", tag="state", omit_defaults=True):
    """Records of a topic. `more`: the beginning is not all here yet."""

    topic: str
    seq: int
    reset: bool
    puts: dict[str, list[msgspec.Raw]]
    drops: dict[str, list[str]]
    more: bool = False


class Gone(msgspec.Struct, frozen=True, tag_field="t", tag="gone"):
    topic: str
    code: str


class Done(msgspec.Struct, frozen=True, tag_field="t", tag="done"):
    id: str
    object: str


class Refusal(msgspec.Struct, frozen=True, tag_field="t", tag="refused"):
    id: str
    code: str
    field: str = ""
    detail: str = ""


class AnsweredLine(msgspec.Struct, frozen=True):
    """What became of a line: `flow` open, paused or closed; `code` why it is closed."""

    mid: str
    flow: Literal["open", "paused", "closed"]
    code: str = ""


class Answer(msgspec.Struct, frozen=True, tag_field="t", tag="answer"):
    id: str
    sdp: str
    lines: list[AnsweredLine]


class FlowChange(msgspec.Struct, frozen=True, tag_field="t", tag="flow"):
    connection: int
    lines: list[AnsweredLine]


class LinkLine(msgspec.Struct, frozen=True):
    """A picture on the way to the page: which of its layers, counted from the smallest; why the link holds it back.

    `slowed`: with fewer frames than there are, because the link has no room for more.
    """

    mid: str
    layer: int
    layers: int
    held: Literal["", "no-room"] = ""
    slowed: bool = False


class Link(msgspec.Struct, frozen=True, tag_field="t", tag="link"):
    """What the way to the page carries. good: all that is wanted; tight: less of it; poor: not every picture.

    `repair`: how losses are made up for. asked: pictures are sent again when they are asked for; ahead: parities go
    beside them; sound comes twice or more in both. Empty: nothing is lost.
    """

    connection: int
    state: Literal["good", "tight", "poor"]
    bps: int | None
    queue_ms: int
    loss: float
    repair: Literal["", "asked", "ahead"]
    lines: list[LinkLine]


class LayerLine(msgspec.Struct, frozen=True):
    """The layers (RIDs) of a line from the page that somebody needs."""

    mid: str
    rids: list[str]


class Layers(msgspec.Struct, frozen=True, tag_field="t", tag="layers"):
    connection: int
    lines: list[LayerLine]


class Ended(msgspec.Struct, frozen=True, tag_field="t", tag="ended"):
    connection: int
    code: str


class Pong(msgspec.Struct, frozen=True, tag_field="t", tag="pong"):
    at: int | float | str | None
    now_us: int


class Bye(msgspec.Struct, frozen=True, tag_field="t", tag="bye"):
    code: str


Reply = Welcome | IceServers | State | Gone | Done | Refusal | Answer | FlowChange | Link | Layers | Ended | Pong | Bye


class _Head(msgspec.Struct, frozen=True):
    """What can be read of any message that is one, of whatever version."""

    t: str
    id: str = ""


_KNOWN = frozenset(
    str(kind.__struct_config__.tag) for kind in (Hello, Watch, Unwatch, Do, Offer, Hangup, Quality, Sizes, Ping)
)
_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)
_heads = msgspec.json.Decoder(_Head)
_encoder = msgspec.json.Encoder()


def decode(data: bytes | str) -> Message:
    """Return the message. Raises NotUnderstood, Strange."""
    try:
        if len(data) > MAX_MESSAGE_BYTES:
            raise NotUnderstood(f"a message of more than {MAX_MESSAGE_BYTES} bytes")
        return _decoder.decode(data)
    except msgspec.ValidationError as error:
        raise _verdict(data, str(error)) from error
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise NotUnderstood(f"no JSON: {error}"[:200]) from error


def encode(message: Reply) -> bytes:
    """Return the message as JSON."""
    return _encoder.encode(message)


def _verdict(data: bytes | str, detail: str) -> NotUnderstood | Strange:
    """Tell a message of a newer version from one that is broken."""
    try:
        head = _heads.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return NotUnderstood(detail[:200])
    if len(head.id) > 64:
        return NotUnderstood("an id of more than 64 characters")
    if head.t not in _KNOWN:
        return Strange(head.id, "unknown-message", f"this node knows no message {head.t[:40]!r}")
    if not head.id:
        return NotUnderstood(detail[:200])
    return Strange(head.id, "invalid-message", detail[:200])
