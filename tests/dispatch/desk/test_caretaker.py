"""The caretaker over a real coordinator."""

from __future__ import annotations

import time

import msgspec
import pytest

import dispatch.desk.caretaker as caretaker_module
from dispatch.acts.consultation import Create, Join
from dispatch.care import KEEP_ENDED_US
from dispatch.desk.caretaker import Caretaker
from dispatch.permissions import Actor
from dispatch.records import Attendance, Stage
from tests.dispatch.desk.test_coordinator import HERE, OFFICER, running
from tests.patience import until


async def test_due_consultation_opens_by_itself() -> None:
    async with running() as (coordinator, _, world):
        soon = time.time_ns() // 1000 + 300_000
        identifier = await coordinator.act(Create(title="会", unit="C", begins_us=soon), OFFICER, HERE)
        caretaker = Caretaker(coordinator, lambda person: True)
        caretaker.start()
        stage = await until(
            "opened", lambda: world.tables.consultations.get(identifier).stage, lambda it: it is Stage.RUNNING
        )
        assert stage is Stage.RUNNING
        await caretaker.close()
        await caretaker.close()


async def test_nobody_is_absent_right_after_a_start(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as (coordinator, _, world):
        identifier = await coordinator.act(Create(title="会", unit="C", invite=("unit:E",)), OFFICER, HERE)
        await coordinator.act(Join(consultation=identifier), Actor("east"), HERE)
        caretaker = Caretaker(coordinator, lambda person: False)
        await caretaker.look()
        assert world.place(identifier, "east").attendance is Attendance.PRESENT
        monkeypatch.setattr(caretaker_module, "RETURN_SECONDS", 0.0)
        await caretaker.look()
        assert world.place(identifier, "east").attendance is Attendance.LEFT


async def test_many_that_are_gone_are_absent_in_one_write_but_not_who_came_back_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(caretaker_module, "RETURN_SECONDS", 0.0)
    async with running() as (coordinator, disk, world):
        identifier = await coordinator.act(Create(title="会", unit="C", invite=("unit:C",)), OFFICER, HERE)
        people = ("east", "west", "scout")
        for person in people:
            await coordinator.act(Join(consultation=identifier), Actor(person), HERE)
        here: set[str] = set()
        monkeypatch.setattr(caretaker_module, "TOGETHER", 2)
        writes = disk.writes
        # The last one's page is back while the disk still writes that the others are gone.
        coordinator.listen(lambda entries, changes: here.add("scout"))
        await Caretaker(coordinator, here.__contains__).look()
        found = {person: world.place(identifier, person).attendance for person in people}
        assert found == {"east": Attendance.LEFT, "west": Attendance.LEFT, "scout": Attendance.PRESENT}
        assert disk.writes == writes + 1


async def test_what_is_long_over_is_forgotten_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as (coordinator, disk, world):
        identifier = await coordinator.act(Create(title="会", unit="C"), OFFICER, HERE)
        long_ago = time.time_ns() // 1000 - KEEP_ENDED_US
        ended = {"stage": Stage.ENDED, "ended_us": long_ago}
        record = msgspec.structs.replace(world.tables.consultations.get(identifier), **ended)
        world.tables.consultations.put(record)
        world.tables.commit()
        kept = len(disk.records)
        gone: list[str] = []
        coordinator.listen(lambda entries, changes: gone.extend(item.id for item in changes if item.new is None))
        await Caretaker(coordinator, lambda person: True).look()
        await until("forgotten", lambda: identifier not in world.tables.consultations)
        assert gone == [identifier] and len(disk.records) == kept
