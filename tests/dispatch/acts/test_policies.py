"""Who makes policies of recording, what they may be, and that they outlive nobody's lent right."""

from __future__ import annotations

import msgspec
import pytest

from dispatch.acts import policies
from dispatch.acts.grants import Give
from dispatch.acts.ordered import Expire, Order, Release, Roll
from dispatch.acts.policies import Begin, Change, Create, End, Remove
from dispatch.acts.units import Remove as RemoveUnit
from dispatch.audit import Audit
from dispatch.permissions import Actor, Right
from dispatch.records import DAY_US, EndpointKind, Policy
from tests.dispatch.acts.test_consultation import refusal
from tests.dispatch.world import SECOND_US, World


def made(world: World, identifier: str) -> Policy:
    return world.tables.policies.get(identifier)


def test_policy_is_made_where_one_records_by_a_role_and_manages() -> None:
    world = World()
    create = Create(unit="C", what="sources", kinds=(EndpointKind.DRONE,) * 2, reason=" 汛期  值守 ")
    for person in ("east", "stranger", "nobody"):
        assert refusal(world, create, person) == "forbidden"
    for right in (Right.RECORD, Right.MANAGE):
        until_us = world.now_us + DAY_US
        world.do(Give(verb=right, object="unit:C", to="person:stranger", until_us=until_us), "chief")
    assert refusal(world, create, "stranger") == "forbidden", "what was lent ends, and a policy does not"
    policy = made(world, world.do(create))
    assert (policy.kinds, policy.reason, policy.by, policy.why) == (
        (EndpointKind.DRONE,),
        "汛期 值守",
        "officer",
        "policy",
    )
    assert policy.retention == "ordinary" and policy.period_us == DAY_US


def test_policy_moves_only_where_one_may_have_made_it() -> None:
    world = World()
    policy = world.do(Create(unit="C", what="sources", kinds=(EndpointKind.DRONE,)))
    assert refusal(world, Change(policy=policy, unit="D")) == "forbidden"
    world.do(Change(policy=policy, unit="E", what="consultations", retention="lasting"))
    entry = world.entries[-1]
    assert entry.params == {"unit": "E", "what": "consultations", "kinds": (), "retention": "lasting"}
    assert refusal(world, Change(policy=policy, kinds=(EndpointKind.DRONE,))) == "invalid-value"
    assert refusal(world, Remove(policy=policy), "stranger") == "forbidden"
    before = len(world.entries)
    world.do(Change(policy=policy, unit="E"))
    assert len(world.entries) == before


def test_times_that_cannot_be_are_refused() -> None:
    world = World()
    for wrong in (
        {"until_us": world.now_us},
        {"from_us": world.now_us + 2 * DAY_US, "until_us": world.now_us + DAY_US},
        {"period_us": 1},
        {"period_us": 8 * DAY_US},
        {"from_us": 1 << 60},
        {"until_us": -1},
    ):
        create = msgspec.convert({"unit": "C", "what": "all", **wrong}, Create)
        assert refusal(world, create) in ("out-of-range", "too-far-ahead"), wrong


def test_emergency_is_one_press_of_who_records_and_is_no_policy_to_change() -> None:
    world = World()
    assert refusal(world, Begin(unit="C", reason="溃堤"), "east") == "forbidden"
    assert refusal(world, Begin(unit="C", reason=" ")) == "empty"
    first = world.do(Begin(unit="C", reason="溃堤"))
    assert world.do(Begin(unit="C", reason="还是溃堤"), "chief") == first
    policy = made(world, first)
    assert (policy.what, policy.retention, policy.why, policy.until_us) == ("all", "lasting", "emergency", 0)
    for act in (Change(policy=first, retention="brief"), Remove(policy=first)):
        assert refusal(world, act) == "policy-emergency"
    assert refusal(world, End(unit="C"), "stranger") == "forbidden"
    world.do(End(unit="C"), "chief")
    assert first not in world.tables.policies


def test_a_unit_with_policies_is_not_removed_and_there_is_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "MAX_POLICIES", 1)
    world = World()
    policy = world.do(Create(unit="M", what="all"))
    assert refusal(world, Begin(unit="C", reason="溃堤")) == "policy-limit"
    world.tables.people.drop("scout")
    assert refusal(world, RemoveUnit(unit="M"), "chief") == "unit-has-policies"
    world.do(Remove(policy=policy))
    world.do(RemoveUnit(unit="M"), "chief")


def test_what_the_node_does_nobody_else_does_and_only_where_it_is_wanted() -> None:
    world = World()
    policy = world.do(Create(unit="W", what="sources", until_us=world.now_us + 60 * SECOND_US))
    recording = world.do(Order(of="source:camera"), "")
    for act in (Order(of="source:camera"), Roll(recording=recording), Release(recording=recording)):
        assert refusal(world, act, "chief") == "node-only"
    assert refusal(world, Expire(policy=policy), "") == "policy-holds"
    assert refusal(world, Release(recording=recording), "") == "recording-wanted"
    assert refusal(world, Order(of="source:drone"), "") == "recording-not-wanted"


def test_the_unit_reads_of_its_policies_also_when_they_are_over() -> None:
    world = World()
    world.do(Begin(unit="W", reason="溃堤"))
    world.do(End(unit="W"))
    for entry in world.entries[-2:]:
        read = [
            person
            for person in ("chief", "officer", "west", "stranger")
            if Audit(world.tables, world.permissions, Actor(person), world.now_us).may_read(entry)
        ]
        assert read == ["chief", "officer"]
