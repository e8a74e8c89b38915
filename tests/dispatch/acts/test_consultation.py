"""Making, joining, leaving and ending: who gets in, how, and what stays."""

from __future__ import annotations

import msgspec
import pytest

from dispatch.acts.consultation import (
    MAX_AHEAD_US,
    MAX_PARTICIPANTS,
    MAX_SOURCES,
    Absent,
    Bring,
    Contribute,
    Create,
    End,
    Invite,
    Join,
    Leave,
    Start,
)
from dispatch.acts.people import Disable
from dispatch.errors import Refused
from dispatch.records import Attendance, Stage
from tests.dispatch.world import SECOND_US, World


def refusal(world: World, act: object, by: str = "officer") -> str:
    with pytest.raises(Refused) as refused:
        world.do(act, by)  # type: ignore[arg-type]
    return refused.value.code


def test_asker_is_chair_and_it_runs_at_once() -> None:
    world = World()
    made = world.tables.consultations.get(world.do(Create(title="  防汛\n会商 ", unit="C")))
    assert (made.title, made.chair, made.stage, made.locked) == ("防汛 会商", "officer", Stage.RUNNING, False)


def test_scheduled_one_lets_nobody_in_until_it_is_started() -> None:
    world = World()
    later = world.now_us + 3600 * SECOND_US
    consultation = world.do(Create(title="例会", unit="C", begins_us=later, invite=("unit:E",)))
    assert world.tables.consultations.get(consultation).stage is Stage.SCHEDULED
    assert refusal(world, Join(consultation=consultation), "east") == "consultation-not-started"
    world.do(Start(consultation=consultation))
    world.do(Join(consultation=consultation), "east")
    assert world.place(consultation, "east").attendance is Attendance.PRESENT
    assert refusal(world, Start(consultation=consultation)) == "consultation-not-scheduled"


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (Create(title=" \t", unit="C"), "empty"),
        (Create(title="长" * 65, unit="C"), "too-long"),
        (Create(title="长" * 1_000_000, unit="C"), "too-long"),
        (Create(title="会", unit="nowhere"), "forbidden"),
        (Create(title="会", unit="P"), "forbidden"),
        (Create(title="会", unit="C", begins_us=10**17), "too-far-ahead"),
        (Create(title="会", unit="C", invite=("camera",)), "invalid-invitation"),
        (Create(title="会", unit="C", invite=("person:ghost",)), "person-unknown"),
    ],
)
def test_what_cannot_be_held_is_refused_and_leaves_nothing(act: Create, code: str) -> None:
    world = World()
    assert refusal(world, act) == code
    assert len(world.tables.consultations) == 0 and not world.entries


def test_a_year_ahead_is_the_limit() -> None:
    world = World()
    assert world.do(Create(title="会", unit="C", begins_us=world.now_us + MAX_AHEAD_US))


def test_member_of_an_invited_unit_comes_in_at_once_and_others_wait() -> None:
    world = World()
    consultation = world.do(Create(title="会", unit="C", invite=("unit:E", "person:scout")))
    for person in ("east", "scout"):
        world.do(Join(consultation=consultation), person)
        assert world.place(consultation, person).attendance is Attendance.PRESENT
    assert refusal(world, Join(consultation=consultation), "west") == "forbidden"
    assert refusal(world, Join(consultation=consultation), "stranger") == "forbidden"


def test_invitation_of_a_unit_reaches_everything_below_it() -> None:
    world = World()
    consultation = world.do(Create(title="会", unit="C", invite=("unit:P",)))
    world.do(Join(consultation=consultation), "stranger")
    assert world.place(consultation, "stranger").attendance is Attendance.PRESENT


def test_with_asking_the_invited_wait_and_the_chair_does_not() -> None:
    world = World()
    consultation = world.hold("east", admission="ask")
    assert world.place(consultation, "east").attendance is Attendance.WAITING
    assert world.place(consultation, "officer").attendance is Attendance.PRESENT


def test_who_was_shut_out_does_not_come_back_by_a_page_that_is_still_open() -> None:
    world = World()
    consultation = world.hold("east")
    world.do(Disable(person="east"), "chief")
    assert world.place(consultation, "east").attendance is Attendance.LEFT
    assert refusal(world, Join(consultation=consultation), "east") == "forbidden"
    world.tables.people.drop("east")
    world.tables.commit()
    assert refusal(world, Join(consultation=consultation), "east") == "forbidden"


def test_joining_again_from_another_page_changes_nothing() -> None:
    world = World()
    consultation = world.hold("east")
    place, before = world.place(consultation, "east"), len(world.entries)
    assert world.do(Join(consultation=consultation), "east") == place.id
    assert world.place(consultation, "east") == place and len(world.entries) == before


def test_who_left_comes_back_to_the_same_place_without_hand_or_sources() -> None:
    world = World()
    consultation = world.hold("east")
    world.do(Contribute(consultation=consultation, sources=("east.tab",)), "east")
    world.do(Leave(consultation=consultation), "east")
    gone = world.place(consultation, "east")
    assert (gone.attendance, gone.sources, gone.left_us > 0) == (Attendance.LEFT, (), True)
    world.do(Join(consultation=consultation), "east")
    back = world.place(consultation, "east")
    assert (back.id, back.attendance, back.left_us) == (gone.id, Attendance.PRESENT, 0)


def test_who_is_absent_too_long_has_left_but_only_the_node_says_so() -> None:
    world = World()
    consultation = world.hold("east")
    assert refusal(world, Absent(consultation=consultation, person="east"), "officer") == "node-only"
    world.do(Absent(consultation=consultation, person="east"), "")
    assert world.place(consultation, "east").attendance is Attendance.LEFT
    assert world.entries[-1].actor == "system"


def test_end_sends_everybody_out_and_nothing_can_be_done_after() -> None:
    world = World()
    consultation = world.hold("east")
    world.do(End(consultation=consultation))
    assert world.place(consultation, "east").attendance is Attendance.LEFT
    for act in (
        Join(consultation=consultation),
        End(consultation=consultation),
        Bring(consultation=consultation, source="camera"),
    ):
        assert refusal(world, act) == "consultation-ended"


def test_member_can_neither_end_nor_invite_nor_bring() -> None:
    world = World()
    consultation = world.hold("east")
    for act in (
        End(consultation=consultation),
        Invite(consultation=consultation, whom=("person:west",)),
        Bring(consultation=consultation, source="camera"),
    ):
        assert refusal(world, act, "east") == "forbidden"


def test_camera_is_a_participant_without_a_person_and_may_be_in_two_at_once() -> None:
    world = World()
    for consultation in (world.hold(), world.hold()):
        identifier = world.do(Bring(consultation=consultation, source="camera"))
        place = world.tables.participants.get(identifier)
        assert (place.person, place.sources, place.unit, place.name) == ("", ("camera",), "W", "河堤")
        assert world.do(Bring(consultation=consultation, source="camera")) == identifier


def test_inviting_an_endpoint_brings_its_source() -> None:
    world = World()
    consultation = world.do(Create(title="会", unit="C", invite=("endpoint:camera",)))
    sources = [item.source for item in world.tables.participants]
    assert sources == ["camera"]
    world.do(Invite(consultation=consultation, whom=("endpoint:camera", "person:east")))
    assert len(world.tables.participants) == 1
    assert [item.whom for item in world.tables.consultations.get(consultation).invitations] == [
        "endpoint:camera",
        "person:east",
    ]


def test_no_act_brings_more_in_than_there_is_room_for() -> None:
    world = World()
    consultation = world.hold()
    world.do(Bring(consultation=consultation, source="camera"))
    cameras = [f"camera{number}" for number in range(3)]
    for camera in cameras:
        world.tables.endpoints.put(msgspec.structs.replace(world.tables.endpoints.get("camera"), id=camera))
    for number in range(MAX_PARTICIPANTS - 4):
        place = world.place(consultation, "officer")
        world.tables.participants.put(msgspec.structs.replace(place, id=f"p{number}", person=f"p{number}"))
    world.tables.commit()
    all_three = tuple(f"endpoint:{camera}" for camera in cameras)
    assert refusal(world, Invite(consultation=consultation, whom=all_three)) == "participant-limit"
    world.do(Invite(consultation=consultation, whom=(*all_three[:2], "endpoint:camera")))
    assert world.tables.participants_of.count(consultation) == MAX_PARTICIPANTS
    assert refusal(world, Bring(consultation=consultation, source=cameras[2])) == "participant-limit"
    assert refusal(world, Join(consultation=consultation), "east") == "participant-limit"
    world.do(Bring(consultation=consultation, source="camera"))


def test_source_one_may_not_see_cannot_be_shown_to_others() -> None:
    world = World()
    world.do(Create(title="会", unit="D", invite=("person:stranger",)), "stranger")
    consultation = next(iter(world.tables.consultations)).id
    assert refusal(world, Bring(consultation=consultation, source="camera"), "stranger") == "forbidden"


def test_nobody_contributes_another_persons_source() -> None:
    world = World()
    consultation = world.hold("east", "west")
    assert refusal(world, Contribute(consultation=consultation, sources=("west.tab",)), "east") == "source-not-yours"
    assert refusal(world, Contribute(consultation=consultation, sources=("camera",)), "east") == "source-not-yours"
    many = tuple(f"east.{n}" for n in range(MAX_SOURCES + 1))
    assert refusal(world, Contribute(consultation=consultation, sources=many), "east") == "source-limit"


@pytest.mark.parametrize("rest", ["x" * 1_000_000, "tab\n", "<script>", "", "摄像头"])
def test_what_no_source_can_be_called_is_neither_contributed_nor_brought(rest: str) -> None:
    world = World()
    consultation = world.hold("east")
    source = f"east.{rest}" if rest else "east.\x00"
    assert refusal(world, Contribute(consultation=consultation, sources=(source,)), "east") == "source-not-yours"
    assert refusal(world, Bring(consultation=consultation, source=source), "chief") == "source-unknown"


def test_source_that_is_told_twice_is_one() -> None:
    world = World()
    consultation = world.hold("east")
    world.do(Contribute(consultation=consultation, sources=("east.tab", "east.tab")), "east")
    assert world.place(consultation, "east").sources == ("east.tab",)


def test_only_who_is_present_contributes() -> None:
    world = World()
    consultation = world.hold()
    assert refusal(world, Contribute(consultation=consultation, sources=()), "east") == "forbidden"
