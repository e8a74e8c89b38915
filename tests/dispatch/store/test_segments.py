"""The index of recordings as tables, on SQLite and on PostgreSQL: what steps bring, and what can be asked of it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from sqlalchemy import event, func, select, text

from dispatch.errors import Unavailable
from dispatch.store import segments as module
from dispatch.store.database import Database
from dispatch.store.migrating import upgrade
from dispatch.store.schema import chains, segments, tracks
from dispatch.store.segments import Deletion, Place, SegmentReader, SegmentRow, Step, TrackRow, forget, index, places

NOON = 1_800_000_000_000_000
SECOND = 1_000_000


def row(record: int, track: str, from_s: float, until_s: float, session: str = "s", **changes: Any) -> SegmentRow:
    """Give a segment, its times in seconds from noon on."""
    told = {
        "session": session,
        "segment": f"segment-{record:05}",
        "track": track,
        "number": record * 2,
        "record": record,
        "file": f"tracks/{track}/{record}.mp4",
        "source": f"source of {track}",
        "kind": "video",
        "unit": "u",
        "person": "anna",
        "codec": "h264",
        "mime": "video/mp4",
        "width": 640,
        "height": 360,
        "channels": 0,
        "t0_us": NOON + int(from_s * SECOND),
        "t1_us": NOON + int(until_s * SECOND),
        "bytes": 1_000 + record,
        "head_bytes": 800,
        "sha256": f"{record:064x}",
        "recovered": False,
        "details": {"name": "甲县", "gaps": [["lost", NOON, NOON + 1]], "rid": "h"},
        **changes,
    }
    return SegmentRow(**told)


async def bring(
    database: Database, rows: Sequence[SegmentRow], deletions: Sequence[Deletion] = (), session: str = "s"
) -> None:
    """Bring a step behind what is there."""
    async with database.begin() as connection:
        before = (await places(connection, [session])).get(session)
        position = 100 + (before.position if before else 0)
        after = Place(session=session, position=position, record=position, tail=f"digest of {position}")
        await index(connection, [Step(before=before, after=after, segments=list(rows), deletions=list(deletions))])


async def count(database: Database) -> tuple[int, ...]:
    """Count segments, tracks and chains."""
    async with database.snapshot() as connection:
        asked = [select(func.count()).select_from(table) for table in (segments, tracks, chains)]
        return tuple([int(await connection.scalar(one) or 0) for one in asked])


async def test_segment_comes_back_as_it_was_but_for_what_no_database_keeps(database: Database) -> None:
    await upgrade(database)
    one = row(3, "a", 0, 4, recovered=True, deleted_us=0, details={"name": "a\0b", "fills": [[1, 2]], "error_us": None})
    await bring(database, [msgspec.structs.replace(one, person="x\0y"), row(4, "a", 4, 8)])
    reader = SegmentReader(database)
    assert await reader.segment("s", one.segment) == msgspec.structs.replace(one, person="x\ufffdy")
    for strange in ("segment-00005", "", "x\0", "'"):
        assert await reader.segment("s", strange) is None
    assert await reader.segment("t", one.segment) is None and await reader.segments("t", 0, 2**70, limit=9) == []


async def test_segments_of_a_time_are_those_that_reach_into_it_page_by_page(database: Database) -> None:
    await upgrade(database)
    chance = random.Random(5)
    rows = []
    for record in range(300):
        # Some are much longer than the others, some begin at the same moment, one has no length.
        begins, lasts = chance.randrange(400), chance.choice((0, 1, 4, 5, 5, 5, 90)) * (record != 7)
        rows.append(row(record, chance.choice("abc"), begins, begins + lasts))
    await bring(database, rows[:120])
    await bring(database, rows[120:])
    await bring(database, [row(1, "a", 0, 500, session="t")], session="t")
    reader = SegmentReader(database)
    for begin, end in [(0, 400), (100, 130), (130, 130), (399, 1000), (-50, 1), (250, 251)]:
        from_us, to_us = NOON + begin * SECOND, NOON + end * SECOND
        for track in ("", "b", "z"):
            expected = [one for one in rows if one.t0_us < to_us and one.t1_us > from_us and track in ("", one.track)]
            expected.sort(key=lambda one: (one.t0_us, one.segment))
            assert await reader.segments("s", from_us, to_us, track=track, limit=1_000) == expected
            told: list[SegmentRow] = []
            after = ("", 0)
            while page := await reader.segments("s", from_us, to_us, track=track, after=after, limit=7):
                told += page
                after = (page[-1].segment, page[-1].t0_us)
            assert told == expected


async def test_track_is_what_its_segments_come_to_and_has_its_newest_names(database: Database) -> None:
    await upgrade(database)
    await bring(database, [row(1, "b", 8, 12), row(2, "a", 4, 9, codec="vp8"), row(3, "a", 0, 3)])
    await bring(database, [row(4, "a", 9, 10, person="bert", details={"name": "乙\0县"})])
    await bring(database, [], [Deletion(at_us=5, record=6, records=[4])])
    a, b = await SegmentReader(database).tracks("s")
    assert a == TrackRow(
        track="a",
        source="source of a",
        kind="video",
        unit="u",
        person="bert",
        name="乙\ufffd县",
        codec="h264",
        t0_us=NOON,
        t1_us=NOON + 10 * SECOND,
        segments=3,
        bytes=3_009,
        mime="video/mp4",
    )
    assert (b.track, b.segments, b.name) == ("b", 1, "甲县")


async def test_deletion_marks_what_stands_before_it_once(database: Database) -> None:
    await upgrade(database)
    rows = [row(record, "a", record, record + 1) for record in range(1, 6)]
    await bring(database, rows[:4], [Deletion(at_us=70, record=4, records=[1, 3, 4, 5, 99])])
    await bring(
        database, rows[4:], [Deletion(at_us=80, record=9, records=[3, 5]), Deletion(at_us=0, record=9, records=[2])]
    )
    found = await SegmentReader(database).segments("s", NOON, NOON + 9 * SECOND, limit=9)
    assert [one.deleted_us for one in found] == [70, 1, 70, 0, 80]


async def test_step_from_another_place_leaves_nothing(database: Database) -> None:
    await upgrade(database)
    await bring(database, [row(1, "a", 0, 4)])
    before, other = Place(session="s", position=100, record=100, tail="of another chain"), Place(session="t")
    for step in (
        Step(before=before, after=Place(session="s", position=150), segments=[row(2, "a", 4, 8)], deletions=[]),
        Step(before=None, after=Place(session="s", position=150), segments=[row(2, "a", 4, 8)], deletions=[]),
        Step(before=other, after=Place(session="t", position=150), segments=[], deletions=[]),
    ):
        with pytest.raises(Unavailable) as caught:
            async with database.begin() as connection:
                await index(connection, [step])
        assert caught.value.code == "database-moved"
    assert await count(database) == (1, 1, 1)


async def test_session_is_forgotten_in_portions_that_end_with_its_place(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PORTION", 10)
    monkeypatch.setattr(module, "PAUSE_S", 0.0)
    await upgrade(database)
    await bring(database, [row(record, "a", 0, 4) for record in range(1, 36)])
    await bring(database, [row(1, "a", 0, 4, session="t")], session="t")
    left = []

    def note(*_: object) -> None:
        left.append("s")
        if len(left) == 3:
            raise KeyboardInterrupt  # as a kill, after the place and one portion

    event.listen(database.engine.sync_engine, "commit", note)
    with pytest.raises(KeyboardInterrupt):
        await forget(database, "s")
    event.remove(database.engine.sync_engine, "commit", note)
    assert (await count(database))[0] < 36
    async with database.snapshot() as connection:
        assert (await places(connection))["s"] == Place(session="s")
    await forget(database, "s")
    await forget(database, "s")
    assert await count(database) == (1, 1, 1)


async def test_window_of_a_long_recording_is_found_by_index(database: Database) -> None:
    await upgrade(database)
    rows = [
        row(number * 9 + track, f"track-{track}", number * 4, number * 4 + 4)
        for number in range(300)
        for track in range(9)
    ]
    await bring(database, rows)
    asked: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        asked.append((statement, parameters))

    is_sqlite = database.path is not None
    async with database.begin() as connection:
        await connection.execute(text("ANALYZE"))
    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    reader, from_us = SegmentReader(database), NOON + 600 * SECOND
    assert len(await reader.segments("s", from_us, from_us + 30 * SECOND, limit=500)) == 72
    assert len(await reader.segments("s", from_us, from_us + 30 * SECOND, track="track-3", limit=500)) == 8
    assert await reader.segment("s", rows[700].segment) == rows[700]
    event.remove(database.engine.sync_engine, "before_cursor_execute", note)
    plans = []
    for statement, parameters in [one for one in asked if "FROM segments" in one[0]]:
        async with database.snapshot() as connection:
            explain = "EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN "
            found = await connection.exec_driver_sql(explain + statement, parameters)
            plans.append("\n".join(str(line[-1]) for line in found))
    for plan, name in zip(plans, ("ix_segments_time", "ix_segments_track", "ix_segments_segment"), strict=True):
        assert name in plan, plan
        assert "SCAN segments" not in plan and "Seq Scan on segments" not in plan, plan
    assert is_sqlite is ("t0_us>? AND t0_us<?" in plans[0])
