"""What is recorded follows who is there, what the chair cuts off, and which recordings run."""

from __future__ import annotations

from dispatch.acts.chair import Mute, Remove
from dispatch.acts.consultation import Bring, Contribute, Leave
from dispatch.acts.consultation import End as EndConsultation
from dispatch.acts.recordings import Begin, End, Pause
from dispatch.recorded import Wanted, recorded
from tests.dispatch.world import World


def held() -> tuple[World, str, str]:
    """A consultation with east's camera and screen in it, and a recording of it."""
    world = World()
    consultation = world.hold("east", "west")
    world.do(Contribute(consultation=consultation, sources=("east.camera", "east.screen")), "east")
    return world, consultation, world.do(Begin(of=f"consultation:{consultation}"))


def test_all_that_participants_contribute_is_recorded_as_it_comes_and_goes() -> None:
    world, consultation, recording = held()
    assert set(recorded(world.tables)) == {
        (source, kind) for source in ("east.camera", "east.screen") for kind in ("video", "audio")
    }
    world.do(Bring(consultation=consultation, source="camera"))
    assert recorded(world.tables)["camera", "video"] == Wanted((recording,), ())
    world.do(Contribute(consultation=consultation, sources=("east.camera",)), "east")
    assert ("east.screen", "video") not in recorded(world.tables)
    world.do(Leave(consultation=consultation), "east")
    assert {source for source, _ in recorded(world.tables)} == {"camera"}
    world.do(Remove(consultation=consultation, participant=world.tables.participants_for.first("camera") or ""))
    assert recorded(world.tables) == {}


def test_what_the_chair_cuts_off_is_not_in_it_and_comes_back() -> None:
    world, consultation, _ = held()
    east = world.place(consultation, "east").id
    world.do(Mute(consultation=consultation, participant=east, sound=True))
    assert {kind for _, kind in recorded(world.tables)} == {"video"}
    world.do(Mute(consultation=consultation, participant=east, sound=False, picture=True))
    assert {kind for _, kind in recorded(world.tables)} == {"audio"}


def test_a_source_of_several_recordings_is_recorded_once_for_all_of_them() -> None:
    world, consultation, first = held()
    world.do(Bring(consultation=consultation, source="camera"))
    second = world.do(Begin(of="source:camera"))
    assert recorded(world.tables)["camera", "video"] == Wanted((first, second), ())
    world.do(Pause(recording=first, paused=True))
    assert recorded(world.tables)["camera", "video"] == Wanted((second,), (first,))
    assert recorded(world.tables)["east.camera", "audio"] == Wanted((), (first,))
    world.do(Pause(recording=first, paused=False))
    world.do(End(recording=second))
    assert recorded(world.tables)["camera", "audio"] == Wanted((first,), ())
    world.do(EndConsultation(consultation=consultation))
    assert recorded(world.tables) == {}
