"""Stopping a source is told by the timeline, and changes nothing of the directory."""

from __future__ import annotations

import pytest

from dispatch.acts.sources import Stop
from dispatch.permissions import SYSTEM, Actor
from tests.dispatch.acts.state import CAMERA, CHIEF, State, peopled


@pytest.mark.parametrize(("actor", "by"), [(Actor(CHIEF), ""), (SYSTEM, "token:relay")])
def test_stop_is_entered_as_whose_act_it_is_and_changes_nothing(actor: Actor, by: str) -> None:
    state = State(peopled())
    assert state.do(Stop(source=CAMERA, name="无人机\u202e", by=by), actor) == CAMERA
    (draft,) = state.drafts
    assert (draft.verb, draft.object) == ("source.stop", f"source:{CAMERA}")
    assert draft.params == {"person": actor.person, "name": "无人机", "by": by}
    assert state.changes == ()


@pytest.mark.parametrize("source", ["", "a:b", "../x", "x" * 65])
def test_what_no_source_can_be_called_is_refused(source: str) -> None:
    assert State(peopled()).code_of(Stop(source=source, name="n")) == "invalid-source"
