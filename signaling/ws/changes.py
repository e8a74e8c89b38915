"""Which records of which topics a change may change, and whose access. Marks too much rather than too little. Core."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from dispatch.records import (
    Consultation,
    Endpoint,
    Grant,
    Message,
    Participant,
    Person,
    Policy,
    Recording,
    Stage,
    Unit,
)
from dispatch.sources import SourceRegistry
from dispatch.tables import RUNNING, Change, Tables
from signaling.ws.links import concerns
from signaling.ws.topics import Topics
from signaling.ws.views import MAX_MESSAGES, Views

#: What the short form of a consultation shows of the record itself.
_SHORT = ("title", "unit", "chair", "stage", "begins_us", "started_us", "ended_us", "locked")
#: What of it decides about rights.
_LEADING = ("chair", "deputies", "stage", "invitations")


class Changes:
    """Carries what happens into the topics. Its methods are called after it has happened."""

    def __init__(self, tables: Tables, sources: SourceRegistry, views: Views, topics: Topics) -> None:
        self._tables = tables
        self._sources = sources
        self._views = views
        self._links = views.links
        self._topics = topics

    def apply(self, changes: Sequence[Change]) -> None:
        """The tables have changed."""
        texts: Counter[str] = Counter()
        self._links.apply(changes)
        for change in changes:
            match change.old or change.new:
                case Unit():
                    self._unit(change)
                case Person():
                    self._person(change)
                case Endpoint():
                    self._endpoint(change)
                case Consultation():
                    self._consultation(change)
                case Participant():
                    self._participant(change)
                case Message(consultation=consultation):
                    self._topics.mark(f"consultation:{consultation}", ("message", change.id))
                    texts[consultation] += 1
                case Recording(of=of):
                    self._recording(of)
                case Policy():
                    self._topics.mark("places", ("emergency", change.id))
                case Grant():
                    for grant in (change.old, change.new):
                        if isinstance(grant, Grant):
                            self._grant(grant)
        for consultation, count in texts.items():
            self._let_go(consultation, count)
        self._counts()

    def person(self, identifier: str) -> None:
        """Somebody came or went."""
        self._links.person(identifier)
        person = self._tables.people.find(identifier)
        if person is not None:
            self._topics.mark(f"unit:{person.unit}", ("person", identifier))
        for item in self._tables.participants_as.ids(identifier):
            consultation = self._tables.participants.get(item).consultation
            self._topics.mark(f"consultation:{consultation}", ("participant", item))
        self._counts()

    def source(self, identifier: str) -> None:
        """A source's state, name or tracks changed."""
        self._links.source(identifier)
        self._mark_source(identifier)
        endpoint = self._tables.endpoints.find(identifier)
        if endpoint is not None:
            self._topics.mark(f"unit:{endpoint.unit}", ("endpoint", identifier))
        self._counts()

    def recordings(self) -> None:
        """How recording goes has changed, for all of them."""
        for identifier in self._tables.recordings_running.ids(RUNNING):
            self._recording(self._tables.recordings.get(identifier).of)

    def speaking(self, consultation: str, participant: str, levels: dict[str, int]) -> None:
        """Who speaks in a consultation, and the levels (dBov) of who is heard; nobody when it is over."""
        if participant or levels:
            self._views.shapes.speakers[consultation] = participant, levels
        else:
            self._views.shapes.speakers.pop(consultation, None)
        self._topics.mark(f"consultation:{consultation}", ("speaking", consultation))

    def passed(self, now_us: int) -> None:
        """Time has passed: grants may have begun or ended."""
        if self._views.pass_edge(now_us):
            self._topics.doubt()
            self._topics.spoil(self._views.has_grants)

    def _grant(self, grant: Grant) -> None:
        # Who has other grants is another audience; only one's own places are of one's own.
        kind, _, identifier = grant.to.partition(":")
        person = identifier if kind == "person" else ""
        self._views.follow_grant(grant)
        self._topics.doubt(person)
        self._topics.spoil(lambda topic, audience: topic == "places" and (not person or audience == person))

    def _unit(self, change: Change) -> None:
        old, new = change.old, change.new
        for record in (old, new):
            if isinstance(record, Unit):
                self._topics.mark(_level(record.parent), ("unit", change.id))
        if not isinstance(old, Unit):
            return
        if not isinstance(new, Unit) or old.parent != new.parent:
            # What lies below has other superiors now, who have other rights to it.
            self._views.forget_rights()
            self._topics.doubt()
            self._topics.spoil()
        elif (old.name_zh, old.name_en, old.level) != (new.name_zh, new.name_en, new.level):
            self._renamed(change.id)

    def _renamed(self, unit: str) -> None:
        for item in self._tables.endpoints_of_unit.ids(unit):
            self._mark_source(item)
        for item in self._tables.policies_of.ids(unit):
            self._topics.mark("places", ("emergency", item))
        people = set(self._tables.people_of_unit.ids(unit))
        for source in self._sources.all():
            if source.id.partition(".")[0] in people:
                self._mark_source(source.id)
        for consultation in self._shown():
            if consultation.unit == unit:
                self._mark_short(consultation.id)
            for item in self._tables.participants_of.ids(consultation.id):
                if self._tables.participants.get(item).unit == unit:
                    self._topics.mark(f"consultation:{consultation.id}", ("participant", item))

    def _person(self, change: Change) -> None:
        old, new = change.old, change.new
        for record in (old, new):
            if isinstance(record, Person):
                self._topics.mark(f"unit:{record.unit}", ("person", change.id))
        if not isinstance(old, Person):
            return
        if not isinstance(new, Person) or (old.roles, old.unit, old.disabled) != (new.roles, new.unit, new.disabled):
            self._views.forget_rights()
            self._topics.doubt(change.id)
            self._topics.spoil(lambda topic, audience: topic == "places" and audience == change.id)
        if not isinstance(new, Person) or old.unit != new.unit:
            self._mark_sources_of(change.id)
        if not isinstance(new, Person) or old.name != new.name:
            for consultation in self._shown():
                if consultation.chair == change.id:
                    self._mark_short(consultation.id)

    def _endpoint(self, change: Change) -> None:
        old, new = change.old, change.new
        for record in (old, new):
            if isinstance(record, Endpoint):
                self._topics.mark(f"unit:{record.unit}", ("endpoint", change.id))
        before = old.unit if isinstance(old, Endpoint) else ""
        after = new.unit if isinstance(new, Endpoint) else ""
        if before != after:
            self._views.forget_rights()
        self._mark_source(change.id)

    def _consultation(self, change: Change) -> None:
        old, new = change.old, change.new
        topic = f"consultation:{change.id}"
        self._topics.mark(topic, ("consultation", change.id))
        if not isinstance(new, Consultation) or new.stage is Stage.ENDED:
            self.speaking(change.id, "", {})
        if old is None or new is None or any(getattr(old, name) != getattr(new, name) for name in _SHORT):
            self._mark_short(change.id)
        if old is None or new is None or any(getattr(old, name) != getattr(new, name) for name in _LEADING):
            self._topics.doubt(topic=topic)
            self._topics.mark("places", ("place", change.id), held=True)
            self._topics.mark("places", ("consultation", change.id), held=True)
            self._concern(change.id, concerns(new) - concerns(old))

    def _concern(self, consultation: str, whoms: set[str]) -> None:
        """Mark the places that somebody has got."""
        units = frozenset(whom for whom in whoms if whom.startswith("unit:"))
        people = {whom.removeprefix("person:") for whom in whoms - units}
        if units:
            # Not everybody's are looked at: that is dear, and thousands watch theirs.
            watching = map(str, self._topics.audiences("places"))
            people.update(person for person in watching if self._views.is_within(person, units))
        for person in people:
            for key in (("place", consultation), ("consultation", consultation)):
                self._topics.mark("places", key, audience=person)

    def _participant(self, change: Change) -> None:
        old, new = change.old, change.new
        either = new or old
        assert isinstance(either, Participant)
        topic = f"consultation:{either.consultation}"
        self._topics.mark(topic, ("participant", change.id))
        for record in (old, new):
            for source in record.sources if isinstance(record, Participant) else ():
                self._topics.mark(topic, ("source", source))
        before = old.attendance if isinstance(old, Participant) else None
        after = new.attendance if isinstance(new, Participant) else None
        if before is not after:
            for name in ("overview", "places"):
                self._topics.refresh(name, ("consultation", either.consultation))
            if either.person:
                self._concern(either.consultation, {f"person:{either.person}"})
                self._topics.doubt(either.person, topic)

    def _recording(self, of: str) -> None:
        kind, _, identifier = of.partition(":")
        if kind == "source":
            self._mark_source(identifier)
        else:
            self._mark_short(identifier)

    def _shown(self) -> Iterator[Consultation]:
        """Give all consultations that are in any topic: a page may still look at one that has ended."""
        watched = (topic.partition(":") for topic in self._topics.names())
        ids = {**self._links.open, **{item: None for kind, _, item in watched if kind == "consultation"}}
        found = (self._tables.consultations.find(identifier) for identifier in ids)
        return (consultation for consultation in found if consultation is not None)

    def _mark_short(self, consultation: str) -> None:
        key = ("consultation", consultation)
        self._topics.mark("overview", key)
        self._topics.mark("places", key, held=True)
        self._topics.mark(f"consultation:{consultation}", key)

    def _mark_source(self, source: str) -> None:
        self._topics.mark("overview", ("source", source))
        for item in self._links.shown.get(source, ()):
            participant = self._tables.participants.get(item)
            self._topics.mark(f"consultation:{participant.consultation}", ("source", source))
            self._topics.mark(f"consultation:{participant.consultation}", ("participant", item))

    def _mark_sources_of(self, person: str) -> None:
        for source in self._sources.all():
            if source.id.startswith(f"{person}."):
                self._mark_source(source.id)

    def _let_go(self, consultation: str, count: int) -> None:
        """Mark the texts that so many new ones have pushed out of what pages are sent."""
        ids = tuple(self._tables.messages_of.ids(consultation))
        for item in ids[max(0, len(ids) - MAX_MESSAGES - count) : max(0, len(ids) - MAX_MESSAGES)]:
            self._topics.mark(f"consultation:{consultation}", ("message", item))

    def _counts(self) -> None:
        for identifier in self._links.sums.take_touched():
            unit = self._tables.units.find(identifier)
            if unit is not None:
                self._topics.refresh(_level(unit.parent), ("unit", identifier))


def _level(parent: str) -> str:
    return f"unit:{parent or 'root'}"
