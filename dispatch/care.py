"""What the node does by itself as time passes: opens what is due, sees who is gone, forgets what is over. Core."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dispatch.acts.base import Act
from dispatch.acts.consultation import Absent, Start
from dispatch.records import Attendance, Consultation, Stage
from dispatch.tables import CLEARED, Tables

#: An ended consultation, or a recording of which no file is left, stays in memory so long, for pages that still show
#: it; afterwards the database has it.
KEEP_ENDED_US = 3_600_000_000
#: Texts of a running consultation in memory; the database has all.
KEEP_MESSAGES = 200


def due(tables: Tables, is_here: Callable[[str], bool], now_us: int) -> Iterator[Act]:
    """Give the acts that the node owes. `is_here(person)`: whether a page of theirs is or was just now connected."""
    for consultation in tables.consultations:
        if consultation.stage is Stage.SCHEDULED and consultation.begins_us <= now_us:
            yield Start(consultation=consultation.id)
    for participant in tables.participants:
        there = participant.attendance in (Attendance.PRESENT, Attendance.WAITING)
        if there and participant.person and not is_here(participant.person):
            yield Absent(consultation=participant.consultation, person=participant.person)


def forgettable(tables: Tables, now_us: int) -> Iterator[tuple[str, str]]:
    """Give (kind, id) of what memory need not hold any more."""
    for consultation in tables.consultations:
        if _is_long_over(consultation, now_us):
            yield from (("message", item) for item in tables.messages_of.ids(consultation.id))
            yield from (("participant", item) for item in tables.participants_of.ids(consultation.id))
            yield ("consultation", consultation.id)
        elif tables.messages_of.count(consultation.id) > KEEP_MESSAGES:
            oldest = list(tables.messages_of.ids(consultation.id))[:-KEEP_MESSAGES]
            yield from (("message", item) for item in oldest)
    for identifier in tables.recordings_deleted.ids(CLEARED):
        if tables.recordings.get(identifier).cleared_us + KEEP_ENDED_US <= now_us:
            yield ("recording", identifier)


def _is_long_over(consultation: Consultation, now_us: int) -> bool:
    return consultation.stage is Stage.ENDED and consultation.ended_us + KEEP_ENDED_US <= now_us
