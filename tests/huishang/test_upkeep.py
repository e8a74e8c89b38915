"""What who looks after a node does with it: by the command line, with the node's own files."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from tests.console.county import PEOPLE, UNITS, County
from tests.huishang.test_cli import huishang
from tests.patience import until


def rows(folder: Path, table: str) -> int:
    """Count rows of the node's database; 0 while there is none."""
    try:
        with closing(sqlite3.connect(folder / "huishang.db")) as database:
            return int(database.execute(f"select count(*) from {table}").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a node left that was killed once its database had followed."""
    folder = tmp_path_factory.mktemp("killed")
    county = County(folder)
    await county.start()
    await until("the database has followed", lambda: rows(folder, "people"), lambda found: found == len(PEOPLE))
    await county.stop(signal.SIGKILL)
    return folder


@pytest_asyncio.fixture
async def county(killed: Path, tmp_path: Path) -> AsyncIterator[County]:
    """The killed node, in a folder of the test's own."""
    county = County(Path(shutil.copytree(killed, tmp_path / "node")))
    yield county
    await county.stop()


async def command(county: County, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command with the node's settings to its end."""
    settings = str(county.folder / "node.toml")
    return await asyncio.to_thread(lambda: huishang(*arguments, folder=county.folder.parent, HUISHANG_CONFIG=settings))


async def test_backup_of_a_killed_node_comes_back_elsewhere_with_all_that_was_in_it(county: County) -> None:
    made = await command(county, "backup", "--to", "node.backup")
    assert made.returncode == 0 and "node.backup" in made.stdout
    again = await command(county, "backup", "--to", "node.backup")
    assert again.returncode == 1 and again.stderr.count("\n") == 1
    back = await command(county, "restore", "node.backup", "--dir", "elsewhere")
    assert back.returncode == 0
    other = county.folder.parent / "elsewhere"
    assert not (other / "huishang.db").exists()
    county.folder.rename(county.folder.parent / "gone")
    other.rename(county.folder)
    rebuilt = await command(county, "rebuild")
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert rows(county.folder, "units") == len(UNITS)
    assert (county.folder / "access-keys.json").read_bytes() == (
        county.folder.parent / "gone/access-keys.json"
    ).read_bytes()
    await county.start()
    assert county.known.people.keys() == PEOPLE.keys()


def test_backup_copies_what_the_settings_name_in_the_data_folder_and_tells_what_lies_elsewhere(tmp_path: Path) -> None:
    assert huishang("init", folder=tmp_path).returncode == 0
    tokens = (tmp_path / "var/tokens.toml").rename(tmp_path / "tokens.toml")
    kept = {path.relative_to(tmp_path) for path in (tmp_path / "var").rglob("*") if path.is_file()}
    named = {"HUISHANG_DATABASE__URL": "sqlite:///var/store.sqlite", "HUISHANG_ACCESS__TOKENS_FILE": str(tokens)}
    assert huishang("upgrade", folder=tmp_path, **named).returncode == 0
    assert (tmp_path / "var/store.sqlite").exists()
    made = huishang("backup", "--to", "node.backup", folder=tmp_path, **named)
    assert made.returncode == 0, made.stderr
    assert str(tokens) in made.stdout and "huishang.toml" not in made.stdout
    (tmp_path / "var").rename(tmp_path / "gone")
    assert huishang("restore", "node.backup", folder=tmp_path).returncode == 0
    assert {path.relative_to(tmp_path) for path in (tmp_path / "var").rglob("*") if path.is_file()} == kept


async def test_upgrade_tells_what_waits_and_does_it(county: County) -> None:
    assert (await command(county, "upgrade", "--check")).returncode == 0
    for file in county.folder.glob("huishang.db*"):
        file.unlink()
    checked = await command(county, "upgrade", "--check")
    assert checked.returncode == 3 and "0001" in checked.stdout
    assert (await command(county, "upgrade")).returncode == 0
    assert (await command(county, "upgrade", "--check")).returncode == 0


async def test_newer_database_is_refused_by_name(county: County) -> None:
    with closing(sqlite3.connect(county.folder / "huishang.db")) as database, database:
        database.execute("update alembic_version set version_num = '9999'")
    for asked in (("upgrade",), ("upgrade", "--check")):
        refused = await command(county, *asked)
        assert refused.returncode == 1 and "database-newer" in refused.stderr


async def test_damaged_journal_stops_a_start_with_one_line_that_names_it(county: County) -> None:
    journal = county.folder / "journal/00000001.jsonl"
    content = bytearray(journal.read_bytes())
    content[content.index(b"unit.create")] ^= 1
    journal.write_bytes(content)
    for asked in ("serve", "rebuild"):
        refused = await command(county, asked)
        assert refused.returncode == 1, refused.stdout
        assert "00000001.jsonl" in refused.stderr and refused.stderr.count("\n") == 1, refused.stderr


async def test_second_server_on_one_folder_is_refused(county: County) -> None:
    await county.start()
    refused = await command(county, "serve")
    assert refused.returncode == 1 and "journal" in refused.stderr and refused.stderr.count("\n") == 1
