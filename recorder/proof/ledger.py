"""The server's ledger: its keys, the checkpoints of its Merkle log, and the tokens that outside witnesses gave. Core.

One file of lines (`lines`), each {"record": {...}, "signature": "128 hex"}. Every record has

    v       1
    n       0 for the first, one more each
    kind    key, checkpoint or token
    at      microseconds UTC
    key     the name of the key that signed it (`signing`)
    prev    SHA-256("huishang/ledger/1" LF line) of the line before, without its LF; 64 zeros in the first

and `signature` is over "huishang/entry/1" LF and the record's canonical bytes. The kinds add

    key         algorithm, public (hex). The first line is the server's first key, signed by itself. Each later one is
                signed by the key before and is in force from the line after; its chains go on with a rotation.
    checkpoint  log (whose log), size (leaves), root (hex, `merkle`)
    token       checkpoint (SHA-256 of the checkpoint's line without LF), response (base64 of the TimeStampResp in DER,
                RFC 3161 section 2.4.2)

What an authority stamps is the line of a checkpoint without its LF: `openssl ts -verify -data` takes just that, and a
token proves root and signature. A bundle holds an excerpt: all keys, and the checkpoints and tokens that it needs.
Absent lines are told, not held against it.
"""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from recorder.proof import canonical, lines
from recorder.proof.digests import Hex64, tagged
from recorder.proof.errors import NotARecord, ProofError
from recorder.proof.findings import Code, Finding, State
from recorder.proof.records import Name, Signature, Whole
from recorder.proof.signing import Signer, is_signed, key_name, name_of

NOTHING_BEFORE = "0" * 64
MAX_TOKEN_BYTES = 1 << 16
MAX_FINDINGS = 1_000


class Entry(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The record of a line; the members below belong to one kind each."""

    v: Literal[1] = 1
    n: Whole
    kind: Literal["key", "checkpoint", "token"]
    at: Whole
    key: Hex64
    prev: Hex64
    algorithm: Annotated[str, Meta(max_length=32)] | UnsetType = UNSET
    public: Annotated[str, Meta(pattern=r"^([0-9a-f]{2}){1,128}\Z")] | UnsetType = UNSET
    log: Name | UnsetType = UNSET
    size: Whole | UnsetType = UNSET
    root: Hex64 | UnsetType = UNSET
    checkpoint: Hex64 | UnsetType = UNSET
    response: Annotated[str, Meta(max_length=MAX_TOKEN_BYTES * 4 // 3 + 4)] | UnsetType = UNSET


_MEMBERS = {
    "key": {"algorithm", "public"},
    "checkpoint": {"log", "size", "root"},
    "token": {"checkpoint", "response"},
}
_EVERY = {"v", "n", "kind", "at", "key", "prev"}


class LedgerLine(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A line as it stands in the file."""

    record: Entry
    signature: Signature


@dataclass(frozen=True, slots=True)
class Key:
    """A public key that the ledger vouches for; `order` counts the keys from 0."""

    name: str
    algorithm: str
    public: bytes
    order: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed root. `stamped` is what authorities stamp; `name` its SHA-256."""

    log: str
    size: int
    root: bytes
    at: int
    stamped: bytes
    name: str
    line: int


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is kept, not checked yet (`tokens`)."""

    checkpoint: str
    response: bytes
    line: int


@dataclass(slots=True)
class LedgerRead:
    """What a ledger says, as far as its signatures hold."""

    findings: list[Finding] = field(default_factory=list)
    keys: dict[str, Key] = field(default_factory=dict)
    checkpoints: dict[str, Checkpoint] = field(default_factory=dict)
    tokens: list[Token] = field(default_factory=list)

    def token_digests(self) -> set[str]:
        """Give SHA-256 of each response, as the tokens' leaves have it."""
        return {response_digest(token.response) for token in self.tokens}


class Ledger:
    """The end of a ledger: gives lines, which the caller appends and brings to disk in this order."""

    def __init__(self, signer: Signer, n: int = 0, prev: str = NOTHING_BEFORE) -> None:
        """Begin one (`first_key` is to come first), or go on with what `resume` found."""
        self._signer = signer
        self._n = n
        self._prev = prev

    @classmethod
    def resume(cls, signer: Signer, pieces: Iterable[bytes]) -> tuple["Ledger", int]:
        """Go on with a ledger on disk; returns it and the length to which its file is to be cut.

        `signer` is the one that `keys.key_in_force` gives. Nothing is checked here: verification does.
        """
        n, prev, length = 0, NOTHING_BEFORE, 0
        for line in lines.split(pieces):
            if line.torn:
                break
            n, prev, length = n + 1, _link(line.text), line.end
        return cls(signer, n, prev), length

    def first_key(self, at: int) -> bytes:
        """Give the first line: the key that signs it."""
        return self._key(self._signer, at)

    def rotate(self, signer: Signer, at: int) -> bytes:
        """Give the line in which the key so far names the next, which signs from the line after."""
        line = self._key(signer, at)
        self._signer = signer
        return line

    def checkpoint(self, log: str, size: int, root: bytes, at: int) -> bytes:
        """Give the line of a checkpoint; without its LF it is what authorities are to stamp."""
        return self._line("checkpoint", at, {"log": log, "size": size, "root": root.hex()})

    def token(self, stamped: bytes, response: bytes, at: int) -> bytes:
        """Give the line that keeps an authority's response over `stamped`."""
        if len(response) > MAX_TOKEN_BYTES:
            raise NotARecord(f"a token of {len(response)} bytes")
        name, text = hashlib.sha256(stamped).hexdigest(), base64.b64encode(response).decode()
        return self._line("token", at, {"checkpoint": name, "response": text})

    def _key(self, signer: Signer, at: int) -> bytes:
        return self._line("key", at, {"algorithm": signer.algorithm, "public": signer.public.hex()})

    def _line(self, kind: str, at: int, members: dict[str, Any]) -> bytes:
        record = {"v": 1, "n": self._n, "kind": kind, "at": at, "key": name_of(self._signer), "prev": self._prev}
        record |= members
        signature = self._signer.sign(tagged("entry", canonical.encode(record)))
        text = lines.line({"record": record, "signature": signature.hex()})
        self._n, self._prev = self._n + 1, _link(text[:-1])
        return text


def read_ledger(pieces: Iterable[bytes], pinned: str | None = None, *, is_whole: bool = False) -> LedgerRead:
    """Read a ledger's file, given in pieces. `pinned`: the first key's name as somebody outside knows it.

    `is_whole`: it is the server's own, from which no line may be absent; otherwise it may be a bundle's.
    """
    reader = _Reader(is_whole)
    for line in lines.split(pieces):
        reader.take(line)
    read = reader.finish()
    first = next((key.name for key in read.keys.values() if key.order == 0), None)
    if pinned is None:
        read.findings.append(Finding(state="unknown", code="key-unpinned", place="ledger", detail=first or ""))
    elif first != pinned:
        read.findings.append(Finding(state="altered", code="key-not-pinned-one", place="ledger", detail=first or ""))
    return read


def response_digest(response: bytes) -> str:
    """Name a token as its leaf in the log does."""
    return hashlib.sha256(response).hexdigest()


def parse(text: bytes) -> LedgerLine:
    """Read a line without its LF. Raises NotCanonical, NotARecord."""
    value = lines.fields(text)
    try:
        line = msgspec.convert(value, LedgerLine)
    except msgspec.ValidationError as error:
        raise NotARecord(str(error)) from error
    if set(value["record"]) != _EVERY | _MEMBERS[line.record.kind]:
        raise NotARecord(f"not the members of a {line.record.kind}")
    return line


def _link(text: bytes) -> str:
    return hashlib.sha256(tagged("ledger", text)).hexdigest()


class _Reader:
    def __init__(self, is_whole: bool) -> None:
        self._is_whole = is_whole
        self._read = LedgerRead()
        self._n = 0
        self._prev: str | None = NOTHING_BEFORE
        self._key: Key | None = None
        self._absent = 0
        self._sound = 0
        self._more = 0

    def take(self, line: lines.Line) -> None:
        """Read the next line."""
        if line.torn:
            self._find("incomplete", "line-torn", line, self._n)
            return
        try:
            parsed = parse(line.text)
        except ProofError as error:
            self._find("altered", "line-unreadable", line, self._n, str(error)[:200])
            self._n, self._prev = self._n + 1, None
            return
        record = parsed.record
        if record.n > self._n and self._is_whole:
            self._find("missing", "lines-absent", line, self._n)
        elif record.n > self._n:
            self._absent += record.n - self._n
        elif record.n < self._n:
            self._find("altered", "order-broken", line, record.n)
        elif self._prev is not None and record.prev != self._prev:
            self._find("altered", "link-broken", line, record.n)
        self._n, self._prev = record.n + 1, _link(line.text)
        self._take_signed(parsed, line)

    def finish(self) -> LedgerRead:
        """Say what only the end shows."""
        if self._absent:
            self._read.findings.append(
                Finding(state="unknown", code="ledger-excerpt", place="ledger", count=self._absent)
            )
        if self._more:
            self._read.findings.append(Finding(state="altered", code="more", place="ledger", count=self._more))
        elif self._sound and all(finding.state in ("unknown", "incomplete") for finding in self._read.findings):
            self._read.findings.append(Finding(state="intact", code="ledger-intact", place="ledger", count=self._sound))
        return self._read

    def _take_signed(self, parsed: LedgerLine, line: lines.Line) -> None:
        record = parsed.record
        named = self._named(record, len(self._read.keys)) if record.kind == "key" else None
        signer = self._key or named
        if signer is None or record.key != signer.name:
            self._find("altered", "key-unknown", line, record.n)
            return
        data = tagged("entry", canonical.encode_again(record))
        if not is_signed(signer.algorithm, signer.public, data, bytes.fromhex(parsed.signature)):
            self._find("altered", "signature-wrong", line, record.n)
            return
        self._sound += 1
        if named is not None:
            self._key = self._read.keys[named.name] = self._read.keys.get(named.name, named)
        elif record.kind == "checkpoint":
            self._note_checkpoint(record, line)
        else:
            self._note_token(record, line)

    def _named(self, record: Entry, order: int) -> Key:
        assert record.algorithm is not UNSET and record.public is not UNSET
        public = bytes.fromhex(record.public)
        return Key(key_name(record.algorithm, public), record.algorithm, public, order)

    def _note_checkpoint(self, record: Entry, line: lines.Line) -> None:
        assert record.log is not UNSET and record.size is not UNSET and record.root is not UNSET
        name = hashlib.sha256(line.text).hexdigest()
        self._read.checkpoints[name] = Checkpoint(
            record.log, record.size, bytes.fromhex(record.root), record.at, line.text, name, line.number
        )

    def _note_token(self, record: Entry, line: lines.Line) -> None:
        assert record.checkpoint is not UNSET and record.response is not UNSET
        try:
            response = base64.b64decode(record.response, validate=True)
        except ValueError:
            self._find("altered", "line-unreadable", line, record.n, "not base64")
            return
        self._read.tokens.append(Token(record.checkpoint, response, line.number))

    def _find(self, state: State, code: Code, line: lines.Line, record: int, detail: str = "") -> None:
        if len(self._read.findings) >= MAX_FINDINGS:
            self._more += 1
            return
        self._read.findings.append(
            Finding(state=state, code=code, place="ledger", line=line.number, record=record, detail=detail)
        )
