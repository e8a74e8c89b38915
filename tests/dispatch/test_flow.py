"""What may flow: the rule the relay is held to."""

from __future__ import annotations

import msgspec
import pytest

from dispatch.acts.chair import Mute, Remove
from dispatch.acts.consultation import Bring, Contribute, End, Leave
from dispatch.flow import Flow, is_own, may_publish, may_take
from dispatch.permissions import Actor, owner_of
from tests.dispatch.world import World


def flow(world: World, taker: str, source: str, context: str = "", kind: str = "video") -> Flow:
    line = (source, kind, f"consultation:{context}" if context else "")
    return may_take(world.permissions, world.tables, Actor(taker), line, world.now_us)


def held() -> tuple[World, str]:
    world = World()
    consultation = world.hold("east", "west")
    world.do(Contribute(consultation=consultation, sources=("east.tab", "east.tab.screen")), "east")
    return world, consultation


def test_directly_who_may_view_and_ones_own() -> None:
    world = World()
    assert flow(world, "officer", "camera") is Flow.OPEN
    assert flow(world, "east", "camera") is Flow.CLOSED
    assert flow(world, "east", "east.tab") is Flow.OPEN
    assert flow(world, "west", "east.tab") is Flow.CLOSED
    assert flow(world, "officer", "east.tab") is Flow.OPEN
    assert flow(world, "stranger", "east.tab") is Flow.CLOSED


def test_in_a_consultation_what_is_contributed_flows_to_who_is_present() -> None:
    world, consultation = held()
    assert flow(world, "west", "east.tab", consultation) is Flow.OPEN
    assert flow(world, "west", "east.tab.screen", consultation) is Flow.OPEN
    assert flow(world, "scout", "east.tab", consultation) is Flow.CLOSED
    assert flow(world, "west", "west.tab", consultation) is Flow.CLOSED
    assert flow(world, "west", "camera", consultation) is Flow.CLOSED
    world.do(Bring(consultation=consultation, source="camera"))
    assert flow(world, "west", "camera", consultation) is Flow.OPEN


@pytest.mark.parametrize("kind", ["video", "audio"])
def test_what_the_chair_cuts_off_pauses_for_everybody_there_and_nothing_else(kind: str) -> None:
    world, consultation = held()
    other = world.hold("east")
    world.do(Contribute(consultation=other, sources=("east.tab",)), "east")
    place = world.place(consultation, "east").id
    world.do(Mute(consultation=consultation, participant=place, picture=kind == "video", sound=kind == "audio"))
    rest = "audio" if kind == "video" else "video"
    assert flow(world, "west", "east.tab", consultation, kind) is Flow.PAUSED
    assert flow(world, "west", "east.tab", consultation, rest) is Flow.OPEN
    assert flow(world, "officer", "east.tab", other, kind) is Flow.OPEN
    world.do(Mute(consultation=consultation, participant=place, picture=False, sound=False))
    assert flow(world, "west", "east.tab", consultation, kind) is Flow.OPEN


@pytest.mark.parametrize("first", ["contributed", "brought"])
def test_what_is_cut_off_is_not_opened_by_bringing_it_in_once_more(first: str) -> None:
    world = World()
    consultation = world.hold("east", "west")
    acts = {
        "contributed": (Contribute(consultation=consultation, sources=("east.tab",)), "east"),
        "brought": (Bring(consultation=consultation, source="east.tab"), "officer"),
    }
    for how in sorted(acts, key=lambda how: how != first):
        world.do(*acts[how])
    assert flow(world, "west", "east.tab", consultation, "audio") is Flow.OPEN
    world.mute(consultation, "east")
    assert flow(world, "west", "east.tab", consultation, "audio") is Flow.PAUSED
    assert flow(world, "west", "east.tab", consultation, "video") is Flow.OPEN


def test_who_is_removed_neither_gives_nor_takes() -> None:
    world, consultation = held()
    world.do(Contribute(consultation=consultation, sources=("west.tab",)), "west")
    world.do(Remove(consultation=consultation, participant=world.place(consultation, "east").id))
    assert flow(world, "west", "east.tab", consultation) is Flow.CLOSED
    assert flow(world, "east", "west.tab", consultation) is Flow.CLOSED


def test_who_left_takes_no_more_and_the_end_closes_everything() -> None:
    world, consultation = held()
    world.do(Leave(consultation=consultation), "west")
    assert flow(world, "west", "east.tab", consultation) is Flow.CLOSED
    assert flow(world, "officer", "east.tab", consultation) is Flow.OPEN
    world.do(End(consultation=consultation))
    assert flow(world, "officer", "east.tab", consultation) is Flow.CLOSED


def test_context_that_is_none_closes() -> None:
    world, consultation = held()
    for context in ("ghost", f"{consultation}x"):
        assert flow(world, "west", "east.tab", context) is Flow.CLOSED
    line = ("east.tab", "video", consultation)
    assert may_take(world.permissions, world.tables, Actor("officer"), line, world.now_us) is Flow.CLOSED


def test_ones_own_sources_and_no_others_may_be_sent() -> None:
    world = World()

    def may(person: str, source: str) -> bool:
        return may_publish(world.permissions, Actor(person), source, world.now_us)

    assert may("east", "east.tab") and not may("east", "west.tab") and not may("east", "eastern.tab")
    assert not may("ghost", "ghost.tab")
    assert may("officer", "camera") and not may("stranger", "camera")
    world.tables.people.put(msgspec.structs.replace(world.tables.people.get("east"), disabled=True))
    assert not may("east", "east.tab")


def test_owner_is_told_by_the_name() -> None:
    assert owner_of("east.tab.screen") == "east" and owner_of("camera") == ""
    assert not is_own(Actor(""), ".tab")
