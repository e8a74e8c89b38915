"""What the chair does, and what is asked of the chair: muting, admission, spotlight, the word, roll call, texts."""

from __future__ import annotations

import msgspec

from dispatch.acts.base import MAX_TEXT_CHARACTERS, Desk, clean_text, declare
from dispatch.acts.consultation import OnConsultation, acting_person, on, open_consultation, participant_of
from dispatch.errors import Conflict, Invalid, Unknown
from dispatch.permissions import Right
from dispatch.records import Attendance, Consultation, Message, Participant, RollCall

MAX_SPOTLIGHT = 9
MAX_DEPUTIES = 8
MAX_PRIORITY = 9


class OnParticipant(OnConsultation, frozen=True, kw_only=True):
    """An act on one participant."""

    participant: str


def _participant(desk: Desk, act: OnParticipant) -> tuple[Consultation, Participant]:
    consultation = open_consultation(desk, act.consultation)
    participant = desk.tables.participants.get(act.participant)
    if participant.consultation != consultation.id:
        raise Unknown("participant-unknown", f"{act.participant} is in another consultation")
    return consultation, participant


class Mute(OnParticipant, frozen=True, kw_only=True):
    """Cut a participant's picture or sound off for everybody, or allow it again; None leaves it."""

    picture: bool | None = None
    sound: bool | None = None


@declare(
    "participant.mute",
    Mute,
    right=Right.CHAIR,
    target=on,
    http="POST /consultations/{consultation}/participants/{participant}/mute",
    summary="Cut picture or sound off, or allow it again",
)
def _mute(desk: Desk, act: Mute) -> str:
    _, participant = _participant(desk, act)
    values: dict[str, object] = {}
    if act.picture is not None and act.picture != participant.picture_off:
        values["picture_off"] = act.picture
    if act.sound is not None and act.sound != participant.sound_off:
        values["sound_off"] = act.sound
        values["asked_us"] = 0
    if values:
        desk.change("participant.mute", f"participant:{participant.id}", act.consultation, **values)
    return ""


class MuteAll(OnConsultation, frozen=True, kw_only=True):
    """Cut everybody's sound off but the chair's and who has the word."""


@declare(
    "consultation.mute-all",
    MuteAll,
    right=Right.CHAIR,
    target=on,
    http="POST /consultations/{consultation}/mute",
    summary="Cut everybody's sound off but the chair's and who has the word",
)
def _mute_all(desk: Desk, act: MuteAll) -> str:
    consultation = open_consultation(desk, act.consultation)
    for identifier in desk.tables.participants_of.ids(act.consultation):
        item = desk.tables.participants.get(identifier)
        spared = item.person in (consultation.chair, desk.actor.person) and item.person
        if item.attendance is Attendance.PRESENT and not (item.sound_off or item.word_us or spared):
            desk.change("participant.mute", f"participant:{item.id}", act.consultation, sound_off=True, asked_us=0)
    return ""


class Ask(OnParticipant, frozen=True, kw_only=True):
    """Allow a participant's sound again and ask its person to switch the microphone on."""


@declare(
    "participant.ask",
    Ask,
    right=Right.CHAIR,
    target=on,
    http="POST /consultations/{consultation}/participants/{participant}/ask",
    summary="Ask a participant to unmute",
)
def _ask(desk: Desk, act: Ask) -> str:
    _, participant = _participant(desk, act)
    _require_present(participant)
    values = {"asked_us": desk.now_us, "sound_off": False}
    desk.change("participant.ask", f"participant:{participant.id}", act.consultation, **values)
    return ""


class Admit(OnParticipant, frozen=True, kw_only=True):
    """Let somebody in who waits."""


@declare(
    "participant.admit",
    Admit,
    right=Right.CHAIR,
    target=on,
    http="POST /consultations/{consultation}/participants/{participant}/admit",
    summary="Let in who waits",
)
def _admit(desk: Desk, act: Admit) -> str:
    _, participant = _participant(desk, act)
    if participant.attendance is not Attendance.WAITING:
        raise Conflict("not-waiting", "the participant does not wait")
    values = {"attendance": Attendance.PRESENT, "joined_us": desk.now_us, "left_us": 0}
    desk.change("participant.admit", f"participant:{participant.id}", act.consultation, **values)
    return ""


class Remove(OnParticipant, frozen=True, kw_only=True):
    """Send a participant away, or refuse one who waits. It comes back only if the chair lets it in again.

    A deputy is one no more.
    """


@declare(
    "participant.remove",
    Remove,
    right=Right.CHAIR,
    target=on,
    http="POST /consultations/{consultation}/participants/{participant}/remove",
    summary="Send a participant away",
)
def _remove(desk: Desk, act: Remove) -> str:
    consultation, participant = _participant(desk, act)
    if participant.person and participant.person == consultation.chair:
        raise Conflict("chair-stays", "the chair cannot be sent away; hand over first")
    if participant.attendance is Attendance.REMOVED:
        return ""
    desk.change(
        "participant.remove",
        f"participant:{participant.id}",
        act.consultation,
        attendance=Attendance.REMOVED,
        left_us=desk.now_us,
        sources=(),
        hand_us=0,
        word_us=0,
    )
    left = tuple(item for item in consultation.spotlight if item != participant.id)
    if left != consultation.spotlight:
        desk.change("consultation.spotlight", on(act), act.consultation, spotlight=left)
    if participant.person in consultation.deputies:
        deputies = tuple(item for item in consultation.deputies if item != participant.person)
        desk.change("consultation.depute", on(act), act.consultation, deputies=deputies)
    return ""


class Prioritise(OnParticipant, frozen=True, kw_only=True):
    """How much a participant matters, 0 to 9: whose picture stays when the line is thin."""

    priority: int


@declare(
    "participant.priority",
    Prioritise,
    right=Right.CHAIR,
    target=on,
    http="POST /consultations/{consultation}/participants/{participant}/priority",
    summary="Say how much a participant matters",
)
def _prioritise(desk: Desk, act: Prioritise) -> str:
    _, participant = _participant(desk, act)
    if not 0 <= act.priority <= MAX_PRIORITY:
        raise Invalid("out-of-range", f"a priority is 0 to {MAX_PRIORITY}", "priority")
    desk.change("participant.priority", f"participant:{participant.id}", act.consultation, priority=act.priority)
    return ""


class Light(OnParticipant, frozen=True, kw_only=True):
    """Show a participant large to everybody, or no more, whoever else is: so two chairs at once lose nothing."""

    lit: bool


@declare(
    "participant.spotlight",
    Light,
    right=Right.CHAIR,
    target=on,
    http="PUT /consultations/{consultation}/participants/{participant}/spotlight",
    summary="Show a participant large to everybody, or no more",
)
def _light(desk: Desk, act: Light) -> str:
    consultation, participant = _participant(desk, act)
    if act.lit == (participant.id in consultation.spotlight):
        return ""
    lit = tuple(item for item in consultation.spotlight if item != participant.id)
    if act.lit:
        _require_present(participant)
        if len(lit) >= MAX_SPOTLIGHT:
            raise Invalid("too-many", f"{MAX_SPOTLIGHT} at most", "participant")
        lit = (*lit, participant.id)
    desk.change("consultation.spotlight", on(act), act.consultation, spotlight=lit)
    return ""


class Spotlight(OnConsultation, frozen=True, kw_only=True):
    """Show these participants large to everybody, and nobody else; none: as before."""

    participants: tuple[str, ...]


@declare(
    "consultation.spotlight",
    Spotlight,
    right=Right.CHAIR,
    target=on,
    http="PUT /consultations/{consultation}/spotlight",
    summary="Show these participants large to everybody, and nobody else",
)
def _spotlight(desk: Desk, act: Spotlight) -> str:
    open_consultation(desk, act.consultation)
    chosen = tuple(dict.fromkeys(act.participants))
    if len(chosen) > MAX_SPOTLIGHT:
        raise Invalid("too-many", f"{MAX_SPOTLIGHT} at most", "participants")
    for identifier in chosen:
        if desk.tables.participants.get(identifier).consultation != act.consultation:
            raise Unknown("participant-unknown", f"{identifier} is in another consultation")
    desk.change("consultation.spotlight", on(act), act.consultation, spotlight=chosen)
    return ""


class Lock(OnConsultation, frozen=True, kw_only=True):
    """Let nobody new in, or open again. Who was in it and comes back waits for the chair; who was sent away may not."""

    locked: bool


@declare(
    "consultation.lock",
    Lock,
    right=Right.CHAIR,
    target=on,
    http="PUT /consultations/{consultation}/lock",
    summary="Let nobody new in, or open again",
)
def _lock(desk: Desk, act: Lock) -> str:
    if open_consultation(desk, act.consultation).locked != act.locked:
        desk.change("consultation.lock", on(act), act.consultation, locked=act.locked)
    return ""


class HandOver(OnConsultation, frozen=True, kw_only=True):
    """Make another person the chair; the former one becomes a deputy."""

    person: str


@declare(
    "consultation.hand-over",
    HandOver,
    right=Right.CHAIR,
    target=on,
    http="PUT /consultations/{consultation}/chair",
    summary="Make another participant the chair",
)
def _hand_over(desk: Desk, act: HandOver) -> str:
    consultation = open_consultation(desk, act.consultation)
    _require_here(desk, act.consultation, act.person)
    if act.person == consultation.chair:
        return ""
    others = (item for item in consultation.deputies if item != act.person)
    deputies = tuple(dict.fromkeys((consultation.chair, *others)))[:MAX_DEPUTIES]
    desk.change("consultation.hand-over", on(act), act.consultation, chair=act.person, deputies=deputies)
    return ""


class Depute(OnConsultation, frozen=True, kw_only=True):
    """Name or dismiss a deputy, who may do what the chair may."""

    person: str
    deputy: bool


@declare(
    "consultation.depute",
    Depute,
    right=Right.CHAIR,
    target=on,
    http="PUT /consultations/{consultation}/deputies/{person}",
    summary="Name or dismiss a deputy",
)
def _depute(desk: Desk, act: Depute) -> str:
    consultation = open_consultation(desk, act.consultation)
    if act.deputy:
        _require_here(desk, act.consultation, act.person)
    others = tuple(item for item in consultation.deputies if item != act.person)
    deputies = (*others, act.person) if act.deputy else others
    if len(deputies) > MAX_DEPUTIES:
        raise Invalid("too-many", f"{MAX_DEPUTIES} deputies at most", "person")
    if deputies != consultation.deputies:
        desk.change("consultation.depute", on(act), act.consultation, deputies=deputies)
    return ""


class Announce(OnConsultation, frozen=True, kw_only=True):
    """Show a text to everybody until another takes its place; an empty one takes it back."""

    text: str


@declare(
    "consultation.announce",
    Announce,
    right=Right.CHAIR,
    target=on,
    http="PUT /consultations/{consultation}/announcement",
    summary="Show a text to everybody",
)
def _announce(desk: Desk, act: Announce) -> str:
    open_consultation(desk, act.consultation)
    text = clean_text(act.text, "text", MAX_TEXT_CHARACTERS, required=False)
    values = {"announcement": text, "announced_us": desk.now_us if text else 0}
    desk.change("consultation.announce", on(act), act.consultation, **values)
    return ""


class RaiseHand(OnConsultation, frozen=True, kw_only=True):
    """Ask for the word, or take that back."""

    raised: bool


@declare(
    "participant.hand",
    RaiseHand,
    right=Right.TALK,
    target=on,
    http="PUT /consultations/{consultation}/hand",
    summary="Ask for the word, or take that back",
)
def _raise_hand(desk: Desk, act: RaiseHand) -> str:
    open_consultation(desk, act.consultation)
    own = _own(desk, act)
    if bool(own.hand_us) != act.raised:
        since = desk.now_us if act.raised else 0
        desk.change("participant.hand", f"participant:{own.id}", act.consultation, hand_us=since)
    return ""


class GiveWord(OnParticipant, frozen=True, kw_only=True):
    """Give somebody the word, which opens its sound, or take it back."""

    given: bool


@declare(
    "participant.word",
    GiveWord,
    right=Right.CHAIR,
    target=on,
    http="PUT /consultations/{consultation}/participants/{participant}/word",
    summary="Give the word, or take it back",
)
def _give_word(desk: Desk, act: GiveWord) -> str:
    _, participant = _participant(desk, act)
    if act.given:
        _require_present(participant)
        values = {"word_us": desk.now_us, "hand_us": 0, "sound_off": False, "asked_us": desk.now_us}
    else:
        values = {"word_us": 0, "hand_us": 0}
    desk.change("participant.word", f"participant:{participant.id}", act.consultation, **values)
    return ""


class CallRoll(OnConsultation, frozen=True, kw_only=True):
    """Ask everybody whether they are there, or close the roll."""

    open: bool


@declare(
    "consultation.roll",
    CallRoll,
    right=Right.CHAIR,
    target=on,
    http="PUT /consultations/{consultation}/roll",
    summary="Ask who is there, or close the roll",
)
def _call_roll(desk: Desk, act: CallRoll) -> str:
    consultation = open_consultation(desk, act.consultation)
    if act.open:
        roll = RollCall(by=acting_person(desk).id, at_us=desk.now_us)
    elif consultation.roll is None or consultation.roll.closed_us:
        raise Conflict("no-roll", "no roll is being called")
    else:
        roll = msgspec.structs.replace(consultation.roll, closed_us=desk.now_us)
    desk.change("consultation.roll", on(act), act.consultation, roll=roll)
    return ""


class AnswerRoll(OnConsultation, frozen=True, kw_only=True):
    """Say that one is here."""


@declare(
    "participant.here",
    AnswerRoll,
    right=Right.TALK,
    target=on,
    http="POST /consultations/{consultation}/roll/here",
    summary="Answer the roll call",
)
def _answer_roll(desk: Desk, act: AnswerRoll) -> str:
    consultation = open_consultation(desk, act.consultation)
    own = _own(desk, act)
    if consultation.roll is None or consultation.roll.closed_us:
        raise Conflict("no-roll", "no roll is being called")
    if own.roll_us != consultation.roll.at_us:
        desk.change("participant.here", f"participant:{own.id}", act.consultation, roll_us=consultation.roll.at_us)
    return ""


class Say(OnConsultation, frozen=True, kw_only=True):
    """A text to everybody in the consultation, from who is in it or may run it."""

    text: str


@declare(
    "message.say",
    Say,
    right=Right.TALK,
    target=on,
    http="POST /consultations/{consultation}/messages",
    summary="Write to everybody in it",
)
def _say(desk: Desk, act: Say) -> str:
    open_consultation(desk, act.consultation)
    person = acting_person(desk)
    if not desk.permissions.may(desk.actor, Right.CHAIR, on(act), desk.now_us):
        _own(desk, act)
    message = Message(
        id=desk.new_id(),
        consultation=act.consultation,
        person=person.id,
        name=person.name,
        text=clean_text(act.text, "text", MAX_TEXT_CHARACTERS),
        at_us=desk.now_us,
    )
    return desk.create("message.say", "message", message, act.consultation)


def _own(desk: Desk, act: OnConsultation) -> Participant:
    own = participant_of(desk, act.consultation, acting_person(desk).id)
    if own is None or own.attendance is not Attendance.PRESENT:
        raise Conflict("not-present", "join first")
    return own


def _require_present(participant: Participant) -> None:
    if participant.attendance is not Attendance.PRESENT:
        raise Conflict("not-present", "the participant is not here")


def _require_here(desk: Desk, consultation: str, person: str) -> None:
    desk.tables.people.get(person)
    participant = participant_of(desk, consultation, person)
    if participant is None or participant.attendance is not Attendance.PRESENT:
        raise Conflict("not-present", "the person is not in the consultation")
