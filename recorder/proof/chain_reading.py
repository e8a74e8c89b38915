"""Reads a chain and says what is wrong with it. Core: no I/O.

A record is compared with the one before it and, where its content is there, with that. It counts once a head behind it
vouches for it over unbroken links; what no head vouches for is kept apart, and a deletion or closure there is none.
After something bad, reading goes on with what the next line says of itself, so each damage is named where it is, and
costs no more than what stands between two heads. The keys are those that the ledger has proved (`ledger`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import UNSET

from recorder.proof import canonical, lines, records
from recorder.proof.digests import SHA256_ONLY, Algorithm, Digests, names_of, tagged
from recorder.proof.errors import ProofError
from recorder.proof.findings import Code, Finding, State
from recorder.proof.ledger_reading import Key
from recorder.proof.records import Deletion, Recorded, RecordedLine, Segment, Signed, SignedLine
from recorder.proof.signing import is_signed

MAX_FINDINGS = 1_000
"""Of one chain; a file of a million bad lines is altered, and that is enough."""


@dataclass(slots=True)
class ChainRead:
    """What a chain says, as far as it is proved."""

    session: str
    findings: list[Finding] = field(default_factory=list)
    segments: dict[int, Segment] = field(default_factory=dict)
    unvouched: list[tuple[int, Segment]] = field(default_factory=list)
    """Segments as their records say, for which no head vouches."""
    deleted: dict[int, str] = field(default_factory=dict)
    """Records that a deletion names, with its policy."""
    withheld: list[int] = field(default_factory=list)
    signed: dict[int, Digests] = field(default_factory=dict)
    """Heads and rotations whose signatures hold, by n."""
    times: dict[int, int] = field(default_factory=dict)
    """What those say of when they were made, microseconds UTC."""
    closed_at: int | None = None
    """The n of the closure."""
    length: int = 0
    """How many records there are, bad ones counted."""
    algorithms: tuple[Algorithm, ...] = SHA256_ONLY


def read_chain(session: str, pieces: Iterable[bytes], keys: Mapping[str, Key]) -> ChainRead:
    """Read a chain's file, given in pieces of any size. Raises nothing: what is wrong is among the findings."""
    reader = _Reader(session, keys)
    for line in lines.split(pieces):
        reader.take(line)
    return reader.finish()


class _Reader:
    def __init__(self, session: str, keys: Mapping[str, Key]) -> None:
        self._read = ChainRead(session)
        self._keys = keys
        self._n = 0
        self._prev: Digests | None = None
        """Of the record before; None where that is not known."""
        self._algorithms: tuple[Algorithm, ...] | None = None
        self._key: str | None = None
        self._unsigned_from: int | None = None
        self._pending: list[tuple[int, Segment | Deletion | None]] = []
        """What waits for a head, over unbroken links; None is a closure."""
        self._is_closed = False
        self._more = 0

    def take(self, line: lines.Line) -> None:
        """Read the next line."""
        if line.torn:
            self._find("incomplete", "line-torn", line, self._n)
            return
        try:
            parsed = records.parse(line.text)
        except ProofError as error:
            self._find("altered", "line-unreadable", line, self._n, detail=str(error)[:200])
            self._give_up_pending()
            self._n, self._prev = self._n + 1, None
            return
        record = parsed.record
        if self._is_closed and record.kind not in records.AFTER_CLOSURE:
            self._find("altered", "after-closure", line, self._n)
        place = self._follow(record, line)
        if isinstance(parsed, SignedLine):
            self._take_signed(parsed, line, place)
        else:
            self._take_recorded(parsed, line, place)

    def finish(self) -> ChainRead:
        """Say what only the end shows."""
        read = self._read
        self._give_up_pending()
        read.length = self._n
        if self._n == 0:
            self._find("incomplete", "empty", None, None)
        elif self._unsigned_from is not None:
            count = self._n - self._unsigned_from
            self._find("incomplete", "unsigned-end", None, self._unsigned_from, count=count)
        if self._n and read.closed_at is None:
            self._find("incomplete", "not-closed", None, None)
        hidden = [n for n in read.withheld if n not in read.deleted]
        if hidden:
            self._find("unknown", "withheld", None, hidden[0], count=len(hidden))
        if self._more:
            read.findings.append(
                Finding(state="altered", code="more", place="chain", session=read.session, count=self._more)
            )
        vouched = self._n if self._unsigned_from is None else self._unsigned_from
        if vouched and all(finding.state in ("unknown", "incomplete") for finding in read.findings):
            self._find("intact", "chain-intact", None, None, count=vouched, detail=names_of(read.algorithms))
        return read

    def _follow(self, record: Recorded | Signed, line: lines.Line) -> int | None:
        """Compare a record with what is before it; returns its n, or None where it does not stand where it should."""
        if record.session != self._read.session:
            self._find("altered", "session-wrong", line, self._n)
        if self._algorithms is None:
            self._algorithms = self._read.algorithms = record.prev.algorithms
            self._prev = records.begin_of(self._read.session, self._algorithms)
        is_next = self._prev is not None and record.prev == self._prev
        if record.n > self._n and not is_next:
            self._find("missing", "lines-absent", line, self._n, count=record.n - self._n)
            self._give_up_pending()
            self._n = record.n
        elif record.n != self._n:
            self._find("altered", "order-broken", line, self._n, detail=f"says {record.n}")
            if not is_next:
                return None  # a line from further above, or made to look so
        elif self._prev is not None and not is_next:
            self._find("altered", "link-broken", line, record.n)
            self._give_up_pending()
        self._n, self._prev = self._n + 1, records.hash_of(record)
        return self._n - 1

    def _give_up_pending(self) -> None:
        self._read.unvouched += [(n, content) for n, content in self._pending if isinstance(content, Segment)]
        self._pending.clear()

    def _vouch(self) -> None:
        """A head holds: what it vouches for counts."""
        read = self._read
        for n, content in self._pending:
            if isinstance(content, Segment):
                read.segments[n] = content
            elif isinstance(content, Deletion):
                for earlier in content.records:
                    if earlier < n:
                        read.deleted.setdefault(earlier, content.policy)
            else:
                read.closed_at = n
        self._pending.clear()
        self._unsigned_from = None

    def _take_signed(self, parsed: SignedLine, line: lines.Line, place: int | None) -> None:
        if place is None:
            return
        record = parsed.record
        key = self._keys.get(record.key)
        if key is None or record.key != (self._key or record.key):
            self._find("altered", "key-unknown", line, place)
            return
        data = tagged("record", canonical.encode_again(record))
        if not is_signed(key.algorithm, key.public, data, bytes.fromhex(parsed.signature)):
            self._find("altered", "signature-wrong", line, place)
            return
        self._key = record.key
        if record.next is not UNSET:
            successor = self._keys.get(record.next)
            if successor is None or successor.order <= key.order:
                self._find("altered", "key-unknown", line, place)
            else:
                self._key = record.next
        self._read.signed[place] = records.hash_of(record)
        self._read.times[place] = record.at
        self._vouch()

    def _take_recorded(self, parsed: RecordedLine, line: lines.Line, place: int | None) -> None:
        record = parsed.record
        if place is not None and self._unsigned_from is None:
            self._unsigned_from = place
        if place is not None and record.kind == "closure":
            self._is_closed = True
            self._pending.append((place, None))
        if parsed.content is UNSET or parsed.salt is UNSET:
            self._read.withheld.append(self._n - 1 if place is None else place)
            return
        text, salt = canonical.encode_again(parsed.content), bytes.fromhex(parsed.salt)
        if records.content_digests(text, salt, record.digest.algorithms) != record.digest:
            self._find("altered", "content-altered", line, place)
            return
        try:
            self._note(record, parsed.content, place)
        except msgspec.ValidationError as error:
            self._find("altered", "content-unusable", line, place, detail=str(error)[:200])

    def _note(self, record: Recorded, content: dict[str, Any], place: int | None) -> None:
        if record.kind == "segment":
            segment = msgspec.convert(content, Segment)
            if place is None:
                self._read.unvouched.append((record.n, segment))
            else:
                self._pending.append((place, segment))
        elif record.kind == "deletion" and place is not None:
            self._pending.append((place, msgspec.convert(content, Deletion)))

    def _find(
        self,
        state: State,
        code: Code,
        line: lines.Line | None,
        record: int | None,
        *,
        count: int | None = None,
        detail: str = "",
    ) -> None:
        if len(self._read.findings) >= MAX_FINDINGS:
            self._more += 1
            return
        self._read.findings.append(
            Finding(
                state=state,
                code=code,
                place="chain",
                session=self._read.session,
                line=UNSET if line is None else line.number,
                record=UNSET if record is None else record,
                count=UNSET if count is None else count,
                detail=detail,
            )
        )
