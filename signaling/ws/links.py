"""What connects records for pages, followed change by change: nothing is looked for in all of them. Core."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Literal, NamedTuple

from dispatch.directory.sums import Sums
from dispatch.presence import Presence
from dispatch.records import Consultation, Participant, Record, Stage
from dispatch.sources import SourceRegistry, SourceState
from dispatch.tables import Change, Tables


class Owner(NamedTuple):
    """Whose a source is: its unit, its endpoint's kind ("browser" of a page's, "" of neither), its person or ""."""

    unit: str
    kind: str
    person: str


class Links:
    """Open consultations, whom they concern, who shows which source, and what is below every unit."""

    def __init__(self, tables: Tables, presence: Presence, sources: SourceRegistry) -> None:
        self._tables = tables
        self._presence = presence
        self._sources = sources
        self.sums = Sums(tables)
        #: Consultations that have not ended.
        self.open: dict[str, None] = {}
        #: `person:ID` or `unit:ID` -> consultations it leads, or is invited to.
        self.concerned: defaultdict[str, set[str]] = defaultdict(set)
        #: source -> participants that contribute it
        self.shown: defaultdict[str, set[str]] = defaultdict(set)
        self._counted: dict[str, dict[str, str]] = {"present": {}, "live": {}}
        for consultation in tables.consultations:
            self._consultation(consultation.id, None, consultation)
        for participant in tables.participants:
            self._participant(participant.id, None, participant)
        for person in tables.people:
            self.person(person.id)
        for source in sources.all():
            self.source(source.id)
        self.sums.take_touched()

    def owner(self, source: str) -> Owner:
        """Return whose a source is: an endpoint's has its id, a person's begins with the person's id and a dot."""
        endpoint = self._tables.endpoints.find(source)
        if endpoint is not None:
            return Owner(endpoint.unit, endpoint.kind.value, "")
        person = self._tables.people.find(source.partition(".")[0]) if "." in source else None
        return Owner(person.unit, "browser", person.id) if person else Owner("", "", "")

    def apply(self, changes: Sequence[Change]) -> None:
        """Follow changes of the tables, which have all happened."""
        for change in changes:
            self.sums.follow(change)
        for change in changes:
            match change.kind:
                case "consultation":
                    self._consultation(change.id, change.old, change.new)
                case "participant":
                    self._participant(change.id, change.old, change.new)
                case "person":
                    self.person(change.id)
                    for source in tuple(self._counted["live"]):
                        if source.startswith(f"{change.id}."):
                            self.source(source)
                case "endpoint":
                    self.source(change.id)

    def person(self, identifier: str) -> None:
        """Somebody came, went or moved."""
        person = self._tables.people.find(identifier)
        self._count("present", identifier, person.unit if person and self._presence.is_online(identifier) else "")

    def source(self, identifier: str) -> None:
        """A source became live, or no longer is, or its owner moved."""
        source = self._sources.find(identifier)
        live = source is not None and source.state is SourceState.LIVE
        self._count("live", identifier, self.owner(identifier).unit if live else "")

    def _count(self, what: Literal["present", "live"], identifier: str, unit: str) -> None:
        before = self._counted[what].pop(identifier, "")
        if unit:
            self._counted[what][identifier] = unit
        if before != unit:
            self.sums.add(before, what, -1)
            self.sums.add(unit, what, 1)

    def _consultation(self, identifier: str, old: Record | None, new: Record | None) -> None:
        before, after = concerns(old), concerns(new)
        for whom in before - after:
            _discard(self.concerned, whom, identifier)
        for whom in after - before:
            self.concerned[whom].add(identifier)
        if isinstance(new, Consultation) and new.stage is not Stage.ENDED:
            self.open[identifier] = None
        else:
            self.open.pop(identifier, None)

    def _participant(self, identifier: str, old: Record | None, new: Record | None) -> None:
        before = set(old.sources) if isinstance(old, Participant) else set()
        after = set(new.sources) if isinstance(new, Participant) else set()
        for source in before - after:
            _discard(self.shown, source, identifier)
        for source in after - before:
            self.shown[source].add(identifier)


def concerns(record: Record | None) -> set[str]:
    """Return whom a consultation concerns while it is open: who leads it, and who is invited."""
    if not isinstance(record, Consultation) or record.stage is Stage.ENDED:
        return set()
    leading = {f"person:{person}" for person in (record.chair, *record.deputies)}
    return leading | {invitation.whom for invitation in record.invitations}


def _discard(index: defaultdict[str, set[str]], key: str, value: str) -> None:
    held = index[key]
    held.discard(value)
    if not held:
        del index[key]
