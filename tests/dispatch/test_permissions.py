"""Rights: what a role reaches, what a place in a consultation gives, what a grant adds and for how long."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.acts.chair import Depute, Remove
from dispatch.acts.consultation import Create, End
from dispatch.permissions import ROLES, SYSTEM, Actor, Right
from dispatch.records import Grant, Role
from tests.dispatch.world import SECOND_US, World


def may(world: World, person: str, right: Right, target: str) -> bool:
    return world.permissions.may(Actor(person), right, target, world.now_us)


def test_role_reaches_down_and_neither_up_nor_aside() -> None:
    world = World()
    for unit, expected in (("C", True), ("E", True), ("M", True), ("P", False), ("D", False)):
        assert may(world, "officer", Right.MANAGE, f"unit:{unit}") is expected
    assert may(world, "officer", Right.VIEW, "source:camera") and may(world, "officer", Right.VIEW, "endpoint:camera")
    assert not may(world, "stranger", Right.VIEW, "source:camera")
    assert not may(world, "east", Right.VIEW, "source:camera")


def test_everybody_with_a_role_sees_all_units_and_people_so_that_any_level_reaches_any_other() -> None:
    world = World()
    for target in ("unit:P", "unit:D", "person:stranger", "endpoint:camera"):
        assert may(world, "east", Right.SEE, target)
        assert not may(world, "nobody", Right.SEE, target)


def test_node_belongs_to_who_has_the_right_at_a_root() -> None:
    world = World()
    assert may(world, "chief", Right.ADMIN, "node") and not may(world, "officer", Right.MANAGE, "node")
    assert world.permissions.may(SYSTEM, Right.ADMIN, "node", 0)


def test_disabled_and_unknown_people_may_nothing() -> None:
    world = World()
    world.tables.people.put(msgspec.structs.replace(world.tables.people.get("chief"), disabled=True))
    for person in ("chief", "ghost"):
        assert not any(may(world, person, right, "unit:E") for right in Right)


def test_place_in_a_consultation_gives_rights_there_and_its_loss_takes_them() -> None:
    world = World()
    consultation = world.do(Create(title="会", unit="C", invite=("person:stranger",)))
    target = f"consultation:{consultation}"
    assert [right for right in Right if may(world, "stranger", right, target)] == [Right.SEE]
    consultation = world.hold("east", "west")
    target = f"consultation:{consultation}"
    assert {right for right in Right if may(world, "east", right, target)} == {Right.SEE, Right.VIEW, Right.TALK}
    world.do(Depute(consultation=consultation, person="east", deputy=True))
    assert may(world, "east", Right.CHAIR, target)
    world.do(Depute(consultation=consultation, person="east", deputy=False))
    world.do(Remove(consultation=consultation, participant=world.place(consultation, "east").id))
    assert not any(may(world, "east", right, target) for right in Right)
    world.do(End(consultation=consultation))
    assert not may(world, "scout", Right.SEE, target)


def grant(to: str, target: str, world: World, *, right: Right = Right.VIEW) -> None:
    record = Grant(
        id="g",
        verb=right,
        object=target,
        to=to,
        from_us=world.now_us + SECOND_US,
        until_us=world.now_us + 2 * SECOND_US,
        by="officer",
    )
    world.tables.grants.put(record)


@pytest.mark.parametrize("to", ["person:stranger", "unit:D", "unit:P"])
@pytest.mark.parametrize("target", ["source:camera", "unit:W", "unit:C"])
def test_grant_holds_from_its_beginning_until_before_its_end(to: str, target: str) -> None:
    world = World()
    grant(to, target, world)
    held = []
    for _ in range(4):
        held.append(may(world, "stranger", Right.VIEW, "source:camera"))
        world.now_us += SECOND_US
    assert held == [False, True, False, False]


def test_grant_gives_its_right_on_its_object_only() -> None:
    world = World()
    grant("person:stranger", "source:camera", world)
    world.now_us += SECOND_US
    assert not may(world, "stranger", Right.STEER, "source:camera")
    assert not may(world, "stranger", Right.VIEW, "unit:W")
    assert not may(world, "east", Right.VIEW, "source:camera")


def test_damaged_tree_with_a_cycle_hangs_nothing() -> None:
    world = World()
    world.tables.units.put(msgspec.structs.replace(world.tables.units.get("P"), parent="E"))
    assert may(world, "officer", Right.MANAGE, "unit:E")


@given(st.sampled_from(list(ROLES)), st.sampled_from("PCDEWM"), st.sampled_from(list(Right)), st.sampled_from("PCDEWM"))
def test_right_of_a_role_is_held_exactly_below_its_scope(role: str, scope: str, right: Right, unit: str) -> None:
    world = World()
    person = world.tables.people.get("nobody")
    world.tables.people.put(msgspec.structs.replace(person, roles=(Role(role, scope),)))
    below = scope in world.permissions.line(unit)
    assert may(world, "nobody", right, f"unit:{unit}") is ((below and right in ROLES[role]) or right is Right.SEE)
