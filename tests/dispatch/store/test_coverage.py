"""What of a recording is there: on SQLite and on PostgreSQL, against what its segments say one by one."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.store import coverage as module
from dispatch.store.coverage import Gaps
from dispatch.store.database import Database
from dispatch.store.migrating import upgrade
from dispatch.store.segments import Deletion, SegmentReader, SegmentRow
from tests.dispatch.store.test_segments import NOON, SECOND, bring, row

FOREVER = (1 << 63) - 1
SEAM = SECOND // 4
Spans = tuple[tuple[int, int], ...]


def together(rows: list[SegmentRow], seam_us: int) -> Spans:
    """Bring segments together, one after the other."""
    spans: list[tuple[int, int]] = []
    for one in sorted(rows, key=lambda one: one.t0_us):
        if spans and one.t0_us - spans[-1][1] < seam_us:
            spans[-1] = (spans[-1][0], max(spans[-1][1], one.t1_us))
        else:
            spans.append((one.t0_us, one.t1_us))
    return tuple(spans)


def many() -> list[SegmentRow]:
    """Give segments with seams and holes; some lie within others."""
    chance, rows, ends = random.Random(7), list[SegmentRow](), dict.fromkeys("abc", 0.0)
    for record in range(400):
        track = chance.choice("abc")
        begins = ends[track] + chance.choice((0, 0, 0, 0.1, 0.249, 0.25, 3, -4))
        lasts = chance.choice((1, 4, 4, 4, 9))
        gaps = [("lost", NOON + round(ends[track] * SECOND), NOON + round(begins * SECOND))] * (begins > ends[track])
        rows.append(row(record, track, begins, begins + lasts, details={"gaps": gaps}))
        ends[track] = max(ends[track], begins + lasts)
    return rows


async def test_segments_that_meet_are_one_span_and_what_is_between_stays_out(database: Database) -> None:
    await upgrade(database)
    rows = many()
    await bring(database, rows[:250])
    await bring(database, rows[250:], [Deletion(at_us=5, record=1_000, records=[one.record for one in rows[100:120]])])
    await bring(database, [row(1, "a", 0, 500, session="t")], session="t")
    there = rows[:100] + rows[120:]
    reader = SegmentReader(database)
    for begin, end in [(-9, FOREVER), (100, 200), (100, 100)]:
        from_us, to_us = NOON + begin * SECOND, NOON + end * SECOND if end < FOREVER else end
        least_us, found = await reader.coverage("s", from_us, to_us, SEAM)
        within = [one for one in there if one.t0_us < to_us and one.t1_us > from_us]
        expected = {track: together([one for one in within if one.track == track], SEAM) for track in "abc"}
        assert least_us == SEAM
        assert {one.track: one.spans for one in found if one.spans} == {k: own for k, own in expected.items() if own}
    whole = (await reader.coverage("s", 0, FOREVER, SEAM))[1]
    told = [gap for one in there for gap in one.details["gaps"] if gap[2] - gap[1] >= SEAM]
    gone = [("deleted", *span) for t in "abc" for span in together([r for r in rows[100:120] if r.track == t], SEAM)]
    # Those of one reason that meet are one; here none do.
    assert sorted(gap for one in whole for gap in one.gaps) == sorted((*set(told), *gone))
    assert await reader.coverage("u", 0, FOREVER, SEAM) == (SEAM, [])


async def test_what_would_be_too_long_is_told_more_roughly_and_covers_the_same(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await upgrade(database)
    rows = many()
    await bring(database, rows)
    reader = SegmentReader(database)
    exact = {one.track: one for one in (await reader.coverage("s", 0, FOREVER, SEAM))[1]}
    for most in (40, 5, 1):
        monkeypatch.setattr(module, "MOST", most)
        monkeypatch.setattr(module, "ROWS", 7)
        least_us, found = await reader.coverage("s", 0, FOREVER, SEAM)
        assert least_us > SEAM
        assert sum(len(one.spans) for one in found) <= most + len(found)
        assert sum(len(one.gaps) for one in found) <= most + len(found)
        for one in found:
            for told, all_of_them in (
                (one.spans, exact[one.track].spans),
                ([gap[1:] for gap in one.gaps], [gap[1:] for gap in exact[one.track].gaps]),
            ):
                assert all(any(t0 <= begin and end <= t1 for t0, t1 in told) for begin, end in all_of_them)


times = st.integers(0, 1 << 53)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.text(max_size=2), times, times), max_size=200), st.integers(0, 9))
def test_gaps_of_a_damaged_chain_are_bounded_and_none_is_left_out(
    told: list[tuple[str, str, int, int]], most: int
) -> None:
    gaps = Gaps(1_000)
    for track, *gap in told:
        gaps.add(track, [tuple(gap)])  # type: ignore[list-item]
        gaps.reduce(most)
    assert len(gaps) <= most + 2 * (module.MOST_REASONS + 1)
    for track, why, t0, t1 in told:
        if t1 - t0 >= 1_000:
            found = [gap for gap in gaps.of(track) if gap[1] <= t0 and t1 <= gap[2]]
            assert {gap[0] for gap in found} & {why, module.OTHER}
