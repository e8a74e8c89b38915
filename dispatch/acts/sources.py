"""Acts on the node's sources, as far as the timeline tells of them. A source itself lives in the relay."""

from __future__ import annotations

from typing import Any

from dispatch.acts.base import Act, Desk, declare
from dispatch.errors import Invalid
from dispatch.sources import clean_name, is_identifier


class Stop(Act, frozen=True, kw_only=True):
    """A source is stopped for all its viewers. `name`: what it is called; `by`: who asked, where that is no person."""

    source: str
    name: str
    by: str = ""


@declare(
    "source.stop",
    Stop,
    right=None,
    why="the shell makes it, which has looked for the right to publish the source",
    summary="Note that a source was stopped",
)
def _stop(desk: Desk, act: Stop) -> str:
    if not is_identifier(act.source):
        raise Invalid("invalid-source", "no source is called so", "source")
    # An object of a kind that is not kept: it is an event, and changes nothing of the directory.
    values: dict[str, Any] = {"person": desk.actor.person, "name": clean_name(act.name), "by": act.by}
    desk.change("source.stop", f"source:{act.source}", **values)
    return act.source
