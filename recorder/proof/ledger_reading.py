"""Reads a ledger: which keys it vouches for, and what they signed. Core: no I/O.

Each line is compared with the one before and held to its signature, by the key in force there. What it says counts only
then; what is wrong is among the findings. Tokens are only taken out here, `stamps` checks them.
"""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from msgspec import UNSET

from recorder.proof import canonical, lines
from recorder.proof.digests import tagged
from recorder.proof.errors import ProofError
from recorder.proof.findings import Code, Finding, State
from recorder.proof.ledger import NOTHING_BEFORE, Entry, LedgerLine, link_of, parse, response_digest
from recorder.proof.signing import is_signed, key_name

MAX_FINDINGS = 1_000


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
        self._n, self._prev = record.n + 1, link_of(line.text)
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
