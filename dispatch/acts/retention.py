"""How long a recording is kept: its class, and its deletion by policy, which only the node itself does.

A deletion is decided here, at one point in the order of all acts: a hold before it wins, one after it is refused. What
follows (the evidence, the files) is the shell's, and is entered when it is done.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from dispatch.acts.base import Desk, declare
from dispatch.acts.recordings import OnRecording, kept, on
from dispatch.errors import Conflict
from dispatch.keeping import is_over, is_spare
from dispatch.permissions import Right
from dispatch.records import BRIEF, LASTING, ORDINARY

assert (BRIEF, ORDINARY, LASTING) == ("brief", "ordinary", "lasting")
Class = Literal["brief", "ordinary", "lasting"]


class Retain(OnRecording, frozen=True, kw_only=True):
    """Give it another class of retention; its days count from its end."""

    retention: Class


@declare(
    "recording.retain",
    Retain,
    right=Right.MANAGE,
    target=on,
    http="PUT /recordings/{recording}/retention",
    summary="Set how long a recording is kept after its end: brief, ordinary or lasting",
)
def _retain(desk: Desk, act: Retain) -> str:
    recording = kept(desk, act.recording)
    if recording.retention != act.retention:
        desk.change("recording.retain", on(act), recording.session, retention=act.retention)
    return ""


class Delete(OnRecording, frozen=True, kw_only=True):
    """Delete its pictures and sounds, because its days are over or because the disk is low.

    `retention` and `days` are what it was chosen by: who changes its class before that is decided wins.
    """

    why: Literal["over", "disk-low"]
    retention: str
    days: Annotated[int, Meta(ge=0)]


@declare(
    "recording.delete",
    Delete,
    right=None,
    why="only the node itself deletes, by policy",
    summary="Delete the pictures and sounds of a recording by policy; its chain of evidence stays",
)
def _delete(desk: Desk, act: Delete) -> str:
    desk.require_system()
    recording = kept(desk, act.recording)
    low = act.why == "disk-low" and is_spare(recording)
    if recording.retention != act.retention or not (low or is_over(recording, act.days, desk.now_us)):
        raise Conflict("recording-kept", "it runs, is held, or is kept longer")
    policy = f"{act.retention}: disk-low" if act.why == "disk-low" else f"{act.retention}: {act.days} days"
    desk.change("recording.delete", on(act), recording.session, deleted_us=desk.now_us, deleted_by=policy)
    return ""


class Clear(OnRecording, frozen=True, kw_only=True):
    """Note that the evidence says of all its files that they are deleted, and that none is left of it alone."""


@declare(
    "recording.clear",
    Clear,
    right=None,
    why="only the node itself deletes, by policy",
    summary="Note that the files of a deleted recording are gone",
)
def _clear(desk: Desk, act: Clear) -> str:
    desk.require_system()
    recording = desk.tables.recordings.get(act.recording)
    if recording.deleted_us and not recording.cleared_us:
        desk.change("recording.clear", on(act), recording.session, cleared_us=desk.now_us)
    return ""
