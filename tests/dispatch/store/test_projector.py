"""The projection follows the journal, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import func, select, text, update

from dispatch.store.database import Database
from dispatch.store.projector import MOST_BYTES, MOST_RECORDS, Health, Projector, next_step, prepare
from dispatch.store.schema import RECORDS, metadata, projection, timeline
from tests.dispatch.store.entries import consultation, entry, message, participant, unit
from tests.dispatch.store.lines import LinesJournal
from tests.patience import until


@asynccontextmanager
async def projecting(database: Database, journal: LinesJournal) -> AsyncIterator[Projector]:
    projector = Projector(database, journal)
    projector.start()
    try:
        yield projector
    finally:
        await projector.close()


async def caught_up(projector: Projector, journal: LinesJournal) -> None:
    await until("the projection at the journal's end", lambda: projector.health == Health(journal.position, 0))


async def rows(database: Database, kind: str) -> list[dict[str, Any]]:
    table = RECORDS[kind]
    async with database.begin() as connection:
        found = await connection.execute(select(table).order_by(table.c.id))
        return [dict(row) for row in found.mappings()]


async def count(database: Database) -> dict[str, int]:
    """Give the number of rows of every table that has any."""
    async with database.begin() as connection:
        counts = {
            table.name: await connection.scalar(select(func.count()).select_from(table))
            for table in metadata.tables.values()
        }
    return {name: int(number) for name, number in counts.items() if number}


async def test_what_happened_before_and_after_the_start_is_there(database: Database, journal: LinesJournal) -> None:
    journal.add([unit("u", name_zh="甲县")], [unit("v", parent="u"), unit("w", parent="u")])
    async with projecting(database, journal) as projector:
        await caught_up(projector, journal)
        journal.add(
            [entry("unit.change", "unit:u", name_zh="乙县")],
            [entry("unit.remove", "unit:v", gone=True)],
            [consultation("c", invitations=[{"whom": "unit:u", "by": "anna", "at_us": 5}])],
        )
        projector([], [])
        await caught_up(projector, journal)
    assert {row["id"]: row["name_zh"] for row in await rows(database, "unit")} == {"u": "乙县", "w": "县"}
    (held,) = await rows(database, "consultation")
    assert held["invitations"] == [{"whom": "unit:u", "by": "anna", "at_us": 5}] and held["roll"] is None
    assert await count(database) == {"units": 2, "consultations": 1, "timeline": 6, "projection": 1}
    async with database.begin() as connection:
        places = (await connection.execute(select(timeline.c.position, timeline.c.part))).all()
    assert sorted(tuple(place) for place in places) == [(0, 0), (1, 0), (1, 1), (2, 0), (3, 0), (4, 0)]


async def test_more_than_one_step_is_followed_to_the_end(database: Database, journal: LinesJournal) -> None:
    many = 3 * MOST_RECORDS + 1
    journal.add([consultation("c")], *([message(f"m{number:05}", "c", number)] for number in range(many)))
    async with projecting(database, journal) as projector:
        await caught_up(projector, journal)
    assert await count(database) == {"consultations": 1, "messages": many, "timeline": many + 1, "projection": 1}


async def test_secrets_are_in_their_tables_and_not_in_the_timeline(database: Database, journal: LinesJournal) -> None:
    journal.add(
        [entry("person.password", "credential:anna", secret="hash-of-anna", changed_us=7)],
        [entry("login.begin", "login:l", person="anna", begun_us=1, until_us=2, secret="digest-of-l")],
    )
    async with projecting(database, journal) as projector:
        await caught_up(projector, journal)
    assert (await rows(database, "credential"))[0]["secret"] == "hash-of-anna"
    async with database.begin() as connection:
        told = [dict(row) for row in (await connection.execute(select(timeline))).mappings()]
    assert [row["params"] for row in told] == [{"changed_us": 7}, {"person": "anna", "begun_us": 1, "until_us": 2}]
    assert "hash-of" not in repr(told) and "digest-of" not in repr(told)


async def test_step_that_was_not_answered_is_not_repeated(database: Database, journal: LinesJournal) -> None:
    journal.add([unit("u")])
    async with projecting(database, journal) as projector:
        await caught_up(projector, journal)
    journal.add([unit("v")])
    for _ in range(2):  # a second projector begins from what is stored, as after a kill
        async with projecting(database, journal) as projector:
            await caught_up(projector, journal)
    assert await count(database) == {"units": 2, "timeline": 2, "projection": 1}


async def test_two_that_write_one_database_do_not_write_anything_twice(
    database: Database, url: str, journal: LinesJournal
) -> None:
    other = Database(url)
    journal.add(*([unit(f"u{number}")] for number in range(5 * MOST_RECORDS)))
    async with projecting(database, journal) as one, projecting(other, journal) as two:
        await caught_up(one, journal)
        await caught_up(two, journal)
    await other.close()
    assert await count(database) == {"units": 5 * MOST_RECORDS, "timeline": 5 * MOST_RECORDS, "projection": 1}


async def test_many_that_begin_at_once_begin_one_projection(
    database: Database, url: str, journal: LinesJournal
) -> None:
    all_of_them = [database, *(Database(url) for _ in range(5))]
    for _ in range(10):
        assert await asyncio.gather(*(prepare(item, journal) for item in all_of_them)) == [0] * 6
        async with database.begin() as connection:
            assert (await connection.execute(projection.delete())).rowcount == 1
    for item in all_of_them:
        await item.close()


async def test_what_cannot_be_used_is_passed_over_and_counted(database: Database, journal: LinesJournal) -> None:
    journal.add([unit("u", level="galaxy")], [entry("moon.land", "moon:m", v=1)], [unit("v", order=10**30)])
    journal.write([b"[{]", b'{"v":2}', b"[" * 5000])
    journal.add([unit("w", name_zh="a\0b\\u0000", invented=1)])
    async with projecting(database, journal) as projector:
        await until("the end", lambda: projector.health.position == journal.position)
        assert projector.health.unfit == 4 and projector.health.code == ""
    held = {row["id"]: row for row in await rows(database, "unit")}
    assert held.keys() == {"v", "w"} and held["v"]["order"] == 2**63 - 1
    assert held["w"]["name_zh"] == "a\ufffdb\\u0000"
    assert (await count(database))["timeline"] == 4


async def test_names_longer_than_an_index_takes_are_kept(database: Database, journal: LinesJournal) -> None:
    long = "".join(chr(0x4E00 + number % 20_000) for number in range(30_000))
    journal.add([entry(long, f"{long}:{long}", actor=long, session=long)], [unit("u", name_zh=long)])
    async with projecting(database, journal) as projector:
        await caught_up(projector, journal)
    assert (await rows(database, "unit"))[0]["name_zh"] == long


@pytest.mark.parametrize(
    ("stored", "code"), [({"journal": "journal-b"}, "database-foreign"), ({"position": 9}, "database-ahead")]
)
async def test_database_of_another_journal_is_left_alone(
    database: Database, journal: LinesJournal, stored: dict[str, Any], code: str
) -> None:
    journal.add([unit("u")])
    async with projecting(database, journal) as projector:
        await caught_up(projector, journal)
    async with database.begin() as connection:
        await connection.execute(update(projection).values(**stored))
    journal.add([unit("v")])
    async with projecting(database, journal) as projector:
        await until("the refusal", lambda: projector.health.code == code)
        assert projector.health.since_us > 0
    assert (await count(database))["units"] == 1


async def test_participant_changed_in_the_record_that_made_it(database: Database, journal: LinesJournal) -> None:
    journal.add(
        [consultation("c"), participant("p", "c"), entry("participant.leave", "participant:p", attendance="left")],
        [entry("consultation.end", "consultation:c", stage="ended", ended_us=3)],
    )
    async with projecting(database, journal) as projector:
        await caught_up(projector, journal)
    assert (await rows(database, "participant"))[0]["attendance"] == "left"
    assert (await rows(database, "consultation"))[0]["stage"] == "ended"


async def test_fault_in_a_step_leaves_nothing_of_it(database: Database, journal: LinesJournal) -> None:
    journal.add([unit("u")])
    async with projecting(database, journal) as projector:
        await caught_up(projector, journal)
        async with database.begin() as connection:
            await connection.execute(text("ALTER TABLE timeline RENAME TO away"))
        journal.add([unit("v")])
        projector([], [])
        await until("the fault", lambda: projector.health.code == "database-gone")
        assert {row["id"] for row in await rows(database, "unit")} == {"u"}
        async with database.begin() as connection:
            assert await connection.scalar(select(projection.c.position)) == 1
            await connection.execute(text("ALTER TABLE away RENAME TO timeline"))
        await caught_up(projector, journal)
    assert await count(database) == {"units": 2, "timeline": 2, "projection": 1}


async def test_journal_that_cannot_be_read_is_told_and_tried_again(
    database: Database, journal: LinesJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.add([unit("u")])
    with monkeypatch.context() as patch:
        patch.setattr(journal, "path", journal.path.with_name("away"))
        async with projecting(database, journal) as projector:
            await until("the fault", lambda: projector.health.code == "database-fault")
            assert projector.health.behind == 1 and "away" in projector.health.detail
            patch.undo()
            await caught_up(projector, journal)


async def test_large_records_are_taken_one_by_one(database: Database, journal: LinesJournal) -> None:
    large = "长" * (MOST_BYTES // 4)
    acts = [[unit(f"u{number}-{part}", name_zh=large) for part in range(3)] for number in range(4)]
    journal.add(*acts, [unit("last")])
    async with projecting(database, journal) as projector:
        await caught_up(projector, journal)
    assert await count(database) == {"units": 13, "timeline": 13, "projection": 1}


def test_step_is_bounded_in_bytes_but_takes_one_record(journal: LinesJournal) -> None:
    sizes = [10, MOST_BYTES, 10, 20, MOST_BYTES * 2, 30]
    journal.write([b"x" * size for size in sizes])
    steps, position = [], 0
    while records := next_step(journal, position):
        steps.append([len(record) for _, record in records])
        position = records[-1][0] + 1
    assert steps == [[10], [MOST_BYTES], [10, 20], [MOST_BYTES * 2], [30]]


async def test_acts_that_come_one_by_one_share_a_step_and_the_end_waits_for_none(
    database: Database, journal: LinesJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dispatch.store.projector.GATHER_S", 3_600.0)
    journal.add([unit("u")])
    async with projecting(database, journal) as projector:
        await caught_up(projector, journal)
        for number in range(3):
            journal.add([unit(f"v{number}")])
            projector([], [])
        assert projector.health.behind == 3
    async with projecting(database, journal) as projector:
        await caught_up(projector, journal)
    assert len(await rows(database, "unit")) == 4
