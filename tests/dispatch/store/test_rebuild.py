"""A projection made anew, on SQLite and on PostgreSQL."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text

from dispatch.errors import Unavailable
from dispatch.store.database import Database
from dispatch.store.migrating import pending
from dispatch.store.quality import Samples
from dispatch.store.reading import Question, Reader
from dispatch.store.rebuild import Rebuilt, rebuild
from dispatch.store.schema import RECORDS, metadata
from tests.dispatch.store.entries import consultation, entry, message, unit
from tests.dispatch.store.lines import LinesJournal
from tests.dispatch.store.test_loading import store
from tests.dispatch.store.test_migrating import differences
from tests.dispatch.store.test_quality import ONE


async def content(database: Database) -> dict[str, list[Any]]:
    """Give all rows of all tables, samples apart."""
    async with database.begin() as connection:
        return {
            table.name: sorted(map(repr, (await connection.execute(select(table))).all()))
            for table in metadata.tables.values()
            if table.name != "quality"
        }


def acts() -> list[list[Any]]:
    return [
        [unit("u"), unit("v")],
        [consultation("c", roll={"by": "anna", "at_us": 1}), message("m", "c", text="会\"商'\\")],
        [entry("unit.remove", "unit:v", gone=True)],
        [entry("consultation.end", "consultation:c", stage="ended", ended_us=4)],
    ]


async def test_rebuilt_is_what_was_projected_and_can_be_followed(url: str, journal: LinesJournal) -> None:
    journal.add(*acts())
    database = Database(url)
    await store(database, journal)
    expected = await content(database)
    await database.close()
    seen: list[tuple[int, int]] = []
    rebuilt = await rebuild(url, journal, lambda done, of: seen.append((done, of)))
    assert rebuilt == Rebuilt(journal_records=4, entries=6, records=3, unfit=0) and seen == [(4, 4)]
    assert await content(database) == expected
    assert await pending(database) == []
    async with database.begin() as connection:
        assert await connection.run_sync(differences) == []
    journal.add([unit("w")])
    await store(database, journal)
    assert len(await Reader(database).timeline(Question())) == 7
    await database.close()


async def test_what_is_wrong_in_the_old_one_is_gone(url: str, journal: LinesJournal) -> None:
    journal.add(*acts())
    database = Database(url)
    await store(database, journal)
    expected = await content(database)
    async with database.begin() as connection:
        await connection.execute(RECORDS["unit"].delete())
        await connection.execute(RECORDS["consultation"].update().values(title="forged"))
    await database.close()
    await rebuild(url, journal)
    assert await content(database) == expected
    await database.close()


async def test_where_nothing_was_it_is_made(url: str, journal: LinesJournal) -> None:
    rebuilt = await rebuild(url, journal)
    assert rebuilt.entries == 0
    journal.add(*acts())
    database = Database(url)
    await store(database, journal)
    assert len((await content(database))["timeline"]) == 6
    await database.close()


async def test_samples_are_taken_over(url: str, journal: LinesJournal) -> None:
    journal.add(*acts())
    database = Database(url)
    await store(database, journal)
    await Samples(database).add([ONE] * 3)
    await database.close()
    await rebuild(url, journal)
    assert await Reader(database).quality(ONE.session, 0, ONE.at_us + 1) == [ONE] * 3
    await database.close()


async def test_rebuild_that_fails_leaves_the_old_one(
    url: str, journal: LinesJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.add(*acts())
    database = Database(url)
    await store(database, journal)
    await Samples(database).add([ONE])
    expected = await content(database)
    await database.close()
    whole = journal.read

    def broken(*arguments: Any) -> Any:
        yield next(whole(0, 2))
        raise OSError("the disk cannot be read")

    with monkeypatch.context() as patch:
        patch.setattr(journal, "read", broken)
        with pytest.raises(OSError, match="the disk cannot be read"):
            await rebuild(url, journal)
    assert await content(database) == expected
    assert await Reader(database).quality(ONE.session, 0, ONE.at_us + 1) == [ONE]
    await database.close()
    await rebuild(url, journal)  # and what the first left behind is not in the way
    assert await content(database) == expected
    await database.close()


async def test_database_of_a_newer_program_is_not_thrown_away(url: str, journal: LinesJournal) -> None:
    journal.add(*acts())
    database = Database(url)
    await store(database, journal)
    expected = await content(database)
    async with database.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await database.close()
    with pytest.raises(Unavailable) as caught:
        await rebuild(url, journal)
    assert caught.value.code == "database-newer" and await content(database) == expected
    await database.close()


async def test_file_that_is_no_database_any_more_is_replaced(tmp_path: Path, journal: LinesJournal) -> None:
    path = tmp_path / "huishang.db"
    path.write_bytes(b"what a disk made of it" * 500)
    (tmp_path / "huishang.db-wal").write_bytes(b"and of its log")
    journal.add(*acts())
    await rebuild(f"sqlite:///{path}", journal)
    assert {item.name for item in tmp_path.iterdir()} == {"huishang.db", "journal"}
    assert path.stat().st_mode & 0o777 == 0o600
    database = Database(f"sqlite:///{path}")
    async with database.begin() as connection:
        assert await connection.scalar(select(func.count()).select_from(RECORDS["unit"])) == 1
    await database.close()


async def test_file_that_another_process_has_open_is_not_replaced(tmp_path: Path, journal: LinesJournal) -> None:
    path = tmp_path / "huishang.db"
    journal.add(*acts())
    await rebuild(f"sqlite:///{path}", journal)
    before = path.stat().st_ino
    other = sqlite3.connect(path)
    other.execute("PRAGMA journal_mode=WAL")
    other.execute("SELECT * FROM units").fetchall()
    with pytest.raises(Unavailable) as caught:
        await rebuild(f"sqlite:///{path}", journal)
    other.close()
    assert caught.value.code == "database-busy" and path.stat().st_ino == before
    await rebuild(f"sqlite:///{path}", journal)
    assert path.stat().st_ino != before
