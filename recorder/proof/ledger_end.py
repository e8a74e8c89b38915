"""Finds the end of the server's own ledger after a start, so that it can be gone on with. Core: no I/O.

The ledger is written a checkpoint, a key, or the tokens of a moment at a time, and each such write is on disk before
the next begins. So a crash can spoil only what stands behind the last checkpoint but one: that much is looked at, line
by line, and cut from the first line on that is not as it was written. Signatures are not looked at, and nothing before:
that is for verification.
"""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from msgspec import UNSET

from recorder.proof import lines
from recorder.proof.errors import ChainDamaged, ProofError
from recorder.proof.ledger import NOTHING_BEFORE, Entry, link_of, parse, response_digest
from recorder.proof.ledger_reading import Checkpoint
from recorder.proof.lines import Line
from recorder.proof.signing import key_name

# As canonical JSON has them; in a string the quotes would be escaped, so nothing else looks like this.
_KEY, _CHECKPOINT = b'"kind":"key"', b'"kind":"checkpoint"'


@dataclass(slots=True)
class LedgerEnd:
    """What the next line needs to know, and whoever goes on with the log."""

    n: int = 0
    prev: str = NOTHING_BEFORE
    length: int = 0
    """To which the file is to be cut."""
    keys: list[str] = field(default_factory=list)
    """The names of all keys in their order."""
    key_at: int = 0
    """Since when the last of them is in force, microseconds UTC."""
    checkpoint: Checkpoint | None = None
    """The last."""
    tokens: list[str] = field(default_factory=list)
    """Digests of the responses behind it: their leaves may not be in the log yet."""


def read_end(pieces: Iterable[bytes]) -> LedgerEnd:
    """Read a ledger's file, given in pieces. Raises ChainDamaged where something is wrong that no crash explains."""
    keys: list[Line] = []
    before: list[Line] = []
    since: list[Line] = []
    for line in lines.split(pieces):
        if _CHECKPOINT in line.text:
            before, since = since, []
        if _KEY in line.text:
            keys.append(line)
        since.append(line)
    window = before + since
    end = LedgerEnd()
    if window and window[0].number > 1:
        first = _parse(window[0])
        if first is None:
            raise ChainDamaged(window[0].number, "unreadable before the last checkpoint")
        end.n, end.prev = first.n, first.prev
    for at, line in enumerate(window):
        entry = _parse(line)
        if entry is None or (entry.n, entry.prev) != (end.n, end.prev):
            # A write that was not finished leaves no whole line first that leads nowhere.
            if entry is not None or any(_is_checkpoint(later) for later in window[at + 1 :]):
                raise ChainDamaged(line.number, "altered before the last checkpoint")
            break
        end.n, end.prev, end.length = end.n + 1, link_of(line.text), line.end
        _note(end, entry, line)
    for line in keys:
        entry = _parse(line) if line.end <= end.length else None
        if entry is not None and entry.algorithm is not UNSET and entry.public is not UNSET:
            end.keys.append(key_name(entry.algorithm, bytes.fromhex(entry.public)))
            end.key_at = entry.at
    return end


def _parse(line: Line) -> Entry | None:
    if line.torn:
        return None
    try:
        return parse(line.text).record
    except ProofError:
        return None


def _is_checkpoint(line: Line) -> bool:
    entry = _parse(line)
    return entry is not None and entry.kind == "checkpoint"


def _note(end: LedgerEnd, entry: Entry, line: Line) -> None:
    if entry.log is not UNSET and entry.size is not UNSET and entry.root is not UNSET:
        name, root = hashlib.sha256(line.text).hexdigest(), bytes.fromhex(entry.root)
        end.checkpoint = Checkpoint(entry.log, entry.size, root, entry.at, line.text, name, line.number)
        end.tokens.clear()
    elif entry.response is not UNSET:
        try:
            end.tokens.append(response_digest(base64.b64decode(entry.response)))
        except ValueError as error:
            raise ChainDamaged(line.number, "not base64") from error
