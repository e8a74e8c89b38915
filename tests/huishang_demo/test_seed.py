"""The demonstration's province passes the same rules as everybody's, and is entered once."""

from __future__ import annotations

from dispatch.acts.consultation import End
from dispatch.desk.coordinator import Coordinator
from dispatch.entry import Origin
from dispatch.hlc import HybridClock
from dispatch.permissions import Actor, Right
from dispatch.records import Attendance, Level, Stage, Unit
from dispatch.tables import Tables
from huishang.demo.province import BROUGHT, ENDPOINTS, PEOPLE, UNITS
from huishang.demo.seed import seed
from huishang.demo.units import UNITS as PLAYED
from tests.dispatch.desk.disk import Disk
from tests.dispatch.world import everything


async def begun(tables: Tables) -> Coordinator:
    coordinator = Coordinator(tables, HybridClock(), Disk(), "node")
    coordinator.start()
    return coordinator


async def test_all_levels_are_there_and_a_consultation_runs_with_its_devices() -> None:
    tables = Tables()
    coordinator = await begun(tables)
    seeded = await seed(coordinator)
    assert seeded is not None
    assert {unit.level for unit in tables.units} == set(Level)
    assert (len(tables.units), len(tables.people), len(tables.endpoints)) == (len(UNITS), len(PEOPLE), len(ENDPOINTS))
    running = tables.consultations.get(seeded.consultation)
    assert running.stage is Stage.RUNNING and running.chair == seeded.chair
    present = [item for item in tables.participants if item.attendance is Attendance.PRESENT]
    assert [item.source for item in present] == [seeded.sources[name] for name in BROUGHT]
    assert set(seeded.sources) == {unit.id for unit in PLAYED}
    chair = Actor(seeded.chair)
    for source in seeded.sources.values():
        assert coordinator.permissions.may(chair, Right.VIEW, f"source:{source}", 0)
    await coordinator.close()


async def test_second_start_changes_nothing_and_an_ended_consultation_is_held_anew() -> None:
    tables = Tables()
    coordinator = await begun(tables)
    first = await seed(coordinator)
    before = everything(tables)
    assert await seed(coordinator) == first and everything(tables) == before
    assert first is not None
    await coordinator.act(End(consultation=first.consultation), Actor(first.chair), Origin())
    again = await seed(coordinator)
    assert again is not None and again.consultation != first.consultation
    assert tables.consultations.get(again.consultation).stage is Stage.RUNNING
    await coordinator.close()


async def test_directory_of_somebodys_own_is_left_alone() -> None:
    tables = Tables()
    tables.units.put(Unit(id="u", level=Level.COUNTY, name_zh="本县"))
    tables.commit()
    coordinator = await begun(tables)
    assert await seed(coordinator) is None
    assert len(tables.units) == 1 and len(tables.consultations) == 0
    await coordinator.close()


async def test_county_two_townships_and_a_mobile_unit_are_in_the_consultation() -> None:
    tables = Tables()
    coordinator = await begun(tables)
    await seed(coordinator)
    present = [item for item in tables.participants if item.attendance is Attendance.PRESENT]
    units = {item.unit: tables.units.get(item.unit).level for item in present}
    levels = list(units.values())
    assert levels.count(Level.TOWNSHIP) >= 2 and {Level.COUNTY, Level.MOBILE} <= set(levels)
    await coordinator.close()
