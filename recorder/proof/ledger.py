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
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from recorder.proof import canonical, lines
from recorder.proof.digests import Hex64, tagged
from recorder.proof.errors import NotARecord
from recorder.proof.records import Name, Signature, Whole
from recorder.proof.signing import Signer, name_of

NOTHING_BEFORE = "0" * 64
MAX_TOKEN_BYTES = 1 << 16


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


class Ledger:
    """The end of a ledger: gives lines, which the caller appends and brings to disk in this order."""

    def __init__(self, signer: Signer, n: int = 0, prev: str = NOTHING_BEFORE) -> None:
        """Begin one (`first_key` is to come first), or go on with what `ledger_end` found."""
        self._signer = signer
        self._n = n
        self._prev = prev

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
        self._n, self._prev = self._n + 1, link_of(text[:-1])
        return text


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


def link_of(text: bytes) -> str:
    """Give what the next line holds of this one, given without its LF."""
    return hashlib.sha256(tagged("ledger", text)).hexdigest()
