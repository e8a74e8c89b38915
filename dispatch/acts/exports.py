"""Giving what was recorded to somebody outside: that an export was asked for, and who took the file away.

Both are events: their object is of a kind that is not kept, for an export is a file of the node's, soon gone again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from dispatch.acts.base import Act, Desk, declare
from dispatch.acts.consultation import acting_person

Form = Literal["clip", "composed", "bundle"]


class OfRecording(Act, frozen=True, kw_only=True):
    """An act on an export. Its values come from who knows the recording: memory may have let go of it."""

    recording: str
    session: str
    title: str
    export: str
    form: Form

    @property
    def object(self) -> str:
        """What the entry is about."""
        return f"disclosure:{self.recording}"


class Export(OfRecording, frozen=True, kw_only=True):
    """Who acts asks for a file of what was recorded. No `tracks`: of all."""

    from_us: int
    to_us: int
    tracks: tuple[str, ...] = ()
    withhold: tuple[str, ...] = ()


@declare(
    "recording.export",
    Export,
    right=None,
    why="the shell makes it, which has looked for the right to export the recording",
    summary="Note that somebody exports a recording",
)
def _export(desk: Desk, act: Export) -> str:
    more = {"from_us": act.from_us, "to_us": act.to_us, "tracks": act.tracks, "withhold": act.withhold}
    return _note(desk, "recording.export", act, more)


class Exported(OfRecording, frozen=True, kw_only=True):
    """Who acts takes an export's file away."""


@declare(
    "recording.exported",
    Exported,
    right=None,
    why="the shell makes it, which has looked for the right to export the recording",
    summary="Note that somebody takes an export away",
)
def _exported(desk: Desk, act: Exported) -> str:
    return _note(desk, "recording.exported", act, {})


def _note(desk: Desk, verb: str, act: OfRecording, more: Mapping[str, object]) -> str:
    """Enter who did it, and with what."""
    person = acting_person(desk).id
    desk.change(verb, act.object, act.session, person=person, title=act.title, export=act.export, form=act.form, **more)
    return ""
