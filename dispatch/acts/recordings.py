"""Beginning, pausing, ending a recording, of a consultation or a source alone; keeping it from deletion; looking at it.
Who spoke meanwhile, which the node enters.

What is decided here is what shall be recorded. The recorder does it and tells what it could not do; it is no part of an
act, because a full disk must not refuse a consultation anything.

What a policy wants recorded ends with the policy only: ended by hand it would begin anew in a second, with a hole.
Whoever may record keeps a confidential talk out by a pause, which stays in the evidence; not in an emergency.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from dispatch.acts.base import MAX_TEXT_CHARACTERS, Act, Desk, clean_text, declare
from dispatch.acts.consultation import acting_person, end_recording, open_consultation
from dispatch.errors import Conflict, Full, Invalid, Unknown
from dispatch.permissions import Right
from dispatch.policies import Holding
from dispatch.records import EMERGENCY, ORDINARY, Recording, Stage
from dispatch.sources import is_identifier

MAX_RUNNING = 1_000


class Begin(Act, frozen=True, kw_only=True):
    """`of`: `consultation:ID` or `source:ID`."""

    of: str
    why: Literal["asked", "emergency"] = "asked"


@declare(
    "recording.begin",
    Begin,
    right=None,
    why="needs the right to record what it names, which is asked for in deciding: a source has several owners",
    http="POST /recordings",
    summary="Begin to record a consultation or a source; where that is being done already, the id of that",
)
def _begin(desk: Desk, act: Begin) -> str:
    title, unit = subject(desk, act.of)
    running = desk.tables.recording_of.first(act.of)
    if running is not None:
        return running
    require_room(desk)
    want = Holding(desk.tables, desk.now_us).want(act.of)
    recording = Recording(
        id=desk.new_id(),
        of=act.of,
        unit=unit,
        title=title,
        why=act.why,
        by=desk.actor.person,
        begun_us=desk.now_us,
        retention=want.retention if want else ORDINARY,
    )
    return desk.create("recording.begin", "recording", recording, recording.session)


class OnRecording(Act, frozen=True, kw_only=True):
    """An act on a recording."""

    recording: str


def on(act: OnRecording) -> str:
    """Return the object of an act on a recording."""
    return f"recording:{act.recording}"


class Pause(OnRecording, frozen=True, kw_only=True):
    """Keep nothing for a while, or go on. That there was a pause stays in the evidence."""

    paused: bool


@declare(
    "recording.pause",
    Pause,
    right=Right.RECORD,
    target=on,
    http="PUT /recordings/{recording}/pause",
    summary="Keep nothing for a while, or go on",
)
def _pause(desk: Desk, act: Pause) -> str:
    recording = running(desk, act.recording)
    if act.paused and _wanted_by(desk, recording) == EMERGENCY:
        raise _in_emergency()
    if bool(recording.paused_us) != act.paused:
        since = desk.now_us if act.paused else 0
        desk.change("recording.pause", on(act), recording.session, paused_us=since)
    return ""


class End(OnRecording, frozen=True, kw_only=True):
    """End it."""


@declare(
    "recording.end",
    End,
    right=Right.RECORD,
    target=on,
    http="POST /recordings/{recording}/end",
    summary="End a recording",
)
def _end(desk: Desk, act: End) -> str:
    recording = running(desk, act.recording)
    why = _wanted_by(desk, recording)
    if why == EMERGENCY:
        raise _in_emergency()
    if why:
        raise Conflict("recording-by-policy", "a policy wants it recorded: it ends when that does")
    end_recording(desk, recording)
    return ""


class Hold(OnRecording, frozen=True, kw_only=True):
    """Keep it from every deletion by policy; an empty reason takes that back."""

    reason: str


@declare(
    "recording.hold",
    Hold,
    right=Right.MANAGE,
    target=on,
    http="PUT /recordings/{recording}/hold",
    summary="Keep a recording from deletion by policy, with the reason; an empty one takes that back",
)
def _hold(desk: Desk, act: Hold) -> str:
    recording = kept(desk, act.recording)
    reason = clean_text(act.reason, "reason", MAX_TEXT_CHARACTERS, required=False)
    if reason != recording.hold:
        desk.change("recording.hold", on(act), recording.session, hold=reason)
    return ""


class Replay(Act, frozen=True, kw_only=True):
    """Who acts looks at a recording. Its values come from who knows it: memory may have let go of it."""

    recording: str
    session: str
    title: str


@declare(
    "recording.replay",
    Replay,
    right=None,
    why="the shell makes it, which has looked for the right to replay the recording",
    summary="Note that somebody looks at a recording",
)
def _replay(desk: Desk, act: Replay) -> str:
    person = acting_person(desk)
    # An object of a kind that is not kept: it is an event, and changes nothing of the recording.
    desk.change("recording.replay", f"replay:{act.recording}", act.session, person=person.id, title=act.title)
    return ""


class Spoken(msgspec.Struct, frozen=True):
    """A turn, in UTC. `of`: `consultation:ID` and its participant `who`, or `source:ID` and nobody."""

    of: str
    who: str
    source: str
    from_us: int
    to_us: int


class Spoke(Act, frozen=True, kw_only=True):
    """Turns that are over, together, because each act is a write to the disk."""

    turns: tuple[Spoken, ...]


@declare(
    "participant.spoke",
    Spoke,
    right=None,
    why="only the node itself does it",
    summary="Enter who spoke when",
)
def _spoke(desk: Desk, act: Spoke) -> str:
    desk.require_system()
    for turn in sorted(act.turns, key=lambda each: each.from_us):
        kind, _, session = turn.of.partition(":")
        if kind == "source":
            endpoint = desk.tables.endpoints.find(turn.source)
            name = endpoint.name_zh if endpoint else turn.source
            desk.change("source.spoke", turn.of, from_us=turn.from_us, to_us=turn.to_us, name=name)
        elif turn.who in desk.tables.participants:
            # `heard` is no field of a participant's record.
            values = {"from_us": turn.from_us, "to_us": turn.to_us, "heard": turn.source}
            desk.change("participant.spoke", f"participant:{turn.who}", session, **values)
    return ""


def kept(desk: Desk, identifier: str) -> Recording:
    """Return a recording that is not deleted. Raises Unknown, Conflict."""
    recording = desk.tables.recordings.get(identifier)
    if recording.deleted_us:
        raise Conflict("recording-deleted", "its pictures and sounds were deleted by policy")
    return recording


def running(desk: Desk, identifier: str) -> Recording:
    """Return a recording that has not ended. Raises Unknown, Conflict."""
    recording = desk.tables.recordings.get(identifier)
    if recording.ended_us:
        raise Conflict("recording-ended", "it has ended")
    return recording


def require_room(desk: Desk) -> None:
    """Refuse one more. Raises Full."""
    if len(desk.tables.recording_of) >= MAX_RUNNING:
        raise Full("recording-limit", f"{MAX_RUNNING} recordings run")


def subject(desk: Desk, of: str) -> tuple[str, str]:
    """Return the title and unit of what is to be recorded. Raises Invalid, Unknown, Conflict, Forbidden."""
    kind, _, identifier = of.partition(":")
    if kind == "consultation":
        return _consultation(desk, identifier)
    if kind == "source":
        return _source(desk, identifier)
    raise Invalid("invalid-target", "record consultation:ID or source:ID", "of")


def _in_emergency() -> Conflict:
    return Conflict("recording-by-emergency", "an emergency was declared: all is recorded until it is taken back")


def _wanted_by(desk: Desk, recording: Recording) -> str:
    """Return why a recording cannot be stopped by hand, "" when it can."""
    want = Holding(desk.tables, desk.now_us).want(recording.of)
    return want.policy.why if want else ""


def _consultation(desk: Desk, identifier: str) -> tuple[str, str]:
    desk.require(Right.RECORD, f"consultation:{identifier}")
    consultation = open_consultation(desk, identifier)
    if consultation.stage is not Stage.RUNNING:
        raise Conflict("consultation-not-started", "it has not begun")
    return consultation.title, consultation.unit


def _source(desk: Desk, identifier: str) -> tuple[str, str]:
    if not is_identifier(identifier):
        raise Unknown("source-unknown", f"no source can be called {identifier[:80]!r}")
    if not desk.permissions.may_source(desk.actor, Right.RECORD, identifier, desk.now_us):
        desk.require(Right.RECORD, f"source:{identifier}")
    endpoint = desk.tables.endpoints.find(identifier)
    return endpoint.name_zh if endpoint else identifier, desk.permissions.unit_of(f"source:{identifier}")
