"""Enters the demonstration's province and opens its consultation, by the same acts as everybody's.

What is there already stays: a second start finds it, and a directory of somebody's own is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from dispatch.acts import consultation, endpoints, people, units
from dispatch.acts.base import Act
from dispatch.desk.coordinator import Coordinator
from dispatch.entry import Origin
from dispatch.permissions import SYSTEM, Actor
from dispatch.records import Role, Stage
from dispatch.tables import Tables
from huishang.demo.province import BROUGHT, ENDPOINTS, HOST, INVITED, PEOPLE, TITLE, UNITS

_ORIGIN = Origin(device="demonstration")


@dataclass(frozen=True, slots=True)
class Seeded:
    """Ids: who chairs, the consultation, and the source that each unit of the demonstration is to publish."""

    chair: str
    consultation: str
    sources: dict[str, str]


async def seed(coordinator: Coordinator) -> Seeded | None:
    """Enter what is missing; None when the directory is somebody's own. Raises Refused."""
    tables = coordinator.tables
    if len(tables.units) == 0:
        await _enter(coordinator)
    chair = tables.person_of_login.first(PEOPLE[0].login)
    sources = _sources(tables)
    host = _unit(tables, HOST)
    if chair is None or host is None or len(sources) < len(BROUGHT):
        return None
    running = next((item.id for item in tables.consultations if _is_ours(item.title, item.stage)), None)
    if running is None:
        invited = (_unit(tables, key) for key in INVITED)
        create = consultation.Create(
            title=TITLE,
            unit=host,
            invite=(
                *(f"unit:{unit}" for unit in invited if unit),
                *(f"endpoint:{sources[name]}" for name in BROUGHT),
            ),
        )
        running = await coordinator.act(create, Actor(chair), _ORIGIN)
    return Seeded(chair, running, sources)


async def _enter(coordinator: Coordinator) -> None:
    async def act(made: Act) -> str:
        return await coordinator.act(made, SYSTEM, _ORIGIN)

    ids: dict[str, str] = {"": ""}
    for order, unit in enumerate(UNITS):
        ids[unit.key] = await act(
            units.Create(
                parent=ids[unit.parent],
                level=unit.level,
                name_zh=unit.name_zh,
                name_en=unit.name_en,
                code=unit.code,
                order=order,
            )
        )
    for person in PEOPLE:
        roles = (Role(person.role, ids[person.unit]),)
        await act(
            people.Create(unit=ids[person.unit], name=person.name, login=person.login, title=person.title, roles=roles)
        )
    for item in ENDPOINTS:
        await act(
            endpoints.Create(
                unit=ids[item.unit], kind=item.kind, name_zh=item.name_zh, name_en=item.name_en, gb_id=item.gb_id
            )
        )


def _sources(tables: Tables) -> dict[str, str]:
    """Return the endpoints that the demonstration's units play, by the unit's name."""
    by_name = {endpoint.name_zh: endpoint.id for endpoint in tables.endpoints}
    return {item.plays: by_name[item.name_zh] for item in ENDPOINTS if item.plays and item.name_zh in by_name}


def _unit(tables: Tables, key: str) -> str | None:
    name = next(row.name_zh for row in UNITS if row.key == key)
    return next((unit.id for unit in tables.units if unit.name_zh == name), None)


def _is_ours(title: str, stage: Stage) -> bool:
    return title == TITLE and stage is Stage.RUNNING
