"""The node's memory: as it was after every start, with or without a database, and no start on a journal that is bad."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from config import Database, Server, Settings
from dispatch.acts.units import Create
from dispatch.desk.coordinator import Coordinator
from dispatch.entry import Origin
from dispatch.permissions import SYSTEM
from dispatch.records import Level
from huishang import home
from huishang.desk import desk, open_journal
from huishang.errors import StartError
from signaling.http.metrics import Metrics
from tests.patience import until
from tests.ports import free_ports


def settings(folder: Path, *, node: str = "huishang", database: str = "") -> Settings:
    made = Settings(server=Server(data_dir=str(folder), node=node), database=Database(url=database))
    home.prepare(made, datetime.now(UTC))
    return made


async def enter(coordinator: Coordinator, name: str) -> str:
    """Enter a unit."""
    return await coordinator.act(Create(parent="", level=Level.PROVINCE, name_zh=name), SYSTEM, Origin())


async def test_what_was_entered_is_there_after_a_start(tmp_path: Path) -> None:
    made = settings(tmp_path)
    units: dict[str, str] = {}
    for number in range(3):
        async with desk(made, Metrics("1")) as memory:
            kept = {unit.id: unit.name_zh for unit in memory.coordinator.tables.units}
            assert kept == units
            assert memory.journal.position == number
            identifier = await enter(memory.coordinator, f"省{number}")
            units[identifier] = f"省{number}"


async def test_database_that_was_removed_is_made_anew_from_the_journal(tmp_path: Path) -> None:
    made = settings(tmp_path)
    async with desk(made, Metrics("1")) as memory:
        await enter(memory.coordinator, "省")
        await until("it is in the database", lambda: memory.projector.health.position == memory.journal.position)
    for file in tmp_path.glob("huishang.db*"):
        file.unlink()
    async with desk(made, Metrics("1")) as memory:
        assert [unit.name_zh for unit in memory.coordinator.tables.units] == ["省"]
        await until("it is in the database", lambda: memory.projector.health.position == memory.journal.position)


async def test_node_begins_and_acts_without_its_database(tmp_path: Path) -> None:
    made = settings(tmp_path, database=f"postgresql://nobody:none@127.0.0.1:{free_ports()}/none")
    for count in range(2):
        async with desk(made, Metrics("1")) as memory:
            assert len(memory.coordinator.tables.units) == count
            await enter(memory.coordinator, f"省{count}")
            await until("it is told", lambda: memory.projector.health.code == "database-gone")
            assert memory.coordinator.fault == ""


async def test_second_node_on_the_journal_does_not_start(tmp_path: Path) -> None:
    made = settings(tmp_path)
    async with desk(made, Metrics("1")):
        with pytest.raises(StartError, match="another Huishang server is running"):
            async with desk(made, Metrics("1")):
                pass


def test_journal_of_another_node_is_not_used(tmp_path: Path) -> None:
    open_journal(settings(tmp_path)).close()
    with pytest.raises(StartError, match=r"another node's, look at server\.node"):
        open_journal(settings(tmp_path, node="other"))


async def test_damaged_journal_is_refused_with_what_to_do(tmp_path: Path) -> None:
    made = settings(tmp_path)
    async with desk(made, Metrics("1")) as memory:
        for number in range(3):
            await enter(memory.coordinator, f"省{number}")
    (file,) = (tmp_path / "journal").glob("*.jsonl")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(StartError, match="huishang restore"):
        async with desk(made, Metrics("1")):
            pass
    assert file.read_bytes() == bytes(content)


def test_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    made = settings(tmp_path)
    made.journal_path.write_text("no folder")
    with pytest.raises(StartError, match="the journal cannot be used"):
        open_journal(made)
