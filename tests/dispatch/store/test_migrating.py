"""Steps between versions of the database, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, select, text

from dispatch.errors import Unavailable
from dispatch.store.database import Database
from dispatch.store.migrating import migrate, pending, upgrade
from dispatch.store.schema import metadata, participants


def differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, metadata))


async def test_upgraded_database_is_what_the_schema_says(database: Database) -> None:
    await upgrade(database)
    async with database.begin() as connection:
        assert await connection.run_sync(differences) == []
        await connection.execute(text("DROP INDEX ix_timeline_actor"))
        await connection.execute(text("ALTER TABLE units DROP COLUMN code"))
        found = await connection.run_sync(differences)
    assert {step[0] for step in found} == {"add_index", "add_column"}


async def test_what_is_pending_is_told_until_it_is_applied(database: Database) -> None:
    missing = await pending(database)
    assert missing and await pending(database) == missing
    assert await upgrade(database) == missing
    assert await pending(database) == []
    assert await upgrade(database) == []


async def test_rows_of_the_first_version_are_kept(database: Database) -> None:
    values = {
        **dict.fromkeys(("id", "consultation", "unit", "name", "person", "source", "attendance"), "p"),
        **dict.fromkeys(("asked_us", "hand_us", "word_us", "priority", "joined_us", "left_us"), 7),
        **{"sources": "[]", "picture_off": True, "sound_off": False},
    }
    names = ", ".join(values)
    async with database.begin() as connection:
        await connection.run_sync(lambda held: migrate(held, "0001"))
        await connection.execute(
            text(f"INSERT INTO participants ({names}) VALUES ({', '.join(f':{name}' for name in values)})"), values
        )
    assert await upgrade(database) == ["0002", "0003", "0004", "0005", "0006", "0007"]
    async with database.begin() as connection:
        row = (await connection.execute(select(participants))).one()
        assert await connection.run_sync(differences) == []
    assert (row.id, row.left_us, row.picture_off, row.roll_us) == ("p", 7, True, 0)


async def test_database_of_a_newer_program_is_refused_and_left_alone(database: Database) -> None:
    await upgrade(database)
    async with database.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for function in (pending, upgrade):
        with pytest.raises(Unavailable, match="9999") as caught:
            await function(database)
        assert caught.value.code == "database-newer"
    async with database.begin() as connection:
        assert await connection.scalar(text("SELECT version_num FROM alembic_version")) == "9999"


async def test_two_that_upgrade_at_once_do_it_once(database: Database, url: str) -> None:
    others = [Database(url) for _ in range(3)]
    missing = await pending(database)
    done = await asyncio.gather(*(upgrade(item) for item in (database, *others)))
    for item in others:
        await item.close()
    assert sorted(done) == [[], [], [], missing]
