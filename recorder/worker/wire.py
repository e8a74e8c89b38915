"""What goes between the server and the recorder worker, one message a packet of a Unix socket. Core.

MessagePack, one message tagged by `do` or `say`. The first order and the first answer say the version; both ends are of
one installation, so another version is refused. Descriptors come with `Begin` (the hand) and `AddRing` (memory, event).
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from recorder.files import Facts
from recorder.files.facts import MAX_ABOUT, RECOVERED, Count, Ulid
from recorder.proof.digests import SHA256_ONLY, Algorithm
from recorder.tracks.told import Ended, Gap

VERSION: Final = 1
MAX_BYTES: Final = 160 << 10
#: A segment that lasted for very long has more: they are in its file.
MAX_FRAGMENTS: Final = 1000
MAX_TRACKS: Final = 4096
MAX_RINGS: Final = 64

Number = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
Nanoseconds = Annotated[int, Meta(ge=-(1 << 62), lt=1 << 62)]
Text = Annotated[str, Meta(max_length=256)]


class Begin(Struct, frozen=True, tag_field="do", tag="begin"):
    """The first order. `scans`: look through all tracks for files that were not closed, not only those to be opened."""

    v: int
    root: Annotated[str, Meta(max_length=4096)]
    offset_ns: Nanoseconds
    """UTC less monotonic time."""
    scans: bool
    algorithms: Annotated[tuple[Algorithm, ...], Meta(min_length=1, max_length=2)] = SHA256_ONLY
    """Of files' digests."""


class AddRing(Struct, frozen=True, tag_field="do", tag="add-ring"):
    ring: Number


class EndRing(Struct, frozen=True, tag_field="do", tag="end-ring"):
    """Its tracks have been closed."""

    ring: Number


class Open(Struct, frozen=True, tag_field="do", tag="open"):
    """Record what a ring has of a route; of a track that is open already, from now on this one."""

    track: Ulid
    ring: Number
    route: Number
    number: Count
    """Of the next segment; 0: after the last file that is there."""
    about: Annotated[dict[Text, Text], Meta(max_length=MAX_ABOUT)] = {}
    held: bool = False
    resumes: bool = False
    """A worker before this one recorded it until it ended."""
    turn: Count = 0
    """Comes back with `Opened`."""


class Hold(Struct, frozen=True, tag_field="do", tag="hold"):
    track: Ulid


class GoOn(Struct, frozen=True, tag_field="do", tag="go-on"):
    track: Ulid


class Close(Struct, frozen=True, tag_field="do", tag="close"):
    track: Ulid


class Offset(Struct, frozen=True, tag_field="do", tag="offset"):
    """UTC less monotonic time, for segments that begin from now on."""

    offset_ns: Nanoseconds


class End(Struct, frozen=True, tag_field="do", tag="end"):
    """Read what is in the rings, close all files and end."""


class Ready(Struct, frozen=True, tag_field="say", tag="ready"):
    v: int


class Recovered(Struct, frozen=True, tag_field="say", tag="recovered"):
    """A file that was not closed; what it says of itself is all that is known of it."""

    facts: Facts
    whole: bool = True
    """All fragments are told."""


class Closed(Struct, frozen=True, tag_field="say", tag="closed"):
    """A segment is on disk under its name."""

    facts: Facts
    ended: Ended
    whole: bool = True


class Opened(Struct, frozen=True, tag_field="say", tag="opened"):
    """A track is recorded as the order of this turn says; all files were told that it was recorded in before."""

    track: Ulid
    turn: Count


class TrackClosed(Struct, frozen=True, tag_field="say", tag="track-closed"):
    """Nothing more comes of it; `failed` says which error of ours ended it."""

    track: Ulid
    gaps: Annotated[tuple[Gap, ...], Meta(max_length=4)]
    failed: Text = ""


class KeyframeWanted(Struct, frozen=True, tag_field="say", tag="keyframe-wanted"):
    """The sender is to be asked for a keyframe of this track."""

    track: Ulid


class Alarm(Struct, frozen=True, tag_field="say", tag="alarm"):
    """`code`: disk-full, disk-failing, disk-slow (`count`: bytes that wait), disk-well, ring-lost (records),
    ring-damaged, file-damaged. Each is said once until it changes, ring-lost once a second."""

    code: Text
    count: Count = 0
    detail: Text = ""


class Statistics(Struct, frozen=True, tag_field="say", tag="statistics"):
    """Each second; `records`, `strays` and `bytes` count from the start of the process."""

    records: Count
    strays: Count
    """Records of routes that are not recorded."""
    bytes: Count
    """Written to files."""
    unsynced: Count
    """Bytes that are not known to be on disk."""
    backlog: Count
    """Bytes in the rings."""
    tracks: Count


Order = Begin | AddRing | EndRing | Open | Hold | GoOn | Close | Offset | End
Answer = Ready | Recovered | Closed | Opened | TrackClosed | KeyframeWanted | Alarm | Statistics

_ENCODER: Final = msgspec.msgpack.Encoder()
_ORDERS: Final = msgspec.msgpack.Decoder(Order)
_ANSWERS: Final = msgspec.msgpack.Decoder(Answer)


def write(message: Order | Answer) -> bytes:
    """Return a message as bytes. Of a segment with very many fragments none is told.

    Raises ValueError for one that is too long.
    """
    if isinstance(message, Closed | Recovered) and len(message.facts.fragments) > MAX_FRAGMENTS:
        facts = msgspec.structs.replace(message.facts, fragments=())
        message = msgspec.structs.replace(message, facts=facts, whole=False)
    data = _ENCODER.encode(message)
    if len(data) > MAX_BYTES:
        raise ValueError(f"a message of {len(data)} bytes")
    return data


def read_order(data: bytes) -> Order:
    """Return an order. Raises ValueError for what is none."""
    order: Order = _ORDERS.decode(data)
    if isinstance(order, Begin) and order.v != VERSION:
        raise ValueError(f"orders of version {order.v}")
    return order


def read_answer(data: bytes) -> Answer:
    """Return an answer: the worker may have been taken over by what it reads. Raises ValueError for what is none."""
    if len(data) > MAX_BYTES:
        raise ValueError("too long for an answer")
    answer: Answer = _ANSWERS.decode(data)
    if isinstance(answer, Ready) and answer.v != VERSION:
        raise ValueError(f"answers of version {answer.v}")
    if isinstance(answer, Closed | Recovered):
        facts = answer.facts
        name = facts.label.name
        if facts.recovered:
            name = name.replace(".", f"{RECOVERED}.")
        if facts.name != name or answer.whole != bool(facts.fragments):
            raise ValueError("a file that is called otherwise than its label says, or without fragments")
    return answer
