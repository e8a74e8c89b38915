"""Which pictures and sounds may flow to whom: the one rule that the relay is held to, packet by packet.

Asked when a page wants to take a source, and again for every line it takes whenever something changed. Core.
"""

from __future__ import annotations

from enum import StrEnum

from dispatch.permissions import Actor, Permissions, Right
from dispatch.records import Attendance, Participant, Stage
from dispatch.tables import Tables

CONSULTATION = "consultation:"


class Flow(StrEnum):
    """OPEN forwards, PAUSED does not until the chair allows it again, CLOSED ends the line."""

    OPEN = "open"
    PAUSED = "paused"
    CLOSED = "closed"


def may_take(permissions: Permissions, tables: Tables, taker: Actor, line: tuple[str, str, str], now_us: int) -> Flow:
    """Tell how a line (source, kind, context) to `taker` stands: see docs/api.md, Media, for the context."""
    source, kind, context = line
    if not context:
        if is_own(taker, source) or permissions.may_source(taker, Right.VIEW, source, now_us):
            return Flow.OPEN
        return Flow.CLOSED
    identifier = context.removeprefix(CONSULTATION)
    consultation = tables.consultations.find(identifier) if context.startswith(CONSULTATION) else None
    if consultation is None or consultation.stage is not Stage.RUNNING:
        return Flow.CLOSED
    own = tables.participant_of_person.first(f"{identifier}/{taker.person}")
    taking = tables.participants.find(own) if own else None
    if taking is None or taking.attendance is not Attendance.PRESENT:
        return Flow.CLOSED
    giving = contributors(tables, identifier, source)
    if not giving:
        return Flow.CLOSED
    # Of several whose source it is (its person's, and brought in once more) each being cut off is enough.
    off = any(item.picture_off if kind == "video" else item.sound_off for item in giving)
    return Flow.PAUSED if off else Flow.OPEN


def may_publish(permissions: Permissions, taker: Actor, source: str, now_us: int) -> bool:
    """Tell whether somebody may send under this identifier: one's own sources, or those one may publish for."""
    if is_own(taker, source):
        return permissions.may(taker, Right.SEE, f"person:{taker.person}", now_us)
    return permissions.may_source(taker, Right.PUBLISH, source, now_us)


def is_own(actor: Actor, source: str) -> bool:
    """Tell whether a source is a page's of this person: `PERSON.whatever`."""
    return bool(actor.person) and source.startswith(f"{actor.person}.")


def contributors(tables: Tables, consultation: str, source: str) -> list[Participant]:
    """Return the participants whose source this is in a consultation."""
    found = map(tables.participants.get, tables.participant_of_source.ids(f"{consultation}/{source}"))
    return [item for item in found if item.attendance is Attendance.PRESENT]
