"""What who looks after a node does with it: by the command line, with the node's own files."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.huishang.test_cli import environment, first_url, huishang, on_loopback
from tests.patience import PATIENCE_S, wait_until


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in which a node with the demonstration's directory ran and was killed."""
    argv = [sys.executable, "-m", "huishang", "run"]
    settings = on_loopback()
    with subprocess.Popen(
        argv, cwd=tmp_path, env=environment(**settings), stdout=subprocess.PIPE, text=True, process_group=0
    ) as process:
        first_url(process)
        wait_until(lambda: units(tmp_path) > 20, "the database has the directory")
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE_S)
    yield tmp_path


def units(folder: Path, table: str = "unit") -> int:
    """Count rows of the node's database."""
    try:
        with sqlite3.connect(folder / "var/huishang.db") as database:
            return int(database.execute(f"select count(*) from {table}").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def test_backup_of_a_killed_node_starts_elsewhere_with_all_that_was_in_it(folder: Path, tmp_path: Path) -> None:
    before = units(folder)
    made = huishang("backup", "--to", "node.backup", folder=folder)
    assert made.returncode == 0 and "node.backup" in made.stdout
    again = huishang("backup", "--to", "node.backup", folder=folder)
    assert again.returncode == 1 and again.stderr.count("\n") == 1
    other = tmp_path / "elsewhere"
    other.mkdir()
    back = huishang("restore", str(folder / "node.backup"), folder=other)
    assert back.returncode == 0
    assert not (other / "var/huishang.db").exists()
    rebuilt = huishang("rebuild", folder=other)
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert units(other) == before
    for name in ("access-keys.json", "tokens.toml", "tls/ca.key"):
        assert (other / "var" / name).read_bytes() == (folder / "var" / name).read_bytes()


def test_upgrade_tells_what_waits_and_does_it(folder: Path) -> None:
    assert huishang("upgrade", "--check", folder=folder).returncode == 0
    (folder / "var/huishang.db").unlink()
    checked = huishang("upgrade", "--check", folder=folder)
    assert checked.returncode == 3 and "0001" in checked.stdout
    assert huishang("upgrade", folder=folder).returncode == 0
    assert huishang("upgrade", "--check", folder=folder).returncode == 0


def test_newer_database_is_refused_by_name(folder: Path) -> None:
    with sqlite3.connect(folder / "var/huishang.db") as database:
        database.execute("update alembic_version set version_num = '9999'")
    for command in (("upgrade",), ("upgrade", "--check")):
        refused = huishang(*command, folder=folder)
        assert refused.returncode == 1 and "database-newer" in refused.stderr


def test_damaged_journal_stops_the_start_with_one_line(folder: Path) -> None:
    journal = folder / "var/journal/00000001.jsonl"
    content = bytearray(journal.read_bytes())
    at = content.index(b"unit.create")
    content[at] ^= 1
    journal.write_bytes(content)
    for command in (("serve",), ("rebuild",)):
        refused = huishang(*command, folder=folder, **on_loopback())
        assert refused.returncode == 1, refused.stdout
        assert "00000001.jsonl" in refused.stderr and refused.stderr.count("\n") == 1, refused.stderr


async def test_second_server_on_one_folder_is_refused(folder: Path) -> None:
    argv = [sys.executable, "-m", "huishang", "serve"]
    with subprocess.Popen(
        argv, cwd=folder, env=environment(**on_loopback()), stdout=subprocess.PIPE, text=True
    ) as process:
        await asyncio.to_thread(first_url, process)
        refused = await asyncio.to_thread(lambda: huishang("serve", folder=folder, **on_loopback()))
        process.terminate()
    assert refused.returncode == 1 and "journal" in refused.stderr and refused.stderr.count("\n") == 1
