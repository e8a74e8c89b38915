"""Who may read an entry of the timeline: who audits its object, and who was part of the session it belongs to. Core.

Rights are those of now: who was given the care of a unit reads its past. What belongs to no unit any more, or never
did, is for who audits the node as a whole.
"""

from __future__ import annotations

from dispatch.entry import Entry
from dispatch.permissions import Actor, Permissions, Right
from dispatch.records import Attendance
from dispatch.tables import Tables


class Audit:
    """Answers from the tables as they are now, for one reader at one time."""

    def __init__(self, tables: Tables, permissions: Permissions, actor: Actor, now_us: int) -> None:
        self._tables = tables
        self._permissions = permissions
        self._actor = actor
        self._now_us = now_us
        self._known: dict[str, bool] = {}

    def may_read(self, entry: Entry) -> bool:
        """Tell whether the reader may read an entry."""
        if self._audits("node") or self._audits(self._subject(entry)):
            return True
        return bool(entry.session) and self.may_read_of(entry.session)

    def may_read_of(self, session: str) -> bool:
        """Tell whether the reader may read what happened in a consultation."""
        return self._audits("node") or self._audits(f"consultation:{session}") or self._took_part(session)

    def _audits(self, target: str) -> bool:
        if target not in self._known:
            self._known[target] = self._permissions.may(self._actor, Right.AUDIT, target, self._now_us)
        return self._known[target]

    def _subject(self, entry: Entry) -> str:
        """Return what an entry is about, where its object has no unit of its own."""
        kind, identifier = entry.kind, entry.object_id
        if kind == "credential":
            return f"person:{identifier}" if identifier in self._tables.people else f"endpoint:{identifier}"
        if kind in ("signin", "export"):
            return f"person:{identifier}"
        if kind in ("replay", "disclosure"):
            return f"recording:{identifier}"
        if kind == "policy":
            # What is over is in no table: its entries say whose it was.
            return f"unit:{entry.params.get('unit', '')}"
        if kind == "login":
            login = self._tables.logins.find(identifier)
            return f"person:{login.person if login else entry.params.get('person', '')}"
        return entry.object

    def _took_part(self, session: str) -> bool:
        consultation = self._tables.consultations.find(session)
        if consultation is not None and self._actor.person in (consultation.chair, *consultation.deputies):
            return True
        own = self._tables.participant_of_person.first(f"{session}/{self._actor.person}")
        participant = self._tables.participants.find(own) if own else None
        # Who was invited, waited in vain or was sent away was no part of it.
        return (
            participant is not None
            and participant.joined_us > 0
            and participant.attendance in (Attendance.PRESENT, Attendance.LEFT)
        )
