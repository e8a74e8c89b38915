"""What of a recording is there and what is not, for who draws it: stretches of time instead of segments.

The database brings segments together; only where one tells gaps its row is read, some at a time, because a loop waits
that has others to serve. All times are microseconds UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, case, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from dispatch.store.rows import bounded, cleaned
from dispatch.store.schema import segments, tracks

#: Stretches of a kind in one answer, beside one for each track; more are brought together.
MOST: Final = 10_000
#: Rows with gaps that are read at once.
ROWS: Final = 500
#: Chains name some ten reasons; what a damaged one has beyond that counts as one.
MOST_REASONS: Final = 20
OTHER: Final = "other"
DELETED: Final = "deleted"

Span = tuple[int, int]
Gap = tuple[str, int, int]


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """Of a track: from when to when there is something that was not deleted, and what its segments tell as gaps.

    What was deleted by policy is a gap too, with the reason `DELETED`.
    """

    track: str
    spans: tuple[Span, ...]
    gaps: tuple[Gap, ...]


class Gaps:
    """The gaps of one recording, told in the order of their segments; those of a reason that are near are one. Core."""

    def __init__(self, least_us: int) -> None:
        """`least_us`: shorter ones are left out."""
        self._least_us = least_us
        self.seam_us = least_us
        """What is nearer is one."""
        self._of: dict[tuple[str, str], list[Span]] = {}
        self._reasons: set[str] = set()

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    def add(self, track: str, told: Iterable[Gap]) -> None:
        """Take what a segment tells."""
        for why, t0, t1 in told:
            if t1 - t0 < self._least_us:
                continue
            if len(self._reasons) < MOST_REASONS:
                self._reasons.add(why)
            _join(self._of.setdefault((track, why if why in self._reasons else OTHER), []), (t0, t1), self.seam_us)

    def reduce(self, most: int) -> None:
        """Bring together so much that no more are left, beside one of each reason for each track."""
        while len(self) > most + len(self._of):
            self.seam_us *= 4
            for key, spans in self._of.items():
                fewer: list[Span] = []
                # What a damaged chain tells may be in any order.
                for span in sorted(spans):
                    _join(fewer, span, self.seam_us)
                self._of[key] = fewer

    def of(self, track: str) -> tuple[Gap, ...]:
        """Return a track's, by their beginnings."""
        own = [(why, *span) for (whose, why), spans in self._of.items() if whose == track for span in spans]
        return tuple(sorted(own, key=lambda gap: gap[1:]))


def _join(spans: list[Span], span: Span, seam_us: int) -> None:
    """Put a span behind others, or to the last of them where that is near."""
    if spans and spans[-1][0] <= span[0] < spans[-1][1] + seam_us:
        spans[-1] = (spans[-1][0], max(spans[-1][1], span[1]))
    else:
        spans.append(span)


async def coverage(
    connection: AsyncConnection, session: str, from_us: int, to_us: int, least_us: int
) -> tuple[int, list[Coverage]]:
    """Return what there is of each track between two times, and what counts as near.

    That is `least_us`, or more where the answer would be too long: segments that are nearer than that are one span.
    Gaps that are shorter than `least_us` are left out.
    """
    mine = [
        segments.c.session == cleaned(session),
        segments.c.t1_us > bounded(from_us),
        segments.c.t0_us < bounded(to_us),
    ]
    lasts_us, count = await _length(connection, session, from_us, to_us)
    seam_us, most = least_us, MOST + count
    there, deleted = [*mine, segments.c.deleted_us == 0], [*mine, segments.c.deleted_us != 0]
    spans = await _spans(connection, there, seam_us, most)
    if len(spans) > most:
        # So many of that length have room in all tracks, beside the last of each.
        seam_us = max(least_us, lasts_us // MOST + 1)
        spans = await _spans(connection, there, seam_us, most)
    gaps = Gaps(least_us)
    await _read_gaps(connection, there, gaps)
    found: dict[str, list[Span]] = {}
    for track, t0, t1 in spans:
        found.setdefault(track, []).append((t0, t1))
    for track, t0, t1 in await _spans(connection, deleted, seam_us, most):
        found.setdefault(track, [])
        gaps.add(track, [(DELETED, t0, t1)])
    gaps.reduce(MOST)
    told = [Coverage(track=track, spans=tuple(own), gaps=gaps.of(track)) for track, own in found.items()]
    return max(seam_us, gaps.seam_us), told


async def _length(connection: AsyncConnection, session: str, from_us: int, to_us: int) -> tuple[int, int]:
    """Return how much time all tracks together cover, and how many they are."""
    rows = await connection.execute(select(tracks.c.t0_us, tracks.c.t1_us).where(tracks.c.session == cleaned(session)))
    lengths = [max(0, min(t1, to_us) - max(t0, from_us)) for t0, t1 in rows]
    return sum(lengths), len(lengths)


async def _spans(
    connection: AsyncConnection, mine: list[ColumnElement[bool]], seam_us: int, most: int
) -> list[tuple[str, int, int]]:
    """Return tracks and times, by track and beginning; one more than `most` where there are more."""
    c = segments.c
    order = (c.t0_us, c.segment)
    before = func.max(c.t1_us).over(partition_by=c.track, order_by=order, rows=(None, -1))
    known = select(c.track, c.t0_us, c.t1_us, c.segment, before.label("before"))
    known = known.where(*mine)
    one = known.subquery()
    begins = case((one.c.t0_us - one.c.before < seam_us, 0), else_=1)
    number = func.sum(begins).over(partition_by=one.c.track, order_by=(one.c.t0_us, one.c.segment), rows=(None, 0))
    each = select(one.c.track, one.c.t0_us, one.c.t1_us, number.label("number")).subquery()
    t0 = func.min(each.c.t0_us)
    asked = select(each.c.track, t0, func.max(each.c.t1_us)).group_by(each.c.track, each.c.number)
    rows = await connection.execute(asked.order_by(each.c.track, t0).limit(most + 1))
    return [(track, begin, end) for track, begin, end in rows]


async def _read_gaps(connection: AsyncConnection, mine: list[ColumnElement[bool]], gaps: Gaps) -> None:
    c = segments.c
    told = c.details["gaps"]
    asked = select(c.track, c.t0_us, c.segment, told).where(*mine, func.json_array_length(told) > 0)
    asked = asked.order_by(c.t0_us, c.segment).limit(ROWS)
    after: tuple[int, str] | None = None
    while True:
        rest = asked if after is None else asked.where(tuple_(c.t0_us, c.segment) > after)
        rows: list[Any] = list(await connection.execute(rest))
        for track, _, _, items in rows:
            gaps.add(track, items)
        gaps.reduce(MOST)
        if len(rows) < ROWS:
            return
        after = (rows[-1].t0_us, rows[-1].segment)
