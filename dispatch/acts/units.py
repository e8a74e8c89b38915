"""The tree of units: making, changing, moving and removing them."""

from __future__ import annotations

import msgspec

from dispatch.acts.base import Act, Desk, declare
from dispatch.acts.grants import drop_grants
from dispatch.acts.people import require_administrator
from dispatch.directory import rules
from dispatch.errors import Conflict
from dispatch.permissions import Right
from dispatch.records import Level, Stage, Unit


class Create(Act, frozen=True, kw_only=True):
    """`parent` "": a root. `id`: what the unit is called elsewhere, "" for a new identifier."""

    parent: str = ""
    level: Level
    name_zh: str
    name_en: str = ""
    code: str = ""
    order: int = 0
    id: str = ""


def _place(parent: str) -> str:
    return f"unit:{parent}" if parent else "node"


@declare(
    "unit.create",
    Create,
    right=Right.MANAGE,
    target=lambda act: _place(act.parent),
    http="POST /units",
    summary="Make a unit below another, or a root",
)
def _create(desk: Desk, act: Create) -> str:
    rules.room(desk.tables.units, rules.MAX_UNITS)
    unit = Unit(
        id=rules.identifier(desk, act.id),
        parent=act.parent,
        level=act.level,
        name_zh=rules.name(act.name_zh, "name_zh"),
        name_en=rules.name(act.name_en, "name_en", required=False),
        code=rules.division_code(act.code),
        order=rules.order(act.order),
    )
    _check_parent(desk, unit)
    _check_unique(desk, unit)
    return desk.create("unit.create", "unit", unit)


class OnUnit(Act, frozen=True, kw_only=True):
    """An act on one unit."""

    unit: str


def on(act: OnUnit) -> str:
    """Return the object of an act on a unit."""
    return f"unit:{act.unit}"


class Change(OnUnit, frozen=True, kw_only=True):
    """What is None stays. With `parent` it is a move, for which one needs the right at both places."""

    parent: str | None = None
    level: Level | None = None
    name_zh: str | None = None
    name_en: str | None = None
    code: str | None = None
    order: int | None = None


@declare(
    "unit.change",
    Change,
    right=Right.MANAGE,
    target=on,
    http="PATCH /units/{unit}",
    summary="Change a unit's names, level, code or place",
)
def _change(desk: Desk, act: Change) -> str:
    old = desk.tables.units.get(act.unit)
    new = msgspec.structs.replace(
        old,
        parent=old.parent if act.parent is None else act.parent,
        level=old.level if act.level is None else act.level,
        name_zh=old.name_zh if act.name_zh is None else rules.name(act.name_zh, "name_zh"),
        name_en=old.name_en if act.name_en is None else rules.name(act.name_en, "name_en", required=False),
        code=old.code if act.code is None else rules.division_code(act.code),
        order=old.order if act.order is None else rules.order(act.order),
    )
    _amend(desk, old, new)
    return ""


class Move(OnUnit, frozen=True, kw_only=True):
    """Put a unit with all that is below it under another one; "" makes it a root."""

    parent: str


@declare(
    "unit.move",
    Move,
    right=Right.MANAGE,
    target=on,
    http="PUT /units/{unit}/parent",
    summary="Put a unit under another one",
)
def _move(desk: Desk, act: Move) -> str:
    old = desk.tables.units.get(act.unit)
    _amend(desk, old, msgspec.structs.replace(old, parent=act.parent))
    return ""


class Remove(OnUnit, frozen=True, kw_only=True):
    """Take out a unit that nothing depends on any more."""


@declare("unit.remove", Remove, right=Right.MANAGE, target=on, http="DELETE /units/{unit}", summary="Take a unit out")
def _remove(desk: Desk, act: Remove) -> str:
    desk.tables.units.get(act.unit)
    _require_empty(desk, act.unit)
    drop_grants(desk, on(act))
    desk.remove("unit.remove", on(act))
    return ""


def _amend(desk: Desk, old: Unit, new: Unit) -> None:
    if new.parent != old.parent:
        desk.require(Right.MANAGE, _place(new.parent))
        _check_cycle(desk, new)
        _check_parent(desk, new)
        if not old.parent:
            require_administrator(desk, unless_root=old.id)
    elif new.level != old.level:
        _check_parent(desk, new)
    if new.level != old.level:
        _check_children(desk, new)
    _check_unique(desk, new)
    desk.amend("unit.change" if new.parent == old.parent else "unit.move", "unit", old, new)


def _check_cycle(desk: Desk, unit: Unit) -> None:
    if unit.id in desk.permissions.line(unit.parent):
        raise Conflict("cycle", "a unit cannot stand below itself", "parent")


def _check_parent(desk: Desk, unit: Unit) -> None:
    if not unit.parent:
        return
    rules.level(unit.level, desk.tables.units.get(unit.parent).level)
    depth = sum(1 for _ in desk.permissions.line(unit.parent))
    if depth + _height(desk, unit.id) > rules.MAX_DEPTH:
        raise Conflict("too-deep", f"units stand {rules.MAX_DEPTH} deep at most", "parent")


def _check_children(desk: Desk, unit: Unit) -> None:
    for child in desk.tables.children.ids(unit.id):
        rules.level(desk.tables.units.get(child).level, unit.level)


def _check_unique(desk: Desk, unit: Unit) -> None:
    """Refuse names that a sibling has, and a division code that another unit has. Raises Conflict."""
    for index, name, field in (
        (desk.tables.unit_of_name, unit.name_zh, "name_zh"),
        (desk.tables.unit_of_english, unit.name_en, "name_en"),
    ):
        if name and index.first(rules.sibling_key(unit, name)) not in (None, unit.id):
            raise Conflict("name-taken", f"a sibling is called {name}", field)
    if unit.code and desk.tables.unit_of_code.first(unit.code) not in (None, unit.id):
        raise Conflict("code-taken", f"another unit has the code {unit.code}", "code")


def _height(desk: Desk, unit: str) -> int:
    """Return how many units stand below one another from this one on, itself included."""
    height, row = 0, [unit]
    while row and height <= rules.MAX_DEPTH:
        height += 1
        row = [child for item in row for child in desk.tables.children.ids(item)]
    return height


def _require_empty(desk: Desk, unit: str) -> None:
    """Raise Conflict with a code that says what is in the way."""
    tables = desk.tables
    if tables.children.count(unit):
        raise Conflict("unit-has-children", "other units stand below it")
    if tables.people_of_unit.count(unit):
        raise Conflict("unit-has-people", "people belong to it")
    if tables.endpoints_of_unit.count(unit):
        raise Conflict("unit-has-endpoints", "endpoints belong to it")
    if tables.policies_of.count(unit):
        raise Conflict("unit-has-policies", "it has policies of recording")
    if any(item.unit == unit and item.stage is not Stage.ENDED for item in tables.consultations):
        raise Conflict("unit-has-consultations", "it holds consultations that have not ended")
    if any(role.scope == unit for person in tables.people for role in person.roles):
        raise Conflict("unit-has-roles", "people of other units have roles in it")
