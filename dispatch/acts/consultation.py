"""Making, opening, joining, leaving and ending consultations."""

from __future__ import annotations

from typing import Any, Literal

from dispatch.acts.base import Act, Desk, clean_text, declare
from dispatch.errors import Conflict, Forbidden, Full, Invalid, Unknown
from dispatch.permissions import Right
from dispatch.records import Attendance, Consultation, Invitation, Participant, Person, Recording, Stage
from dispatch.sources import is_identifier

MAX_PARTICIPANTS = 1_000
MAX_INVITATIONS = 1_000
MAX_SOURCES = 8
MAX_RUNNING = 500
MAX_AHEAD_US = 366 * 86_400_000_000


class Create(Act, frozen=True, kw_only=True):
    """`unit`: who holds it; `begins_us` 0: now. `invite`: as in `consultation.invite`."""

    title: str
    unit: str
    begins_us: int = 0
    admission: Literal["auto", "ask"] = "auto"
    invite: tuple[str, ...] = ()


@declare(
    "consultation.create",
    Create,
    right=Right.CHAIR,
    target=lambda act: f"unit:{act.unit}",
    http="POST /consultations",
    summary="Hold a consultation now, or schedule it; the asker is its chair",
)
def _create(desk: Desk, act: Create) -> str:
    desk.tables.units.get(act.unit)
    if sum(item.stage is not Stage.ENDED for item in desk.tables.consultations) >= MAX_RUNNING:
        raise Full("consultation-limit", f"{MAX_RUNNING} consultations run or are scheduled")
    scheduled = act.begins_us > desk.now_us
    if act.begins_us > desk.now_us + MAX_AHEAD_US:
        raise Invalid("too-far-ahead", "a consultation can be scheduled a year ahead", "begins_us")
    identifier = desk.new_id()
    consultation = Consultation(
        id=identifier,
        title=clean_text(act.title, "title"),
        unit=act.unit,
        chair=desk.actor.person,
        stage=Stage.SCHEDULED if scheduled else Stage.RUNNING,
        begins_us=act.begins_us if scheduled else desk.now_us,
        started_us=0 if scheduled else desk.now_us,
        admission=act.admission,
        invitations=_invited(desk, (), act.invite),
    )
    desk.create("consultation.create", "consultation", consultation, identifier)
    _bring_invited(desk, identifier, act.invite)
    return identifier


class OnConsultation(Act, frozen=True, kw_only=True):
    """An act on a consultation as a whole."""

    consultation: str


def on(act: OnConsultation) -> str:
    """Return the object of an act on a consultation."""
    return f"consultation:{act.consultation}"


class Start(OnConsultation, frozen=True, kw_only=True):
    """Open a scheduled consultation."""


@declare(
    "consultation.start",
    Start,
    right=Right.CHAIR,
    target=on,
    http="POST /consultations/{consultation}/start",
    summary="Open a scheduled consultation now",
)
def _start(desk: Desk, act: Start) -> str:
    consultation = desk.tables.consultations.get(act.consultation)
    if consultation.stage is not Stage.SCHEDULED:
        raise Conflict("consultation-not-scheduled", "it runs already or has ended")
    desk.change("consultation.start", on(act), act.consultation, stage=Stage.RUNNING, started_us=desk.now_us)
    return ""


class End(OnConsultation, frozen=True, kw_only=True):
    """End a consultation for everybody, or cancel a scheduled one."""


@declare(
    "consultation.end",
    End,
    right=Right.CHAIR,
    target=on,
    http="POST /consultations/{consultation}/end",
    summary="End it for everybody",
)
def _end(desk: Desk, act: End) -> str:
    consultation = desk.tables.consultations.get(act.consultation)
    if consultation.stage is Stage.ENDED:
        raise Conflict("consultation-ended", "it has ended")
    desk.change("consultation.end", on(act), act.consultation, stage=Stage.ENDED, ended_us=desk.now_us)
    for participant in _present(desk, act.consultation):
        leave_record(desk, participant, Attendance.LEFT, "participant.leave")
    recording = desk.tables.recording_of.first(on(act))
    if recording is not None:
        end_recording(desk, desk.tables.recordings.get(recording))
    return ""


class Invite(OnConsultation, frozen=True, kw_only=True):
    """`whom`: `unit:id` (all its people and those below), `person:id`, or `endpoint:id`, whose source is brought in."""

    whom: tuple[str, ...]


@declare(
    "consultation.invite",
    Invite,
    right=Right.INVITE,
    target=on,
    http="POST /consultations/{consultation}/invitations",
    summary="Invite units, people or endpoints",
)
def _invite(desk: Desk, act: Invite) -> str:
    consultation = open_consultation(desk, act.consultation)
    invitations = _invited(desk, consultation.invitations, act.whom)
    if invitations != consultation.invitations:
        desk.change("consultation.invite", on(act), act.consultation, invitations=invitations)
    _bring_invited(desk, act.consultation, act.whom)
    return ""


class Join(OnConsultation, frozen=True, kw_only=True):
    """Come in, or ask to be let in."""


@declare(
    "consultation.join",
    Join,
    right=None,
    why="everybody who was invited, or who has a right to it by role, may come in",
    http="POST /consultations/{consultation}/join",
    summary="Join, or wait to be admitted",
)
def _join(desk: Desk, act: Join) -> str:
    person = acting_person(desk)
    consultation = open_consultation(desk, act.consultation)
    own = participant_of(desk, act.consultation, person.id)
    if own is not None and own.attendance is Attendance.PRESENT:
        return own.id  # another tab, or the page came back
    attendance = _admission(desk, consultation, own, person)
    values: dict[str, Any] = {
        "attendance": attendance,
        "name": person.name,
        "unit": person.unit,
        "joined_us": desk.now_us if attendance is Attendance.PRESENT else own.joined_us if own else 0,
        "left_us": own.left_us if own and own.attendance is Attendance.REMOVED else 0,
        "sources": (),
        "hand_us": 0,
        "word_us": 0,
        "asked_us": 0,
    }
    verb = "participant.join" if attendance is Attendance.PRESENT else "participant.wait"
    if own is not None:
        if own.attendance is not attendance:
            desk.change(verb, f"participant:{own.id}", act.consultation, **values)
        return own.id
    record = Participant(id=desk.new_id(), consultation=act.consultation, person=person.id, **values)
    desk.create(verb, "participant", record, act.consultation)
    _require_room(desk, act.consultation)
    return record.id


class Leave(OnConsultation, frozen=True, kw_only=True):
    """Go; one may come back."""


@declare(
    "consultation.leave",
    Leave,
    right=None,
    why="concerns nobody but who leaves",
    http="POST /consultations/{consultation}/leave",
    summary="Leave",
)
def _leave(desk: Desk, act: Leave) -> str:
    own = participant_of(desk, act.consultation, acting_person(desk).id)
    if own is not None and own.attendance in (Attendance.PRESENT, Attendance.WAITING):
        leave_record(desk, own, Attendance.LEFT, "participant.leave")
    return ""


class Absent(OnConsultation, frozen=True, kw_only=True):
    """A person's last page has been gone for too long."""

    person: str


@declare(
    "participant.absent", Absent, right=None, why="only the node itself does it", summary="Somebody's pages are gone"
)
def _absent(desk: Desk, act: Absent) -> str:
    desk.require_system()
    own = participant_of(desk, act.consultation, act.person)
    if own is not None and own.attendance in (Attendance.PRESENT, Attendance.WAITING):
        leave_record(desk, own, Attendance.LEFT, "participant.absent")
    return ""


class Bring(OnConsultation, frozen=True, kw_only=True):
    """Bring a source of the node in: a participant without a person."""

    source: str


@declare(
    "consultation.bring",
    Bring,
    right=Right.INVITE,
    target=on,
    http="POST /consultations/{consultation}/sources",
    summary="Bring a camera or another source in",
)
def _bring(desk: Desk, act: Bring) -> str:
    open_consultation(desk, act.consultation)
    identifier = _bring_source(desk, act.consultation, act.source)
    _require_room(desk, act.consultation)
    return identifier


class Contribute(OnConsultation, frozen=True, kw_only=True):
    """Say which sources of mine belong here: camera with microphone, screen."""

    sources: tuple[str, ...]


@declare(
    "consultation.contribute",
    Contribute,
    right=Right.TALK,
    target=on,
    http="PUT /consultations/{consultation}/sources/mine",
    summary="Say which of one's own sources are part of it",
)
def _contribute(desk: Desk, act: Contribute) -> str:
    open_consultation(desk, act.consultation)
    person = acting_person(desk)
    own = participant_of(desk, act.consultation, person.id)
    if own is None or own.attendance is not Attendance.PRESENT:
        raise Conflict("not-present", "join first")
    if len(act.sources) > MAX_SOURCES:
        raise Full("source-limit", f"{MAX_SOURCES} sources a participant are the limit")
    for source in act.sources:
        # A person's sources carry its id, see `sources_of_person`: nobody puts another's picture under its own name.
        if not (source.startswith(f"{person.id}.") and is_identifier(source)):
            raise Forbidden("source-not-yours", f"{source[:80]!r} is not a source of {person.id}")
    sources = tuple(dict.fromkeys(act.sources))
    if own.sources != sources:
        desk.change("participant.contribute", f"participant:{own.id}", act.consultation, sources=sources)
    return own.id


def acting_person(desk: Desk) -> Person:
    """Return who acts. Raises Forbidden when it is not a person."""
    if desk.actor.is_system:
        raise Forbidden("person-needed", "only a person can do this")
    return desk.tables.people.get(desk.actor.person)


def open_consultation(desk: Desk, identifier: str) -> Consultation:
    """Return a consultation that has not ended. Raises Unknown, Conflict."""
    consultation = desk.tables.consultations.get(identifier)
    if consultation.stage is Stage.ENDED:
        raise Conflict("consultation-ended", "it has ended")
    return consultation


def participant_of(desk: Desk, consultation: str, person: str) -> Participant | None:
    """Return somebody's place in a consultation."""
    identifier = desk.tables.participant_of_person.first(f"{consultation}/{person}")
    return desk.tables.participants.find(identifier) if identifier else None


def _bring_invited(desk: Desk, consultation: str, whom: tuple[str, ...]) -> None:
    for target in dict.fromkeys(whom):
        if target.startswith("endpoint:"):
            _bring_source(desk, consultation, target.removeprefix("endpoint:"))
    _require_room(desk, consultation)


def _bring_source(desk: Desk, consultation: str, source: str) -> str:
    # Who brings it shows it to everybody there, so it needs the right to see it oneself.
    if not desk.permissions.may_source(desk.actor, Right.VIEW, source, desk.now_us):
        raise Forbidden("forbidden", f"{desk.actor.person} may not view {source}")
    values: dict[str, Any] = {
        "attendance": Attendance.PRESENT,
        "sources": (source,),
        "joined_us": desk.now_us,
        "left_us": 0,
    }
    for identifier in desk.tables.participants_for.ids(source):
        own = desk.tables.participants.get(identifier)
        if own.consultation == consultation:
            if own.attendance is not Attendance.PRESENT:
                desk.change("participant.bring", f"participant:{own.id}", consultation, **values)
            return own.id
    endpoint = desk.tables.endpoints.find(source)
    if endpoint is None and not is_identifier(source):
        raise Unknown("source-unknown", f"no source can be called {source[:80]!r}")
    record = Participant(
        id=desk.new_id(),
        consultation=consultation,
        unit=endpoint.unit if endpoint else "",
        name=endpoint.name_zh if endpoint else source,
        source=source,
        **values,
    )
    return desk.create("participant.bring", "participant", record, consultation)


def _require_room(desk: Desk, consultation: str) -> None:
    """Refuse what this act adds where it is too many. Raises Full."""
    named = [draft.object.partition(":") for draft in desk.drafts]
    added = sum(kind == "participant" and identifier not in desk.tables.participants for kind, _, identifier in named)
    if added and desk.tables.participants_of.count(consultation) + added > MAX_PARTICIPANTS:
        raise Full("participant-limit", f"{MAX_PARTICIPANTS} participants are the limit")


def leave_record(desk: Desk, participant: Participant, attendance: Attendance, verb: str) -> None:
    """Enter that somebody or something is no longer there. Who was sent away and gives up waiting is so still."""
    if participant.attendance is Attendance.WAITING and participant.left_us:
        attendance = Attendance.REMOVED
    desk.change(
        verb,
        f"participant:{participant.id}",
        participant.consultation,
        attendance=attendance,
        left_us=desk.now_us,
        hand_us=0,
        word_us=0,
        sources=(),
    )


def end_recording(desk: Desk, recording: Recording) -> None:
    """Enter that a recording has ended."""
    desk.change("recording.end", f"recording:{recording.id}", recording.session, ended_us=desk.now_us, paused_us=0)


def _present(desk: Desk, consultation: str) -> list[Participant]:
    people = [desk.tables.participants.get(item) for item in desk.tables.participants_of.ids(consultation)]
    return [item for item in people if item.attendance in (Attendance.PRESENT, Attendance.WAITING)]


def _admission(desk: Desk, consultation: Consultation, own: Participant | None, person: Person) -> Attendance:
    """Decide how somebody comes in. Raises Conflict, Forbidden."""
    if consultation.stage is not Stage.RUNNING:
        raise Conflict("consultation-not-started", "it has not begun")
    if desk.permissions.may(desk.actor, Right.CHAIR, f"consultation:{consultation.id}", desk.now_us):
        return Attendance.PRESENT
    if consultation.locked:
        # Who was in it may have lost the line; that the chair decides, instead of opening it for everybody.
        if own is None or own.attendance is Attendance.REMOVED or not own.joined_us:
            raise Forbidden("consultation-locked", "its chair has locked it")
        return Attendance.WAITING
    if own is not None and own.attendance is Attendance.REMOVED:
        return Attendance.WAITING
    if not desk.permissions.is_invited(person, consultation.id):
        desk.require(Right.SEE, f"consultation:{consultation.id}")
        return Attendance.WAITING
    return Attendance.PRESENT if consultation.admission == "auto" else Attendance.WAITING


def _invited(desk: Desk, before: tuple[Invitation, ...], whom: tuple[str, ...]) -> tuple[Invitation, ...]:
    known = {item.whom for item in before}
    added: list[Invitation] = []
    for target in dict.fromkeys(whom):
        kind, _, identifier = target.partition(":")
        if kind not in ("unit", "person", "endpoint"):
            raise Invalid("invalid-invitation", "invite unit:ID, person:ID or endpoint:ID", "whom")
        desk.tables.of_kind(kind).get(identifier)
        desk.require(Right.SEE, target)
        if target not in known:
            added.append(Invitation(target, desk.actor.person, desk.now_us))
    if len(before) + len(added) > MAX_INVITATIONS:
        raise Full("invitation-limit", f"{MAX_INVITATIONS} invitations are the limit")
    return (*before, *added)
