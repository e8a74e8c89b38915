"""Opus copies of segments over HTTP: which there may be, and a copy as the row of a segment with another file.

A copy's row has the length, the head and the name that the copy will have, so playlists and parts of files need not
wait for it. Whoever asks here has been let in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import msgspec

from dispatch.store.segments import SegmentRow
from recorder.copies import CopyError, CopyUnfit
from recorder.copies.copies import Copies, Originals
from recorder.copies.plan import MIME, RATES, RECIPE, Plan, plan_of
from signaling.http.problem import Problem
from signaling.http.segmentfile import OpenFile, open_segment

OPUS: Final = "opus"
#: A file that begins within this of another's end goes on with its sound.
_FOLLOWS_US: Final = 20_000
_NEIGHBOURS: Final = 8


class Copy(msgspec.Struct, frozen=True, kw_only=True):
    """A copy that may be asked for: by which `copy=`, and what it is to a player."""

    codec: str
    mime: str


_COPY: Final = Copy(codec=OPUS, mime=MIME)


class Neighbours(Protocol):
    """The index of what recordings hold. Raises Unavailable while the database is gone."""

    async def segments(
        self, session: str, from_us: int, to_us: int, *, track: str = "", after: tuple[str, int] = ("", 0), limit: int
    ) -> list[SegmentRow]: ...


def copy_told(codec: str) -> Copy | None:
    """Return the copy that there may be of what is recorded in a codec."""
    return _COPY if codec in RATES else None


def row_of_copy(row: SegmentRow, digest: str = "") -> SegmentRow:
    """Return the row of a copy; `digest` names its content. Raises Problem for what is not copied."""
    plan = _plan(row)
    file = str(Path(row.file).with_suffix(".mp4"))
    return msgspec.structs.replace(
        row, codec=OPUS, mime=MIME, file=file, bytes=plan.bytes, head_bytes=plan.head_bytes, sha256=digest
    )


def listed(row: SegmentRow) -> tuple[SegmentRow, str]:
    """Return what a playlist names of a segment, and which copy that is: the segment itself where there is none."""
    if row.codec not in RATES:
        return row, ""
    try:
        return row_of_copy(row), OPUS
    except Problem:
        return row, ""


class CopyDesk:
    """Gives copies. `root`: of the recordings' files."""

    def __init__(self, copies: Copies, index: Neighbours, root: Path) -> None:
        self._copies = copies
        self._index = index
        self._root = root

    async def find(self, row: SegmentRow) -> CopyOf:
        """Return the copy of a segment, which need not be there yet. Raises Problem, Unavailable."""
        _plan(row)
        near = await self._index.segments(
            row.session, row.t0_us - _FOLLOWS_US, row.t1_us + _FOLLOWS_US, track=row.track, limit=_NEIGHBOURS
        )
        alike = [each for each in near if (each.codec, each.deleted_us) == (row.codec, 0)]
        before = [each for each in alike if each.t0_us < row.t0_us and abs(row.t0_us - each.t1_us) < _FOLLOWS_US]
        after = [each for each in alike if each.t0_us > row.t0_us and abs(each.t0_us - row.t1_us) < _FOLLOWS_US]
        return CopyOf(self._copies, self._root, row, before[-1] if before else None, after[0] if after else None)


class CopyOf:
    """One copy: `row` is what there will be of it."""

    def __init__(
        self, copies: Copies, root: Path, row: SegmentRow, before: SegmentRow | None, after: SegmentRow | None
    ) -> None:
        self._copies = copies
        self._open: Callable[[], Originals] = partial(_open, root, row, before, after)
        self._plan = _plan(row)
        # With its neighbours it is another one than before the next was there.
        made_of = [str(RECIPE), *(each.sha256 if each else "" for each in (before, row, after)), repr(self._plan)]
        digest = hashlib.sha256(" ".join(made_of).encode()).hexdigest()
        self.row = row_of_copy(row, digest)

    async def open(self) -> OpenFile:
        """Have it made, or find it. Raises Problem; OSError where the original is not as it was recorded."""
        try:
            return OpenFile(await self._copies.take(self.row.sha256, self._plan, self._open))
        except CopyUnfit as error:
            raise _unfit(self.row, error) from None
        except CopyError as error:
            raise Problem("node-busy", str(error)) from None


def _plan(row: SegmentRow) -> Plan:
    try:
        return plan_of(row.codec, row.segment, row.track, row.number, row.t0_us, row.t1_us)
    except CopyUnfit as error:
        raise _unfit(row, error) from None


def _unfit(row: SegmentRow, error: CopyUnfit) -> Problem:
    return Problem("copy-unfit", f"{row.segment}: {error}")


def _open(root: Path, row: SegmentRow, before: SegmentRow | None, after: SegmentRow | None) -> Originals:
    """Open what a copy is made of; what is beside it may be missing. Raises OSError."""
    return Originals(open_segment(root, row), _beside(root, before), _beside(root, after))


def _beside(root: Path, row: SegmentRow | None) -> OpenFile | None:
    try:
        return open_segment(root, row) if row is not None else None
    except OSError:
        return None
