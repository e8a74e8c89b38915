"""Acts in, entries kept, changes told, answers out; and nothing of what was not kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

import dispatch.desk.coordinator as coordinator_module
from dispatch.acts.chair import Lock, RaiseHand
from dispatch.acts.consultation import Create, Join
from dispatch.desk.coordinator import MAX_WAITING, Coordinator
from dispatch.entry import Entry, Origin, decode
from dispatch.errors import Forbidden, Full, Refused, Unavailable
from dispatch.fold import apply
from dispatch.hlc import HybridClock
from dispatch.permissions import Actor
from dispatch.tables import Change
from tests.dispatch.desk.disk import Disk
from tests.dispatch.world import World, everything
from tests.patience import PATIENCE_S

OFFICER = Actor("officer")
HERE = Origin("192.0.2.7", "tab1", "C")


@asynccontextmanager
async def running() -> AsyncIterator[tuple[Coordinator, Disk, World]]:
    world, disk = World(), Disk()
    coordinator = Coordinator(world.tables, HybridClock(), disk, "node")
    coordinator.start()
    try:
        yield coordinator, disk, world
    finally:
        disk.gate.set()
        await coordinator.close()


async def test_answer_comes_after_it_was_kept_and_told() -> None:
    async with running() as (coordinator, disk, _):
        told: list[str] = []
        coordinator.listen(lambda entries, changes: told.extend(entry.verb for entry in entries))
        disk.gate.clear()
        asked = asyncio.create_task(coordinator.act(Create(title="会", unit="C"), OFFICER, HERE))
        while not disk.writes:
            await asyncio.sleep(0)
        assert not asked.done() and told == []
        disk.gate.set()
        identifier = await asked
        (entry,) = decode(disk.records[0])
        assert told == ["consultation.create"] and entry.object_id == identifier
        assert (entry.actor, entry.node, entry.origin, entry.session) == ("officer", "node", HERE, identifier)


async def test_acts_that_wait_for_the_disk_go_to_it_together_and_in_order() -> None:
    async with running() as (coordinator, disk, _):
        disk.gate.clear()
        first = asyncio.create_task(coordinator.act(Create(title="0", unit="C"), OFFICER, HERE))
        while not disk.writes:
            await asyncio.sleep(0)
        rest = [
            asyncio.create_task(coordinator.act(Create(title=str(n), unit="C"), OFFICER, HERE)) for n in range(1, 20)
        ]
        await asyncio.sleep(0)
        disk.gate.set()
        await asyncio.gather(first, *rest)
        assert disk.writes == 2
        assert [decode(record)[0].params["title"] for record in disk.records] == [str(n) for n in range(20)]


async def test_what_was_not_kept_has_not_happened() -> None:
    async with running() as (coordinator, disk, world):
        identifier = await coordinator.act(Create(title="会", unit="C"), OFFICER, HERE)
        await coordinator.act(Join(consultation=identifier), OFFICER, HERE)
        before, told = everything(world.tables), []
        coordinator.listen(lambda entries, changes: told.append(entries))
        disk.failing = Unavailable("journal-full", "no space")
        refusals = await asyncio.gather(
            coordinator.act(Lock(consultation=identifier, locked=True), OFFICER, HERE),
            coordinator.act(RaiseHand(consultation=identifier, raised=True), OFFICER, HERE),
            return_exceptions=True,
        )
        assert [getattr(refusal, "code", refusal) for refusal in refusals] == ["journal-full"] * 2
        assert everything(world.tables) == before and told == []
        disk.failing = None
        await coordinator.act(Lock(consultation=identifier, locked=True), OFFICER, HERE)
        assert world.tables.consultations.get(identifier).locked


async def test_broken_disk_is_told_as_such() -> None:
    async with running() as (coordinator, disk, _):
        disk.failing = OSError(5, "Input/output error")
        with pytest.raises(Unavailable) as refused:
            await coordinator.act(Create(title="会", unit="C"), OFFICER, HERE)
        assert refused.value.code == "journal-failed"


async def test_refused_act_leaves_its_neighbours_alone() -> None:
    async with running() as (coordinator, disk, world):
        answers = await asyncio.gather(
            coordinator.act(Create(title="一", unit="C"), OFFICER, HERE),
            coordinator.act(Create(title="二", unit="P"), OFFICER, HERE),
            coordinator.act(Create(title="三", unit="C"), OFFICER, HERE),
            return_exceptions=True,
        )
        assert isinstance(answers[1], Forbidden)
        assert sorted(item.title for item in world.tables.consultations) == ["一", "三"]
        assert len(disk.records) == 2


async def test_fault_in_one_act_is_that_acts_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as (coordinator, _, world):
        # A clock that breaks in the middle of an act: the entries before it must not stay.
        ticks = iter([(1, 0)])
        monkeypatch.setattr(coordinator._clock, "tick", lambda now_us: next(ticks))
        invite = ("endpoint:camera",)
        with pytest.raises(Refused) as refused:
            await coordinator.act(Create(title="会", unit="C", invite=invite), OFFICER, HERE)
        assert refused.value.code == "internal"
        assert len(world.tables.consultations) == 0 and len(world.tables.participants) == 0
        monkeypatch.undo()
        await coordinator.act(Create(title="会", unit="C", invite=invite), OFFICER, HERE)


async def test_act_that_is_larger_than_a_record_may_be_is_refused_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as (coordinator, disk, world):
        monkeypatch.setattr(coordinator_module, "MAX_PAYLOAD_BYTES", 1_500)
        invited = tuple(f"unit:{unit}" for unit in "PCDEWM")
        answers = await asyncio.gather(
            coordinator.act(Create(title="一", unit="C"), OFFICER, HERE),
            coordinator.act(Create(title="二" * 64, unit="C", invite=(*invited, "endpoint:camera")), OFFICER, HERE),
            coordinator.act(Create(title="三", unit="C"), OFFICER, HERE),
            return_exceptions=True,
        )
        assert isinstance(answers[1], Full) and answers[1].code == "act-too-large"
        assert sorted(item.title for item in world.tables.consultations) == ["一", "三"]
        assert len(disk.records) == 2 and len(world.tables.participants) == 0 and coordinator.fault == ""


async def test_act_that_cannot_be_written_down_is_refused_alone() -> None:
    async with running() as (coordinator, _, world), asyncio.timeout(PATIENCE_S):
        with pytest.raises(Refused) as refused:
            await coordinator.act(Create(title="会", unit="C"), OFFICER, Origin(device="\ud800"))
        assert refused.value.code == "internal" and len(world.tables.consultations) == 0
        await coordinator.act(Create(title="会", unit="C"), OFFICER, HERE)


async def test_turn_ends_when_its_time_is_used_up_and_others_have_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coordinator_module, "TURN_SECONDS", 0.0)
    async with running() as (coordinator, _, _):
        unknown = Lock(consultation="none", locked=True)
        waiting = [asyncio.create_task(coordinator.act(unknown, OFFICER, HERE)) for _ in range(50)]
        turns = 0
        while not all(task.done() for task in waiting):
            await asyncio.sleep(0)
            turns += 1
        assert turns >= len(waiting)
        assert {getattr(task.exception(), "code", "") for task in waiting} == {"forbidden"}


async def test_one_write_takes_no_more_than_the_journal_can(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as (coordinator, disk, world):
        await coordinator.act(Create(title="0", unit="C"), OFFICER, HERE)
        monkeypatch.setattr(coordinator_module, "MAX_TURN_BYTES", 3 * len(disk.records[0]))
        await asyncio.gather(*(coordinator.act(Create(title=str(n), unit="C"), OFFICER, HERE) for n in range(9)))
        assert disk.writes == 1 + 3 and len(world.tables.consultations) == 10


async def test_failing_listener_keeps_nothing_from_the_others() -> None:
    async with running() as (coordinator, _, world):
        told: list[int] = []

        def broken(entries: Sequence[Entry], changes: Sequence[Change]) -> None:
            raise RuntimeError("a fault of the test")

        coordinator.listen(broken)
        stop = coordinator.listen(lambda entries, changes: told.append(len(changes)))
        await coordinator.act(Create(title="会", unit="C"), OFFICER, HERE)
        stop()
        await coordinator.act(Create(title="会", unit="C"), OFFICER, HERE)
        assert told == [1] and len(world.tables.consultations) == 2


async def test_more_than_can_wait_is_refused() -> None:
    async with running() as (coordinator, disk, _):
        disk.gate.clear()
        act = Join(consultation="none")
        waiting = [asyncio.create_task(coordinator.act(Create(title="会", unit="C"), OFFICER, HERE))]
        while not disk.writes:
            await asyncio.sleep(0)
        waiting += [asyncio.create_task(coordinator.act(act, OFFICER, HERE)) for _ in range(MAX_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(Full):
            await coordinator.act(act, OFFICER, HERE)
        disk.gate.set()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_who_gave_up_waiting_has_not_acted() -> None:
    async with running() as (coordinator, disk, world):
        disk.gate.clear()
        first = asyncio.create_task(coordinator.act(Create(title="一", unit="C"), OFFICER, HERE))
        while not disk.writes:
            await asyncio.sleep(0)
        second = asyncio.create_task(coordinator.act(Create(title="二", unit="C"), OFFICER, HERE))
        await asyncio.sleep(0)
        second.cancel()
        disk.gate.set()
        await first
        await coordinator.act(Create(title="三", unit="C"), OFFICER, HERE)
        assert [item.title for item in world.tables.consultations] == ["一", "三"]


async def test_close_answers_what_is_under_way_and_refuses_the_rest() -> None:
    async with running() as (coordinator, disk, _):
        disk.gate.clear()
        first = asyncio.create_task(coordinator.act(Create(title="一", unit="C"), OFFICER, HERE))
        while not disk.writes:
            await asyncio.sleep(0)
        second = asyncio.create_task(coordinator.act(Create(title="二", unit="C"), OFFICER, HERE))
        await asyncio.sleep(0)
        closing = asyncio.create_task(coordinator.close())
        await asyncio.sleep(0)
        disk.gate.set()
        await closing
        assert await first
        for refused in (second, asyncio.create_task(coordinator.act(Join(consultation="x"), OFFICER, HERE))):
            with pytest.raises(Unavailable):
                await refused


async def test_close_refuses_all_when_the_disk_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coordinator_module, "CLOSE_S", 0.05)
    async with running() as (coordinator, disk, world), asyncio.timeout(PATIENCE_S):
        disk.gate.clear()
        first = asyncio.create_task(coordinator.act(Create(title="一", unit="C"), OFFICER, HERE))
        while not disk.writes:
            await asyncio.sleep(0)
        second = asyncio.create_task(coordinator.act(Create(title="二", unit="C"), OFFICER, HERE))
        await asyncio.sleep(0)
        await coordinator.close()
        for refused in (first, second):
            with pytest.raises(Unavailable) as caught:
                await refused
            assert caught.value.code == "node-stopping"
        assert len(world.tables.consultations) == 0
        await coordinator.close()


async def test_state_is_what_the_journal_says() -> None:
    async with running() as (coordinator, disk, world):
        identifier = await coordinator.act(Create(title="会", unit="C", invite=("unit:C",)), OFFICER, HERE)
        for person in ("officer", "east"):
            await coordinator.act(Join(consultation=identifier), Actor(person), HERE)
        with pytest.raises(Forbidden):
            await coordinator.act(RaiseHand(consultation=identifier, raised=True), Actor("west"), HERE)
        other = World()
        for record in disk.records:
            for entry in decode(record):
                apply(other.tables, entry)
        assert everything(other.tables) == everything(world.tables)
