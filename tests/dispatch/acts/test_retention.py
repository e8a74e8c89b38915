"""Who sets how long a recording is kept, and that no order of acts deletes what runs, is held or is not due."""

from __future__ import annotations

from typing import Literal

import pytest

from dispatch.acts.recordings import Begin, End, Hold
from dispatch.acts.retention import Clear, Delete, Retain
from dispatch.care import KEEP_ENDED_US, forgettable
from dispatch.keeping import DAY_US
from dispatch.records import BRIEF, ORDINARY
from dispatch.tables import CLEARED, CLEARING
from tests.dispatch.acts.test_consultation import refusal
from tests.dispatch.acts.test_recordings import of
from tests.dispatch.world import World

Why = Literal["over", "disk-low"]


def delete(recording: str, why: Why = "over", retention: str = ORDINARY, days: int = 180) -> Delete:
    return Delete(recording=recording, why=why, retention=retention, days=days)


def ended(world: World) -> str:
    recording = world.do(Begin(of="source:camera"))
    world.do(End(recording=recording))
    return recording


def test_a_class_is_for_who_manages_and_only_one_that_there_is_no_more_after_the_deletion() -> None:
    world = World()
    recording = world.do(Begin(of="source:camera"))
    assert of(world, recording).retention == ORDINARY
    assert refusal(world, Retain(recording=recording, retention="brief"), "west") == "forbidden"
    world.do(Retain(recording=recording, retention="brief"))
    assert (of(world, recording).retention, world.entries[-1].params) == (BRIEF, {"retention": "brief"})
    told = len(world.entries)
    world.do(Retain(recording=recording, retention="brief"))
    assert len(world.entries) == told
    world.do(End(recording=recording))
    world.do(delete(recording, "disk-low", BRIEF), "")
    assert refusal(world, Retain(recording=recording, retention="lasting")) == "recording-deleted"
    assert refusal(world, Hold(recording=recording, reason="案件")) == "recording-deleted"


@pytest.mark.parametrize("person", ["chief", "officer"])
def test_nobody_deletes_by_hand(person: str) -> None:
    world = World()
    recording = ended(world)
    world.now_us += 181 * DAY_US
    assert refusal(world, delete(recording), person) == refusal(world, Clear(recording=recording), person)
    assert refusal(world, delete(recording), person) == "node-only"


def test_what_runs_is_held_or_is_not_due_is_kept_whatever_was_chosen_before() -> None:
    world = World()
    running = world.do(Begin(of="source:camera"))
    world.now_us += 200 * DAY_US
    assert refusal(world, delete(running), "") == "recording-kept"
    world.do(End(recording=running))
    assert refusal(world, delete(running), "") == "recording-kept"
    assert refusal(world, delete(running, "disk-low"), "") == "recording-kept"
    world.now_us += 181 * DAY_US
    assert refusal(world, delete(running, days=0), "") == "recording-kept"
    chosen = delete(running)
    world.do(Hold(recording=running, reason="案件"))
    assert refusal(world, chosen, "") == "recording-kept"
    world.do(Hold(recording=running, reason=""))
    world.do(Retain(recording=running, retention="lasting"))
    assert refusal(world, chosen, "") == "recording-kept"
    world.do(Retain(recording=running, retention="ordinary"))
    world.do(chosen, "")
    assert of(world, running).deleted_by == "ordinary: 180 days"
    assert refusal(world, chosen, "") == "recording-deleted"


def test_deleted_one_is_to_be_cleared_and_is_forgotten_an_hour_after_that() -> None:
    world = World()
    recording = ended(world)
    world.do(Clear(recording=recording), "")
    assert not of(world, recording).cleared_us
    world.now_us += 180 * DAY_US
    world.do(delete(recording), "")
    assert world.tables.recordings_deleted.ids(CLEARING) == (recording,)
    world.now_us += 2 * KEEP_ENDED_US
    assert ("recording", recording) not in list(forgettable(world.tables, world.now_us))
    world.do(Clear(recording=recording), "")
    assert world.tables.recordings_deleted.ids(CLEARED) == (recording,)
    assert list(forgettable(world.tables, world.now_us)) == []
    assert list(forgettable(world.tables, world.now_us + KEEP_ENDED_US)) == [("recording", recording)]
