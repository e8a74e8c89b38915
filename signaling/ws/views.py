"""Which records are in a topic for whom, as docs/api.md says it. Answers from the state as it is now. Core.

Thousands share what they see: what comes with roles and grants alone is the same for all who have the same (a
`Standing`), what a consultation holds is the same for all who may watch it. What is somebody's own is in `places`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Set
from dataclasses import dataclass

import structlog

from dispatch.errors import Forbidden, Unknown
from dispatch.permissions import Actor, Permissions, Right
from dispatch.presence import Presence
from dispatch.records import EMERGENCY, Consultation, Grant, Person, Role, Stage
from dispatch.sources import SourceRegistry
from dispatch.tables import Tables
from signaling.ws.links import Links
from signaling.ws.ports import Tracks
from signaling.ws.shapes import Shapes, with_rights
from signaling.ws.stream import Key

_log = structlog.get_logger(__name__)

#: The newest texts that a page gets; older ones it asks for.
MAX_MESSAGES = 200
#: Answers kept of what a standing gives a right to: some 50 MB at most.
_MAX_ANSWERS = 200_000
_NEVER_US = 1 << 62

_OF_CONSULTATION = (Right.SEE, Right.VIEW, Right.TALK, Right.CHAIR, Right.INVITE, Right.RECORD, Right.REPLAY)
_OF_SOURCE = (Right.VIEW, Right.STEER, Right.RECORD)
_OF_UNIT = (Right.SEE, Right.VIEW, Right.CHAIR, Right.INVITE, Right.RECORD, Right.MANAGE, Right.AUDIT, Right.ADMIN)


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody's rights come from, apart from places in consultations."""

    roles: frozenset[Role]
    grants: frozenset[Grant]


@dataclass(frozen=True, slots=True)
class _Placing:
    """Somebody's place in a consultation, with the rights that come with it and those beside it."""

    consultation: Consultation
    mine: str
    participant: str
    by_place: frozenset[Right]
    beside: frozenset[Right]


class Views:
    """The state of every topic for every audience: a `topics.Source`."""

    def __init__(
        self,
        tables: Tables,
        permissions: Permissions,
        presence: Presence,
        sources: SourceRegistry,
        tracks: Tracks,
    ) -> None:
        self.links = Links(tables, presence, sources)
        self.shapes = Shapes(tables, self.links, presence, sources, tracks)
        self._tables = tables
        self._permissions = permissions
        self._sources = sources
        self._answers: dict[tuple[Standing, str], frozenset[Right]] = {}
        self._windows: dict[str, frozenset[str]] = {}
        self._placings: dict[tuple[str, str], _Placing | None] = {}
        self._edge_us = 0
        self._looked_us = 0

    def begin(self) -> None:
        """What was made before may have changed."""
        self.shapes.begin()
        self._windows.clear()
        self._placings.clear()

    def forget_rights(self) -> None:
        """The tree, or whose unit a device has, has changed."""
        self._answers.clear()

    def follow_grant(self, grant: Grant) -> None:
        """A grant has come, changed or gone."""
        self._answers.clear()
        edges = (edge for edge in (grant.from_us, grant.until_us) if edge > self._looked_us)
        self._edge_us = min((self._edge_us, *edges))

    def pass_edge(self, now_us: int) -> bool:
        """Tell whether a grant has begun or ended since the last call: rights may be different then."""
        self._looked_us = now_us
        if now_us < self._edge_us:
            return False
        edges = (edge for grant in self._tables.grants for edge in (grant.from_us, grant.until_us) if edge > now_us)
        self._edge_us = min(edges, default=_NEVER_US)
        self._answers.clear()
        return True

    def has_grants(self, topic: str, audience: Hashable) -> bool:
        """Tell whether what an audience sees may depend on grants."""
        if isinstance(audience, Standing):
            return bool(audience.grants)
        person = self._tables.people.find(str(audience)) if topic == "places" else None
        return person is not None and bool(self._permissions.grants_of(person))

    def audience(self, topic: str, person: str, now_us: int) -> Hashable:
        """Return what decides which records of a topic somebody sees. Raises Unknown, Forbidden."""
        record = self._tables.people.find(person)
        if record is None or record.disabled:
            raise Forbidden("forbidden", f"{person} is not, or no longer, a user")
        kind, _, identifier = topic.partition(":")
        if topic == "overview":
            return self._standing(record, now_us)
        if topic == "places":
            return person
        if kind == "consultation":
            consultation = self._tables.consultations.get(identifier)
            if not self._permissions.may(Actor(person), Right.VIEW, topic, now_us):
                ended = consultation.stage is Stage.ENDED
                raise Forbidden("consultation-ended" if ended else "forbidden", f"{person} may not view it")
            return topic
        if kind == "unit":
            standing = self._standing(record, now_us)
            if identifier != "root":
                self._tables.units.get(identifier)
                if Right.SEE not in self._rights(standing, topic, now_us):
                    raise Forbidden("forbidden", f"{person} may not see it")
            return standing
        raise Unknown("topic-unknown", f"there is no topic {topic[:40]!r}")

    def is_within(self, person: str, units: Set[str]) -> bool:
        """Tell whether somebody is in one of these (`unit:ID`), or below it."""
        record = self._tables.people.find(person)
        return record is not None and any(f"unit:{unit}" in units for unit in self._permissions.line(record.unit))

    def keys(self, topic: str, audience: Hashable, now_us: int) -> Iterator[Key]:
        """Give all records that may be in a topic."""
        kind, _, identifier = topic.partition(":")
        if topic == "overview":
            yield from (("consultation", item) for item in self.links.open)
            yield from (("source", source.id) for source in self._sources.all())
        elif isinstance(audience, str) and topic == "places":
            for item in self._places(audience):
                yield "place", item
                yield "consultation", item
            yield from (("emergency", item.id) for item in self._tables.policies if item.why == EMERGENCY)
        elif kind == "consultation":
            yield "consultation", identifier
            yield "speaking", identifier
            for item in self._tables.participants_of.ids(identifier):
                yield "participant", item
                yield from (("source", source) for source in self._tables.participants.get(item).sources)
            yield from (("message", item) for item in self._window(identifier))
        else:
            yield from (("unit", item) for item in self._tables.children.ids(identifier))
            yield from (("person", item) for item in self._tables.people_of_unit.ids(identifier))
            yield from (("endpoint", item) for item in self._tables.endpoints_of_unit.ids(identifier))

    def record(self, topic: str, audience: Hashable, key: Key, now_us: int) -> bytes | None:
        """Return a record as JSON, None when it is not, or not to be, in the topic; or when a fault keeps it away."""
        try:
            return self._record(topic, audience, key, now_us)
        except Exception:  # so broad, because one record that cannot be made must not keep all others from the page
            _log.exception("record_not_made", topic=topic, kind=key[0], id=key[1])
            return None

    def _record(self, topic: str, audience: Hashable, key: Key, now_us: int) -> bytes | None:
        identifier = topic.partition(":")[2]
        if isinstance(audience, Standing):
            if topic == "overview":
                return self._of_overview(audience, key, now_us)
            return self._of_unit("" if identifier == "root" else identifier, audience, key, now_us)
        if topic == "places":
            return self._of_places(str(audience), key, now_us)
        return self._of_consultation(identifier, key)

    def renew(self, topic: str, audience: Hashable, key: Key, now_us: int) -> bytes | None:
        """Return a record that an audience has, where nothing but its figures has changed since it was made."""
        kind, identifier = key
        if topic == "places" and kind == "consultation":
            # The same for all who have it there. Who may have it has been asked, for each of them.
            consultation = self._open(identifier)
            return with_rights(self.shapes.short(consultation), ()) if consultation else None
        return self.record(topic, audience, key, now_us)

    def _of_overview(self, standing: Standing, key: Key, now_us: int) -> bytes | None:
        kind, identifier = key
        targets = self._permissions.targets_of(identifier) if kind == "source" else (f"{kind}:{identifier}",)
        rights = frozenset[Right]().union(*(self._rights(standing, target, now_us) for target in targets))
        if Right.SEE not in rights:
            return None
        if kind == "consultation":
            consultation = self._open(identifier)
            return with_rights(self.shapes.short(consultation), _of(rights, _OF_CONSULTATION)) if consultation else None
        source = self._sources.find(identifier)
        return with_rights(self.shapes.source(source), _of(rights, _OF_SOURCE)) if source else None

    def _of_places(self, person: str, key: Key, now_us: int) -> bytes | None:
        kind, identifier = key
        if kind == "emergency":
            return self._emergency(person, identifier, now_us)
        if (person, identifier) not in self._placings:
            self._placings[person, identifier] = self._placing(person, identifier, now_us)
        placing = self._placings[person, identifier]
        if placing is None:
            return None
        if kind == "consultation":
            # Where roles and grants suffice the overview has it.
            shown = Right.SEE not in placing.beside
            return with_rights(self.shapes.short(placing.consultation), ()) if shown else None
        may = _of(placing.beside | placing.by_place, _OF_CONSULTATION)
        return self.shapes.place(identifier, placing.mine, placing.participant, may)

    def _emergency(self, person: str, identifier: str, now_us: int) -> bytes | None:
        """Return an emergency for who is of its unit, above or below it, or may take it back."""
        policy, record = self._tables.policies.find(identifier), self._tables.people.find(person)
        if policy is None or policy.why != EMERGENCY or record is None:
            return None
        line = self._permissions.line
        rights = self._rights(self._standing(record, now_us), f"unit:{policy.unit}", now_us)
        near = policy.unit in line(record.unit) or record.unit in line(policy.unit)
        if not near and Right.RECORD not in rights:
            return None
        return with_rights(self.shapes.emergency(policy), _of(rights, (Right.RECORD,)))

    def _placing(self, person: str, identifier: str, now_us: int) -> _Placing | None:
        consultation, record = self._open(identifier), self._tables.people.find(person)
        if consultation is None or record is None:
            return None
        own = self._tables.participant_of_person.first(f"{identifier}/{person}")
        participant = self._tables.participants.find(own) if own else None
        target = f"consultation:{identifier}"
        by_place = self._permissions.of_place(record, target)
        if participant is None and not by_place:
            return None
        beside = self._rights(self._standing(record, now_us), target, now_us)
        if record.disabled or Right.SEE not in beside | by_place:
            return None
        if participant is not None:
            mine = participant.attendance.value
        else:
            # Who neither is there nor leads has a place by an invitation alone; looking through all of them is dear.
            invited = Right.CHAIR not in by_place or self._permissions.is_invited(record, identifier)
            mine = "invited" if invited else "none"
        return _Placing(consultation, mine, own or "", by_place, beside)

    def _of_consultation(self, consultation: str, key: Key) -> bytes | None:
        kind, identifier = key
        if kind == "participant":
            participant = self._tables.participants.find(identifier)
            here = participant is not None and participant.consultation == consultation
            return self.shapes.participant(participant) if participant and here else None
        if kind == "message":
            message = self._tables.messages.find(identifier) if identifier in self._window(consultation) else None
            return self.shapes.message(message) if message else None
        if kind == "source":
            source = self._sources.find(identifier) if self._is_shown(consultation, identifier) else None
            return self.shapes.source(source) if source else None
        if kind == "speaking":
            return self.shapes.speaking(identifier)
        record = self._tables.consultations.find(identifier)
        return self.shapes.full(record) if record else None

    def _of_unit(self, unit: str, standing: Standing, key: Key, now_us: int) -> bytes | None:
        kind, identifier = key
        rights = self._rights(standing, f"{kind}:{identifier}", now_us)
        if Right.SEE not in rights:
            return None
        if kind == "unit":
            child = self._tables.units.find(identifier)
            here = child is not None and child.parent == unit
            return with_rights(self.shapes.unit(child), _of(rights, _OF_UNIT)) if child and here else None
        if kind == "person":
            person = self._tables.people.find(identifier)
            here = person is not None and person.unit == unit
            return self.shapes.person(person, login=Right.MANAGE in rights) if person and here else None
        endpoint = self._tables.endpoints.find(identifier)
        return self.shapes.endpoint(endpoint) if endpoint and endpoint.unit == unit else None

    def _standing(self, person: Person, now_us: int) -> Standing:
        grants = self._permissions.grants_of(person)
        return Standing(frozenset(person.roles), frozenset(item for item in grants if item.until_us > now_us))

    def _rights(self, standing: Standing, target: str, now_us: int) -> frozenset[Right]:
        rights = self._answers.get((standing, target))
        if rights is None:
            if len(self._answers) >= _MAX_ANSWERS:
                self._answers.clear()
            of_grants = self._permissions.of_grants(standing.grants, target, now_us)
            rights = self._permissions.of_roles(standing.roles, target) | of_grants
            self._answers[standing, target] = rights
        return rights

    def _places(self, person: str) -> set[str]:
        record = self._tables.people.find(person)
        if record is None:
            return set()
        whoms = [f"person:{person}", *(f"unit:{unit}" for unit in self._permissions.line(record.unit))]
        found = {item for whom in whoms for item in self.links.concerned.get(whom, ())}
        own = (self._tables.participants.get(item) for item in self._tables.participants_as.ids(person))
        # Those of years are over; looking at each would hold up the loop when everybody comes back at once.
        return found | {item.consultation for item in own if item.consultation in self.links.open}

    def _open(self, identifier: str) -> Consultation | None:
        return self._tables.consultations.find(identifier) if identifier in self.links.open else None

    def _is_shown(self, consultation: str, source: str) -> bool:
        by = (self._tables.participants.get(item) for item in self.links.shown.get(source, ()))
        return any(item.consultation == consultation for item in by)

    def _window(self, consultation: str) -> frozenset[str]:
        window = self._windows.get(consultation)
        if window is None:
            ids = tuple(self._tables.messages_of.ids(consultation))[-MAX_MESSAGES:]
            window = self._windows[consultation] = frozenset(ids)
        return window


def _of(rights: frozenset[Right], known: tuple[Right, ...]) -> tuple[Right, ...]:
    return tuple(right for right in known if right in rights)
