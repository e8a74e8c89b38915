"""What the node does by itself."""

from __future__ import annotations

from dispatch.acts.chair import Say
from dispatch.acts.consultation import Absent, Bring, Create, End, Leave, Start
from dispatch.care import KEEP_ENDED_US, KEEP_MESSAGES, due, forgettable
from tests.dispatch.world import SECOND_US, World


def test_scheduled_consultation_is_opened_at_its_time_and_not_before() -> None:
    world = World()
    begins = world.now_us + 60 * SECOND_US
    consultation = world.do(Create(title="会", unit="C", begins_us=begins))
    assert list(due(world.tables, lambda person: True, begins - 1)) == []
    (act,) = due(world.tables, lambda person: True, begins)
    assert act == Start(consultation=consultation)
    world.now_us = begins
    world.do(act, "")
    assert list(due(world.tables, lambda person: True, begins + SECOND_US)) == []


def test_who_is_gone_is_absent_and_cameras_never_are() -> None:
    world = World()
    consultation = world.hold("east", "west")
    world.do(Bring(consultation=consultation, source="camera"))
    world.do(Leave(consultation=consultation), "west")
    acts = list(due(world.tables, lambda person: person == "officer", world.now_us))
    assert acts == [Absent(consultation=consultation, person="east")]
    world.do(acts[0], "")
    assert list(due(world.tables, lambda person: person == "officer", world.now_us)) == []


def test_ended_consultation_leaves_memory_after_a_while_with_all_that_is_its() -> None:
    world = World()
    consultation, other = world.hold("east"), world.hold("west")
    world.do(Say(consultation=consultation, text="到"), "east")
    world.do(End(consultation=consultation))
    ended = world.tables.consultations.get(consultation).ended_us
    assert list(forgettable(world.tables, ended + KEEP_ENDED_US - 1)) == []
    for kind, identifier in list(forgettable(world.tables, ended + KEEP_ENDED_US)):
        world.tables.of_kind(kind).drop(identifier)
    assert [item.id for item in world.tables.consultations] == [other]
    assert {item.consultation for item in world.tables.participants} == {other}
    assert len(world.tables.messages) == 0


def test_only_the_newest_texts_stay_in_memory() -> None:
    world = World()
    consultation = world.hold("east")
    for number in range(KEEP_MESSAGES + 3):
        world.do(Say(consultation=consultation, text=str(number)), "east")
    gone = [identifier for _, identifier in forgettable(world.tables, world.now_us)]
    assert [world.tables.messages.get(identifier).text for identifier in gone] == ["0", "1", "2"]
