"""Connections: what is told when there are none, and that a removed file is noticed."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from dispatch.errors import Unavailable
from dispatch.store.database import Database
from tests.dispatch.store.postgres import PostgresServer
from tests.ports import free_ports


async def refused(url: str) -> Unavailable:
    database = Database(url)
    try:
        with pytest.raises(Unavailable) as caught:
            async with database.begin() as connection:
                await connection.execute(text("SELECT 1"))
    finally:
        await database.close()
    assert caught.value.code == "database-gone"
    return caught.value


async def test_password_is_in_no_error(postgres: PostgresServer) -> None:
    right = make_url(postgres.new_database())
    wrong = "s3cret-and-wrong"
    for url in (
        right.set(password=wrong),
        right.set(port=free_ports(), password=wrong),
        right.set(host="no-such-host.invalid", password=wrong),
        right.set(database="nothing", password=wrong),
    ):
        fault = await refused(url.render_as_string(hide_password=False))
        told = f"{fault} {fault!r} {fault.__cause__}"
        assert wrong not in told and str(fault)


async def test_values_of_a_statement_that_failed_are_in_no_error(database: Database) -> None:
    with pytest.raises(Unavailable) as caught:
        async with database.begin() as connection:
            await connection.execute(text("SELECT * FROM nothing WHERE secret = :secret"), {"secret": "hash-of-anna"})
    assert "nothing" in str(caught.value)
    assert "hash-of-anna" not in f"{caught.value} {caught.value.__cause__}"


async def test_snapshot_sees_one_moment(database: Database, url: str) -> None:
    async with database.begin() as connection:
        await connection.execute(text("CREATE TABLE numbers (number INTEGER)"))
    other = Database(url)
    async with database.snapshot() as reading:
        count = text("SELECT count(*) FROM numbers")
        assert await reading.scalar(count) == 0
        async with other.begin() as writing:
            await writing.execute(text("INSERT INTO numbers VALUES (1)"))
        assert await reading.scalar(count) == 0
    async with database.snapshot() as reading:
        assert await reading.scalar(count) == 1
    await other.close()


async def test_fault_takes_back_all_of_a_transaction_tables_too(database: Database) -> None:
    with pytest.raises(KeyError):
        async with database.begin() as connection:
            await connection.execute(text("CREATE TABLE numbers (number INTEGER)"))
            raise KeyError
    with pytest.raises(Unavailable):
        async with database.begin() as connection:
            await connection.execute(text("SELECT * FROM numbers"))


async def test_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "huishang.db"
    database = Database(f"sqlite:///{path}")
    async with database.begin() as connection:
        await connection.execute(text("CREATE TABLE numbers (number INTEGER)"))
        modes = {item.name: item.stat().st_mode & 0o777 for item in tmp_path.iterdir()}
    await database.close()
    assert modes.keys() >= {"huishang.db", "huishang.db-wal"} and set(modes.values()) == {0o600}


async def test_file_that_is_another_now_is_let_go(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    database = Database(f"sqlite:///{folder}/huishang.db")
    assert not await database.renew()
    async with database.begin() as connection:
        await connection.execute(text("CREATE TABLE numbers (number INTEGER)"))
    assert not await database.renew()
    shutil.rmtree(folder)
    assert await database.renew()
    with pytest.raises(Unavailable):
        async with database.begin() as connection:
            await connection.execute(text("SELECT 1"))
    folder.mkdir()
    async with database.begin() as connection:
        tables = await connection.execute(text("SELECT name FROM sqlite_master"))
        assert tables.all() == []
    await database.close()


async def test_another_process_that_comes_and_goes_takes_nothing_away(tmp_path: Path) -> None:
    path = tmp_path / "huishang.db"
    database = Database(f"sqlite:///{path}")
    async with database.begin() as connection:
        await connection.execute(text("CREATE TABLE numbers (number INTEGER)"))
    async with database.snapshot() as one, database.snapshot() as other:
        for reading in (one, other):
            assert await reading.scalar(text("SELECT count(*) FROM numbers")) == 0
    look = "print(sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM numbers').fetchone())"
    for number in range(3):
        async with database.begin() as connection:
            await connection.execute(text("INSERT INTO numbers VALUES (1)"))
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", f"import sqlite3, sys; {look}", str(path)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == f"({number + 1},)"
    await database.close()
