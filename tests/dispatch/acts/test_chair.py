"""What the chair does: to whom it may, what it changes, and what a member cannot."""

from __future__ import annotations

import msgspec
import pytest

from dispatch.acts import chair
from dispatch.acts.base import Act
from dispatch.acts.chair import (
    MAX_DEPUTIES,
    MAX_SPOTLIGHT,
    Admit,
    Announce,
    AnswerRoll,
    Ask,
    CallRoll,
    Depute,
    GiveWord,
    HandOver,
    Light,
    Lock,
    Mute,
    MuteAll,
    Prioritise,
    RaiseHand,
    Remove,
    Say,
    Spotlight,
)
from dispatch.acts.consultation import Absent, Invite, Join, Leave
from dispatch.records import Attendance, Role
from tests.dispatch.acts.test_consultation import refusal
from tests.dispatch.world import World


def test_mute_cuts_what_it_names_and_leaves_the_rest() -> None:
    world = World()
    consultation = world.hold("east")
    place = world.place(consultation, "east").id
    world.do(Mute(consultation=consultation, participant=place, sound=True))
    assert (world.place(consultation, "east").sound_off, world.place(consultation, "east").picture_off) == (True, False)
    world.do(Mute(consultation=consultation, participant=place, picture=True))
    world.do(Mute(consultation=consultation, participant=place, sound=False))
    assert (world.place(consultation, "east").sound_off, world.place(consultation, "east").picture_off) == (False, True)


def test_act_without_effect_is_no_entry() -> None:
    world = World()
    consultation = world.hold("east")
    world.mute(consultation, "east")
    before = len(world.entries)
    world.mute(consultation, "east")
    world.do(Lock(consultation=consultation, locked=False))
    assert len(world.entries) == before


def test_mute_all_spares_chair_and_who_has_the_word() -> None:
    world = World()
    consultation = world.hold("east", "west", "scout")
    world.do(GiveWord(consultation=consultation, participant=world.place(consultation, "west").id, given=True))
    world.do(MuteAll(consultation=consultation))
    cut = {name: world.place(consultation, name).sound_off for name in ("officer", "east", "west", "scout")}
    assert cut == {"officer": False, "east": True, "west": False, "scout": True}


def test_asking_to_unmute_lifts_the_cut_and_says_when() -> None:
    world = World()
    consultation = world.hold("east")
    world.mute(consultation, "east")
    world.do(Ask(consultation=consultation, participant=world.place(consultation, "east").id))
    place = world.place(consultation, "east")
    assert not place.sound_off and place.asked_us > place.joined_us


def test_spotlights_that_two_chairs_change_at_once_are_all_there() -> None:
    world = World()
    consultation = world.hold("east", "west")
    world.do(Depute(consultation=consultation, person="east", deputy=True))
    east, west = (world.place(consultation, name).id for name in ("east", "west"))

    def spotlight() -> tuple[str, ...]:
        return world.tables.consultations.get(consultation).spotlight

    world.do(Light(consultation=consultation, participant=west, lit=True))
    world.do(Light(consultation=consultation, participant=east, lit=True), "east")
    assert spotlight() == (west, east)
    world.do(Light(consultation=consultation, participant=west, lit=False), "east")
    assert spotlight() == (east,)
    for lit, place in ((True, east), (False, west)):
        before = len(world.entries)
        world.do(Light(consultation=consultation, participant=place, lit=lit))
        assert spotlight() == (east,) and len(world.entries) == before


def test_only_who_is_here_gets_a_spotlight_and_not_more_than_the_limit() -> None:
    world = World()
    names = ("east", "west", "scout")
    consultation = world.hold(*names)
    places = [world.place(consultation, name).id for name in names]
    world.do(Leave(consultation=consultation), "east")
    assert refusal(world, Light(consultation=consultation, participant=places[0], lit=True)) == "not-present"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chair, "MAX_SPOTLIGHT", 1)
        world.do(Light(consultation=consultation, participant=places[1], lit=True))
        assert refusal(world, Light(consultation=consultation, participant=places[2], lit=True)) == "too-many"
    other = world.hold("west")
    assert refusal(world, Light(consultation=other, participant=places[2], lit=True)) == "participant-unknown"


def test_removed_one_waits_when_it_comes_back_until_it_is_admitted() -> None:
    world = World()
    consultation = world.hold("east")
    place = world.place(consultation, "east").id
    world.do(Spotlight(consultation=consultation, participants=(place,)))
    world.do(Remove(consultation=consultation, participant=place))
    assert world.place(consultation, "east").attendance is Attendance.REMOVED
    assert world.tables.consultations.get(consultation).spotlight == ()
    world.do(Join(consultation=consultation), "east")
    assert world.place(consultation, "east").attendance is Attendance.WAITING
    world.do(Admit(consultation=consultation, participant=place))
    assert world.place(consultation, "east").attendance is Attendance.PRESENT
    assert refusal(world, Admit(consultation=consultation, participant=place)) == "not-waiting"


@pytest.mark.parametrize("gone", [Leave, Absent])
def test_removed_one_that_gives_up_waiting_is_not_let_in_by_itself_the_next_time(gone: type[Leave | Absent]) -> None:
    world = World()
    consultation = world.hold("east")
    place = world.place(consultation, "east").id
    world.do(Remove(consultation=consultation, participant=place))
    for _ in range(2):
        world.do(Join(consultation=consultation), "east")
        assert world.place(consultation, "east").attendance is Attendance.WAITING
        if gone is Absent:
            world.do(Absent(consultation=consultation, person="east"), "")
        else:
            world.do(Leave(consultation=consultation), "east")
        assert world.place(consultation, "east").attendance is Attendance.REMOVED
    world.do(Join(consultation=consultation), "east")
    world.do(Admit(consultation=consultation, participant=place))
    world.do(Leave(consultation=consultation), "east")
    world.do(Join(consultation=consultation), "east")
    assert world.place(consultation, "east").attendance is Attendance.PRESENT


def test_chair_cannot_be_removed_even_by_a_deputy() -> None:
    world = World()
    consultation = world.hold("east")
    world.do(Depute(consultation=consultation, person="east", deputy=True))
    place = world.place(consultation, "officer").id
    assert refusal(world, Remove(consultation=consultation, participant=place), "east") == "chair-stays"


def test_deputy_that_is_sent_away_is_one_no_more() -> None:
    world = World()
    consultation = world.hold("east", "west")
    world.do(Depute(consultation=consultation, person="east", deputy=True))
    world.do(Remove(consultation=consultation, participant=world.place(consultation, "east").id))
    assert world.tables.consultations.get(consultation).deputies == ()
    assert refusal(world, MuteAll(consultation=consultation), "east") == "forbidden"
    world.do(Join(consultation=consultation), "east")
    assert world.place(consultation, "east").attendance is Attendance.WAITING


def test_lock_keeps_new_ones_out_and_lets_chairs_in() -> None:
    world = World()
    consultation = world.hold("east")
    world.do(Lock(consultation=consultation, locked=True))
    assert refusal(world, Join(consultation=consultation), "west") == "consultation-locked"
    world.do(Leave(consultation=consultation))
    world.do(Join(consultation=consultation))
    world.do(Lock(consultation=consultation, locked=False))
    world.do(Join(consultation=consultation), "west")


def test_who_lost_the_line_waits_before_a_lock_and_who_was_sent_away_is_refused() -> None:
    world = World()
    consultation = world.hold("east", "west")
    world.do(Lock(consultation=consultation, locked=True))
    place = world.place(consultation, "east").id
    for _ in range(2):
        world.do(Absent(consultation=consultation, person="east"), "")
        world.do(Join(consultation=consultation), "east")
        assert world.place(consultation, "east").attendance is Attendance.WAITING
    world.do(Admit(consultation=consultation, participant=place))
    assert world.place(consultation, "east").attendance is Attendance.PRESENT
    world.do(Remove(consultation=consultation, participant=world.place(consultation, "west").id))
    assert refusal(world, Join(consultation=consultation), "west") == "consultation-locked"


def test_who_only_ever_waited_is_new_to_a_lock() -> None:
    world = World()
    consultation = world.hold("east", admission="ask")
    world.do(Leave(consultation=consultation), "east")
    world.do(Lock(consultation=consultation, locked=True))
    assert refusal(world, Join(consultation=consultation), "east") == "consultation-locked"


def test_former_chair_stays_as_deputy_and_may_still_act() -> None:
    world = World()
    consultation = world.hold("east", "west")
    world.do(HandOver(consultation=consultation, person="east"))
    record = world.tables.consultations.get(consultation)
    assert (record.chair, record.deputies) == ("east", ("officer",))
    world.mute(consultation, "west", by="officer")
    world.mute(consultation, "west", by="east", sound=False)
    world.do(HandOver(consultation=consultation, person="officer"), "east")
    assert world.tables.consultations.get(consultation).deputies == ("east",)


def test_two_chairs_at_once_end_with_one_chair() -> None:
    world = World()
    consultation = world.hold("east", "west")
    world.do(Depute(consultation=consultation, person="east", deputy=True))
    world.do(HandOver(consultation=consultation, person="west"), "officer")
    world.do(HandOver(consultation=consultation, person="east"), "east")
    record = world.tables.consultations.get(consultation)
    assert record.chair == "east" and "east" not in record.deputies and "west" in record.deputies


def test_chair_and_deputy_must_be_there() -> None:
    world = World()
    consultation = world.hold("east")
    for act in (
        HandOver(consultation=consultation, person="west"),
        Depute(consultation=consultation, person="west", deputy=True),
    ):
        assert refusal(world, act) == "not-present"
    assert refusal(world, HandOver(consultation=consultation, person="ghost")) == "person-unknown"


def test_dismissed_deputy_may_no_more() -> None:
    world = World()
    consultation = world.hold("east", "west")
    world.do(Depute(consultation=consultation, person="east", deputy=True))
    world.mute(consultation, "west", by="east")
    world.do(Depute(consultation=consultation, person="east", deputy=False))
    lock = Lock(consultation=consultation, locked=True)
    assert refusal(world, lock, "east") == "forbidden"
    assert MAX_DEPUTIES >= 1


def test_hands_queue_by_when_they_were_raised_and_the_word_lowers_them() -> None:
    world = World()
    consultation = world.hold("east", "west")
    world.do(RaiseHand(consultation=consultation, raised=True), "west")
    world.do(RaiseHand(consultation=consultation, raised=True), "east")
    west, east = world.place(consultation, "west"), world.place(consultation, "east")
    assert 0 < west.hand_us < east.hand_us
    world.mute(consultation, "west")
    world.do(GiveWord(consultation=consultation, participant=west.id, given=True))
    given = world.place(consultation, "west")
    assert (given.hand_us, given.sound_off) == (0, False) and given.word_us == given.asked_us > 0
    world.do(GiveWord(consultation=consultation, participant=west.id, given=False))
    assert world.place(consultation, "west").word_us == 0


def test_roll_call_knows_who_answered_and_when() -> None:
    world = World()
    consultation = world.hold("east", "west")
    assert refusal(world, AnswerRoll(consultation=consultation), "east") == "no-roll"
    world.do(CallRoll(consultation=consultation, open=True))
    world.do(AnswerRoll(consultation=consultation), "east")
    answer = world.entries[-1]
    world.do(AnswerRoll(consultation=consultation), "east")
    assert world.entries[-1] is answer
    world.do(CallRoll(consultation=consultation, open=False))
    roll = world.tables.consultations.get(consultation).roll
    assert roll is not None and roll.closed_us > roll.at_us
    assert world.place(consultation, "east").roll_us == roll.at_us
    assert world.place(consultation, "west").roll_us == 0
    assert refusal(world, AnswerRoll(consultation=consultation), "west") == "no-roll"


def test_texts_are_cleaned_and_bounded() -> None:
    world = World()
    consultation = world.hold("east")
    world.do(Say(consultation=consultation, text="水位 \u202e12.5 米\x00 👨‍👩‍👧"), "east")
    assert [item.text for item in world.tables.messages] == ["水位 12.5 米 👨‍👩‍👧"]
    assert refusal(world, Say(consultation=consultation, text="\u200b \n"), "east") == "empty"
    assert refusal(world, Say(consultation=consultation, text="x" * 2_001), "east") == "too-long"
    world.do(Announce(consultation=consultation, text="全体注意"))
    assert world.tables.consultations.get(consultation).announced_us > 0
    world.do(Announce(consultation=consultation, text=""))
    assert world.tables.consultations.get(consultation).announced_us == 0


def test_only_who_is_in_it_or_runs_it_writes_to_everybody() -> None:
    world = World()
    world.tables.people.put(
        msgspec.structs.replace(world.tables.people.get("east"), roles=(Role("member", "C"), Role("member", "E")))
    )
    consultation = world.hold("east")
    world.do(Say(consultation=consultation, text="到"), "east")
    world.do(Remove(consultation=consultation, participant=world.place(consultation, "east").id))
    assert refusal(world, Say(consultation=consultation, text="还在"), "east") == "not-present"
    world.do(Join(consultation=consultation), "east")
    assert refusal(world, Say(consultation=consultation, text="请放行"), "east") == "not-present"
    world.do(Leave(consultation=consultation))
    world.do(Say(consultation=consultation, text="马上回来"))
    assert [item.text for item in world.tables.messages] == ["到", "马上回来"]


def test_participant_of_another_consultation_is_unknown_here() -> None:
    world = World()
    first, second = world.hold("east"), world.hold("west")
    other = world.place(second, "west").id
    assert refusal(world, Mute(consultation=first, participant=other, sound=True)) == "participant-unknown"
    assert refusal(world, Spotlight(consultation=first, participants=(other,))) == "participant-unknown"


def test_bounds() -> None:
    world = World()
    consultation = world.hold("east")
    place = world.place(consultation, "east").id
    assert refusal(world, Prioritise(consultation=consultation, participant=place, priority=10)) == "out-of-range"
    many = tuple(str(number) for number in range(MAX_SPOTLIGHT + 1))
    assert refusal(world, Spotlight(consultation=consultation, participants=many)) == "too-many"


def chairs_acts(consultation: str, participant: str) -> list[Act]:
    return [
        Mute(consultation=consultation, participant=participant, sound=True),
        MuteAll(consultation=consultation),
        Ask(consultation=consultation, participant=participant),
        Admit(consultation=consultation, participant=participant),
        Remove(consultation=consultation, participant=participant),
        Prioritise(consultation=consultation, participant=participant, priority=1),
        Spotlight(consultation=consultation, participants=()),
        Lock(consultation=consultation, locked=True),
        HandOver(consultation=consultation, person="east"),
        Depute(consultation=consultation, person="east", deputy=True),
        Announce(consultation=consultation, text="x"),
        GiveWord(consultation=consultation, participant=participant, given=True),
        CallRoll(consultation=consultation, open=True),
        Invite(consultation=consultation, whom=("person:stranger",)),
    ]


@pytest.mark.parametrize("number", range(len(chairs_acts("", ""))))
@pytest.mark.parametrize("by", ["east", "stranger", "nobody", "ghost"])
def test_nobody_but_the_chair_does_a_chairs_act(number: int, by: str) -> None:
    world = World()
    consultation = world.hold("east", "west")
    before = len(world.entries)
    act = chairs_acts(consultation, world.place(consultation, "west").id)[number]
    assert refusal(world, act, by) == "forbidden"
    assert len(world.entries) == before
