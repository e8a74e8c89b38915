"""Who may have what recorded, what ends it, and who may do something about it afterwards."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dispatch.acts import recordings
from dispatch.acts.base import ACTS, Act
from dispatch.acts.chair import Depute
from dispatch.acts.consultation import Create, Join, Leave
from dispatch.acts.consultation import End as EndConsultation
from dispatch.acts.exports import Export, Exported
from dispatch.acts.recordings import Begin, End, Hold, Pause, Replay
from dispatch.permissions import Actor, Right
from dispatch.records import Recording
from tests.dispatch.acts.test_consultation import refusal
from tests.dispatch.world import BEGIN_US, SECOND_US, World


def of(world: World, identifier: str) -> Recording:
    return world.tables.recordings.get(identifier)


def test_chair_and_deputies_have_their_consultation_recorded_and_who_is_only_in_it_does_not() -> None:
    world = World()
    consultation = world.do(Create(title="会商", unit="E", invite=("person:east", "person:west")), "chief")
    begin = Begin(of=f"consultation:{consultation}")
    for person in ("east", "west"):
        world.do(Join(consultation=consultation), person)
    assert refusal(world, begin, "east") == refusal(world, begin, "west") == "forbidden"
    world.do(Depute(consultation=consultation, person="east", deputy=True), "chief")
    kept = of(world, world.do(begin, "east"))
    assert (kept.of, kept.unit, kept.title, kept.by, kept.session) == (begin.of, "E", "会商", "east", consultation)


def test_beginning_again_is_the_same_recording() -> None:
    world = World()
    begin = Begin(of=f"consultation:{world.hold()}")
    first = world.do(begin)
    before = len(world.entries)
    assert world.do(begin) == first and len(world.entries) == before
    world.do(End(recording=first))
    assert world.do(begin) != first


def test_the_end_of_a_consultation_ends_its_recording_and_nobody_leaving_does() -> None:
    world = World()
    consultation = world.hold("east")
    mine, other = world.do(Begin(of=f"consultation:{consultation}")), world.do(Begin(of="source:camera"))
    world.do(Leave(consultation=consultation), "officer")
    world.do(Leave(consultation=consultation), "east")
    assert not of(world, mine).ended_us
    world.do(EndConsultation(consultation=consultation))
    assert of(world, mine).ended_us and not of(world, other).ended_us
    assert refusal(world, Begin(of=f"consultation:{consultation}")) == "consultation-ended"


def test_a_pause_tells_since_when_and_only_what_runs_can_be_paused() -> None:
    world = World()
    identifier = world.do(Begin(of="source:camera"))
    world.do(Pause(recording=identifier, paused=True))
    since = of(world, identifier).paused_us
    assert since == BEGIN_US + SECOND_US
    world.do(Pause(recording=identifier, paused=True))
    assert of(world, identifier).paused_us == since
    world.do(Pause(recording=identifier, paused=False))
    assert not of(world, identifier).paused_us
    world.do(End(recording=identifier))
    for act in (Pause(recording=identifier, paused=True), End(recording=identifier)):
        assert refusal(world, act) == "recording-ended"


def test_a_source_is_recorded_by_who_may_record_it_and_by_nobody_from_beside() -> None:
    world = World()
    for person in ("west", "east", "stranger", "nobody"):
        assert refusal(world, Begin(of="source:camera"), person) == "forbidden"
    identifier = world.do(Begin(of="source:camera", why="emergency"))
    assert (of(world, identifier).unit, of(world, identifier).title, of(world, identifier).why) == (
        "W",
        "河堤",
        "emergency",
    )
    for act in (Pause(recording=identifier, paused=True), End(recording=identifier)):
        for person in ("west", "stranger"):
            assert refusal(world, act, person) == "forbidden"


def test_a_source_of_no_unit_is_the_whole_nodes() -> None:
    world = World()
    assert refusal(world, Begin(of="source:gate-1")) == "forbidden"
    identifier = world.do(Begin(of="source:gate-1"), "chief")
    assert refusal(world, End(recording=identifier)) == "forbidden"
    world.do(End(recording=identifier), "chief")


def test_leading_a_consultation_is_no_right_to_see_its_recording_again() -> None:
    world = World()
    consultation = world.do(Create(title="会商", unit="E"), "officer")
    target = f"recording:{world.do(Begin(of=f'consultation:{consultation}'))}"
    led = msgspec.structs.replace(world.tables.consultations.get(consultation), chair="stranger")
    world.tables.consultations.put(led)
    rights = {right for right in Right if world.permissions.may(Actor("stranger"), right, target, world.now_us)}
    assert rights == {Right.RECORD}


@pytest.mark.parametrize("wrong", ["", "consultation", "unit:C", "source:", "source:../x", "consultation:none"])
def test_what_cannot_be_recorded_is_refused(wrong: str) -> None:
    world = World()
    assert refusal(world, Begin(of=wrong), "chief") in (
        "invalid-target",
        "source-unknown",
        "consultation-unknown",
        "forbidden",
    )


def test_a_hold_outlives_the_recording_and_is_for_who_manages() -> None:
    world = World()
    identifier = world.do(Begin(of="source:camera"))
    world.do(End(recording=identifier))
    assert refusal(world, Hold(recording=identifier, reason="案件"), "west") == "forbidden"
    world.do(Hold(recording=identifier, reason=" 案件  2026-7 "))
    assert of(world, identifier).hold == "案件 2026-7"
    world.do(Hold(recording=identifier, reason=""))
    assert of(world, identifier).hold == ""


def test_looking_is_an_entry_of_the_consultations_and_changes_nothing() -> None:
    world = World()
    consultation = world.hold()
    identifier = world.do(Begin(of=f"consultation:{consultation}"))
    before = of(world, identifier)
    world.do(Replay(recording=identifier, session=consultation, title=before.title), "east")
    entry = world.entries[-1]
    assert (entry.verb, entry.actor, entry.object) == ("recording.replay", "east", f"replay:{identifier}")
    assert (entry.session, entry.params) == (consultation, {"person": "east", "title": before.title})
    assert of(world, identifier) is before
    assert not ACTS["recording.replay"].path, "a page cannot say that somebody looked"


def test_what_is_exported_and_who_took_it_are_entries_and_change_nothing() -> None:
    world = World()
    consultation = world.hold()
    identifier = world.do(Begin(of=f"consultation:{consultation}"))
    before = of(world, identifier)
    which: Any = {"recording": identifier, "session": consultation, "title": before.title, "export": "x"}
    world.do(Export(**which, form="clip", from_us=1, to_us=2, tracks=("a", "b")), "east")
    world.do(Exported(**which, form="clip"), "east")
    for entry, verb in zip(world.entries[-2:], ("recording.export", "recording.exported"), strict=True):
        assert (entry.verb, entry.actor, entry.object) == (verb, "east", f"disclosure:{identifier}")
        assert entry.session == consultation and entry.params["form"] == "clip"
        assert not ACTS[verb].path, "a page cannot say that somebody exported"
    asked = world.entries[-2].params
    assert (asked["from_us"], asked["to_us"], list(asked["tracks"])) == (1, 2, ["a", "b"])
    assert of(world, identifier) is before


def test_there_is_a_bound_on_what_is_recorded_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "MAX_RUNNING", 1)
    world = World()
    act: Act = Begin(of="source:camera")
    world.do(act)
    assert refusal(world, Begin(of=f"consultation:{world.hold()}")) == "recording-limit"
