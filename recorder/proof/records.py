"""The chain of one session: its lines, what is hashed, what is signed. Core: no I/O.

A chain is a file of lines (`lines`). A line is one of

    {"content": {...}, "record": {...}, "salt": "64 hex"}    something recorded
    {"record": {...}}                                        the same, its content withheld
    {"record": {...}, "signature": "128 hex"}                a head or a rotation

The record of something recorded:

    v        1
    n        0 for the first of the chain, one more each
    session  the session
    kind     opening (only n 0), segment, event, mark, pause, resume, deletion, closure
    digest   sum("content", salt, content) with the salt's 32 bytes and the content's canonical bytes (`digests`)
    prev     sum("record", record) of the record before, by its canonical bytes; of n 0, sum("chain", session)

The record of a head or a rotation has v, n, session, kind, prev and

    at       microseconds UTC
    key      the name of the key that signed it (`signing`)
    next     of a rotation: the name of the key that signs everything after it

and `signature` is by `key` over "huishang/record/1" LF and the record's canonical bytes. A head vouches for all before
it.

Every digest is {"sha256": hex} or, throughout a chain, {"sha256": hex, "sm3": hex}.

The salt is 32 bytes by chance, new for every record. Whoever is shown a chain in which some contents are withheld sees
that something of that kind stood there, can prove that the chain is whole, and cannot try out what it may have been:
without the salt even a content with three possible values is as hidden as one by chance. Content and salt may be taken
out of a line later, for a bundle or by policy, and nothing else of the chain changes.
"""

import secrets
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from recorder.proof import canonical, lines
from recorder.proof.digests import Algorithm, Digests, Hex64, sum_of
from recorder.proof.errors import NotARecord

VERSION: Final = 1
SALT_BYTES = 32
Whole = Annotated[int, Meta(ge=0, le=canonical.MAX_INTEGER)]
Session = Annotated[str, Meta(pattern=r"^[0-9A-Za-z_-]{1,64}\Z")]
Signature = Annotated[str, Meta(pattern=r"^[0-9a-f]{128}\Z")]
Name = Annotated[str, Meta(min_length=1, max_length=256)]
RecordedKind = Literal["opening", "segment", "event", "mark", "pause", "resume", "deletion", "closure"]
SignedKind = Literal["head", "rotation"]
#: What may still come after a closure.
AFTER_CLOSURE = ("deletion", "head", "rotation")


class Recorded(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The record of something recorded."""

    v: Literal[1] = VERSION
    n: Whole
    session: Session
    kind: RecordedKind
    digest: Digests
    prev: Digests


class Signed(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The record of a head or a rotation."""

    v: Literal[1] = VERSION
    n: Whole
    session: Session
    kind: SignedKind
    prev: Digests
    at: Whole
    key: Hex64
    next: Hex64 | UnsetType = UNSET


class RecordedLine(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Something recorded; content and salt are both there or both withheld."""

    record: Recorded
    content: dict[str, Any] | UnsetType = UNSET
    salt: Hex64 | UnsetType = UNSET


class SignedLine(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A head or a rotation."""

    record: Signed
    signature: Signature


class Segment(Struct, frozen=True, kw_only=True):
    """The content of kind segment; more members are allowed. Times are microseconds UTC, `end` exclusive.

    `file` is relative to the recordings' root, with slashes, and may be named by other chains too; `digest` is of the
    whole file, plainly (`digests`).
    """

    track: Name
    file: Name
    start: Whole
    end: Whole
    bytes: Whole
    digest: Digests


class Deletion(Struct, frozen=True, kw_only=True):
    """The content of kind deletion: `records` by their n, whose files or contents are taken away, by which policy."""

    at: Whole
    policy: Name
    records: Annotated[list[Whole], Meta(min_length=1, max_length=10_000)]


def parse(text: bytes) -> RecordedLine | SignedLine:
    """Read a line without its LF. Raises NotCanonical, NotARecord; nothing of it has been proved yet."""
    value = lines.fields(text)
    try:
        if "signature" in value:
            return _of_signed(msgspec.convert(value, SignedLine))
        line = msgspec.convert(value, RecordedLine)
    except msgspec.ValidationError as error:
        raise NotARecord(str(error)) from error
    if (line.content is UNSET) != (line.salt is UNSET):
        raise NotARecord("content and salt go together")
    if (line.record.kind == "opening") != (line.record.n == 0):
        raise NotARecord("an opening begins a chain")
    if line.record.digest.algorithms != line.record.prev.algorithms:
        raise NotARecord("digests by different algorithms")
    return line


def _of_signed(line: SignedLine) -> SignedLine:
    if (line.record.kind == "rotation") != (line.record.next is not UNSET):
        raise NotARecord("a rotation names the next key, and nothing else does")
    return line


def check_session(session: str) -> None:
    """Raise NotARecord where this cannot name a session."""
    try:
        msgspec.convert(session, Session)
    except msgspec.ValidationError as error:
        raise NotARecord(f"session: {error}") from error


def begin_of(session: str, algorithms: tuple[Algorithm, ...]) -> Digests:
    """Give what stands as `prev` in a chain's first record."""
    return sum_of("chain", session.encode(), algorithms=algorithms)


def hash_of(record: Recorded | Signed) -> Digests:
    """Give the digests that the next record holds of this one."""
    return sum_of("record", canonical.encode_again(record), algorithms=record.prev.algorithms)


def content_digests(content: bytes, salt: bytes, algorithms: tuple[Algorithm, ...]) -> Digests:
    """Give the digests that stand for a content, by its canonical bytes."""
    return sum_of("content", salt, content, algorithms=algorithms)


def new_salt() -> bytes:
    """Give a salt that nobody can guess."""
    return secrets.token_bytes(SALT_BYTES)


def withheld(text: bytes) -> bytes:
    """Give a line, without LF, as it stands where its content is withheld. Raises NotCanonical, NotARecord."""
    line = parse(text)
    return canonical.encode({"record": msgspec.to_builtins(line.record)}) if isinstance(line, RecordedLine) else text
