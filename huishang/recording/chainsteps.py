"""Reads on in the chains of a recordings' root, a bounded step at a time, as far as they are signed.

Shell, reading only, of any thread. Signatures are not checked: that is verification, and the book signs what it writes.
A chain is known again by what ends at the place where reading stopped: every record has the hash of the one before it,
so another history has other bytes there.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dispatch.store.segments import Deletion, Place, SegmentRow, Step
from huishang.recording.chainrows import row_of
from recorder.book.layout import Layout
from recorder.proof import lines, records
from recorder.proof.errors import NotARecord, ProofError
from recorder.proof.records import RecordedLine, SignedLine

#: Of one step: lines, or records that deletions name, and bytes of chains; but one line at least.
MOST_ROWS = 500
MOST_BYTES = 1 << 20
PIECE_BYTES = 1 << 18
#: What is digested to know a chain again: more than a head's line has.
TAIL_BYTES = 1 << 12
_MOST = (1 << 63) - 1


@dataclass(slots=True)
class Found:
    """What reading on in some chains has found."""

    steps: list[Step] = field(default_factory=list)
    more: dict[str, int] = field(default_factory=dict)
    """Chains that are to be looked at again, those first that had no turn, and how far each is known to be signed."""
    changed: list[str] = field(default_factory=list)
    """Chains that are not those whose places these were: gone, put back from a copy, or with contents taken out."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Chains that cannot be read, and why."""
    unfit: int = 0
    """Lines that cannot be used."""


@dataclass(slots=True)
class _Room:
    rows: int
    bytes: int

    @property
    def is_full(self) -> bool:
        return self.rows <= 0 or self.bytes <= 0


def sessions_of(layout: Layout) -> list[str] | None:
    """Name the sessions of a root; None where it has no folder for them. Raises OSError."""
    try:
        return [name for name in os.listdir(layout.sessions) if _is_session(name) and layout.chain(name).exists()]
    except FileNotFoundError:
        return None


def read_on(layout: Layout, due: Mapping[str, int], places: Mapping[str, Place]) -> Found:
    """Read the next step of these chains, one after another until it is full. Raises nothing."""
    found, room = Found(), _Room(MOST_ROWS, MOST_BYTES)
    waiting: dict[str, int] = {}
    for session, signed in due.items():
        if room.is_full:
            waiting[session] = signed
            continue
        try:
            _read_on(layout, session, places.get(session), signed, found, room)
        except FileNotFoundError:
            found.changed.append(session)
        except OSError as error:
            found.unreadable[session] = error.strerror or str(error)
    found.more = waiting | found.more
    return found


def _read_on(layout: Layout, session: str, place: Place | None, signed: int, found: Found, room: _Room) -> None:
    fd = os.open(layout.chain(session), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(None, "not a plain file")
        here = place or Place(session=session)
        if _tail(fd, here.position) != here.tail:
            found.changed.append(session)
            return
        is_known = signed > here.position
        if not is_known:
            signed = _signed_end(fd, session, here.position)
        if signed <= here.position:
            return
        step = _step(fd, place, here, signed, found, room)
    finally:
        os.close(fd)
    if step is not None:
        found.steps.append(step)
        if is_known or step.after.position < signed:
            found.more[session] = signed


def _step(fd: int, before: Place | None, here: Place, signed: int, found: Found, room: _Room) -> Step | None:
    position, record = here.position, here.record
    segments: list[SegmentRow] = []
    deletions: list[Deletion] = []
    for line in lines.split(_pieces(fd, here.position, signed)):
        if line.torn:  # it was cut since its end was found
            break
        room.rows -= 1
        room.bytes -= here.position + line.end - position
        position = here.position + line.end
        try:
            n, row = _taken(line.text, here.session, record)
        except ProofError:
            found.unfit += 1
        else:
            record = n + 1
            if isinstance(row, SegmentRow):
                segments.append(row)
            elif row is not None:
                deletions.append(row)
                room.rows -= len(row.records)
        if room.is_full:
            break
    if position == here.position:
        return None
    after = Place(session=here.session, position=position, record=record, tail=_tail(fd, position))
    return Step(before=before, after=after, segments=segments, deletions=deletions)


def _taken(text: bytes, session: str, least: int) -> tuple[int, SegmentRow | Deletion | None]:
    """Return a line's n and what it is in the index. Raises ProofError."""
    line = records.parse(text)
    if line.record.session != session or line.record.n < least:
        raise NotARecord("not a line of this chain, or not in its place")
    return line.record.n, row_of(line) if isinstance(line, RecordedLine) else None


def _signed_end(fd: int, session: str, start: int) -> int:
    """Return where the last head behind `start` ends, or `start`."""
    end = start
    for line in lines.split(_pieces(fd, start, _MOST)):
        if line.text.startswith(b'{"record":') and not line.torn and _is_signed(line.text, session):
            end = start + line.end
    return end


def _is_signed(text: bytes, session: str) -> bool:
    try:
        line = records.parse(text)
    except ProofError:
        return False
    return isinstance(line, SignedLine) and line.record.session == session


def _tail(fd: int, position: int) -> str:
    """Digest what ends at a place; "" for the beginning and for a place beyond the end."""
    size = min(position, TAIL_BYTES)
    data = b"".join(_pieces(fd, position - size, position))
    return hashlib.sha256(data).hexdigest() if data and len(data) == size else ""


def _pieces(fd: int, start: int, end: int) -> Iterator[bytes]:
    while piece := os.pread(fd, min(PIECE_BYTES, end - start), start):
        yield piece
        start += len(piece)


def _is_session(name: str) -> bool:
    try:
        records.check_session(name)
    except NotARecord:
        return False
    return True
