"""Records of dispatch in the shapes that docs/api.md gives them, as JSON. Says nothing of who may see them. Core."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from dispatch.presence import Presence
from dispatch.records import Attendance, Consultation, Endpoint, Message, Participant, Person, Policy, Unit
from dispatch.sources import Source, SourceRegistry, SourceState
from dispatch.tables import Tables
from signaling.ws.links import Links
from signaling.ws.ports import Tracks

_encode = msgspec.json.Encoder().encode


class Shapes:
    """Makes records. What many audiences are sent is made once between two calls of `begin`."""

    def __init__(
        self, tables: Tables, links: Links, presence: Presence, sources: SourceRegistry, tracks: Tracks
    ) -> None:
        self._tables = tables
        self._links = links
        self._presence = presence
        self._sources = sources
        self._tracks = tracks
        self._made: dict[str, bytes] = {}
        #: consultation -> who speaks, and how loud everybody is who is heard
        self.speakers: dict[str, tuple[str, dict[str, int]]] = {}
        #: why what is to be recorded is not, or may not be, "" when all is well
        self.trouble = ""

    def begin(self) -> None:
        """Forget what was made: it may have changed."""
        self._made.clear()

    def short(self, record: Consultation) -> bytes:
        """Return a consultation as the overview shows it."""
        made = self._made.get(record.id)
        if made is None:
            ids = self._tables.participants_of.ids(record.id)
            there = [self._tables.participants.get(item).attendance for item in ids]
            counts = {name.value: there.count(name) for name in (Attendance.PRESENT, Attendance.WAITING)}
            made = self._made[record.id] = _encode({**self._head(record), **counts})
        return made

    def full(self, record: Consultation) -> bytes:
        """Return a consultation as those see it who are in it.

        Without counts: who is sent it has the participants; with them all the invitations would go with every join.
        """
        more = ("admission", "deputies", "spotlight", "announcement", "announced_us", "invitations", "roll")
        return _encode({**self._head(record), **{name: getattr(record, name) for name in more}})

    def place(self, consultation: str, mine: str, participant: str, may: Iterable[str]) -> bytes:
        """Return somebody's place in a consultation."""
        return _encode({"id": consultation, "mine": mine, "participant": participant, "may": tuple(may)})

    def emergency(self, record: Policy) -> bytes:
        """Return an emergency: that everything of a unit and those below it is recorded, who declared it and when."""
        by = self._tables.people.find(record.by)
        told = {name: getattr(record, name) for name in ("id", "reason", "by", "from_us")}
        return _encode({**told, **self._unit(record.unit), "by_name": by.name if by else ""})

    def participant(self, record: Participant) -> bytes:
        """Return a participant."""
        if record.person:
            online = self._presence.is_online(record.person)
        else:
            source = self._sources.find(record.source)
            online = source is not None and source.state is not SourceState.OFFLINE
        return _encode({**msgspec.structs.asdict(record), **self._unit(record.unit), "online": online})

    def message(self, record: Message) -> bytes:
        """Return a text."""
        return _encode(record)

    def source(self, record: Source) -> bytes:
        """Return a source."""
        made = self._made.get(f"source:{record.id}")
        if made is None:
            owner = self._links.owner(record.id)
            values = {
                "id": record.id,
                "name": record.name,
                **self._unit(owner.unit),
                "kind": owner.kind,
                "person": owner.person,
                "state": record.state.value,
                "since_us": record.since_us,
                "tracks": tuple(self._tracks(record.id)),
                "recording": self._recording(f"source:{record.id}"),
            }
            made = self._made[f"source:{record.id}"] = _encode(values)
        return made

    def speaking(self, consultation: str) -> bytes | None:
        """Return who speaks in a consultation."""
        known = self.speakers.get(consultation)
        return _encode({"id": consultation, "participant": known[0], "levels": known[1]}) if known else None

    def unit(self, record: Unit) -> bytes:
        """Return a unit with what is below it."""
        sums = self._links.sums.of(record.id)
        return _encode({**msgspec.structs.asdict(record), **{name: getattr(sums, name) for name in _SUMS}})

    def person(self, record: Person, *, login: bool) -> bytes:
        """Return a person; `login`: with the name it signs in by."""
        names = ("id", "unit", "name", "title", "disabled")
        values: dict[str, Any] = {name: getattr(record, name) for name in names}
        values["login"] = record.login if login else ""
        values["online"] = self._presence.is_online(record.id)
        values["since_us"] = self._presence.since_us(record.id)
        return _encode(values)

    def endpoint(self, record: Endpoint) -> bytes:
        """Return an endpoint with the state of its source."""
        source = self._sources.find(record.id)
        state, since_us = (source.state, source.since_us) if source else (SourceState.OFFLINE, 0)
        return _encode({**msgspec.structs.asdict(record), "state": state.value, "since_us": since_us})

    def _head(self, record: Consultation) -> dict[str, Any]:
        chair = self._tables.people.find(record.chair)
        same = ("id", "title", "chair", "stage", "begins_us", "started_us", "ended_us", "locked")
        return {
            **{name: getattr(record, name) for name in same},
            **self._unit(record.unit),
            "chair_name": chair.name if chair else "",
            "recording": self._recording(f"consultation:{record.id}"),
        }

    def _recording(self, of: str) -> dict[str, Any] | None:
        running = self._tables.recording_of.first(of)
        if running is None:
            return None
        recording = self._tables.recordings.get(running)
        told = {name: getattr(recording, name) for name in ("id", "why", "begun_us", "paused_us")}
        return {**told, "trouble": self.trouble}

    def _unit(self, identifier: str) -> dict[str, str]:
        unit = self._tables.units.find(identifier)
        if unit is None:
            return {"unit": identifier, "unit_name": "", "unit_name_en": "", "level": ""}
        return {"unit": unit.id, "unit_name": unit.name_zh, "unit_name_en": unit.name_en, "level": unit.level.value}


def with_rights(record: bytes, may: Iterable[str]) -> bytes:
    """Return a record with what may be done with it: the rest of it is the same for all who see it."""
    return record[:-1] + b',"may":' + _encode(tuple(may)) + b"}"


_SUMS = ("units", "people", "endpoints", "present", "live")
