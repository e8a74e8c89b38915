"""Who may do what to what: a table of roles, the tree, grants for a time. Core; `now` is an argument.

A role is held in a unit and reaches everything below it (`Role.scope`). Towards what lies above and beside there are
only the rights of `CONTACT`: to see that a unit is there and to ask it, so that a township can call its county.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from dispatch.errors import Forbidden
from dispatch.records import Attendance, Grant, Person, Role, Stage
from dispatch.tables import Tables


class Right(StrEnum):
    """What may be permitted."""

    SEE = "see"  # know that it is there, its name and presence
    VIEW = "view"  # its pictures and sound
    TALK = "talk"  # speak in a consultation, call
    STEER = "steer"  # move a camera
    CHAIR = "chair"  # run a consultation
    INVITE = "invite"  # call people and devices into a consultation
    RECORD = "record"
    REPLAY = "replay"
    EXPORT = "export"
    PUBLISH = "publish"  # send pictures and sound
    MANAGE = "manage"  # change the directory
    AUDIT = "audit"  # read the timeline of others
    ADMIN = "admin"  # roles, credentials, grants, the node itself


_EVERY = frozenset(Right)
#: role -> rights in its scope
ROLES: dict[str, frozenset[Right]] = {
    "administrator": _EVERY,
    "duty-officer": _EVERY - {Right.ADMIN, Right.EXPORT},
    "operator": frozenset(
        {Right.SEE, Right.VIEW, Right.TALK, Right.STEER, Right.INVITE, Right.RECORD, Right.REPLAY, Right.PUBLISH}
    ),
    "member": frozenset({Right.SEE, Right.TALK, Right.PUBLISH}),
    "observer": frozenset({Right.SEE, Right.VIEW}),
}
#: Of anybody with a role anywhere, towards every unit and person of the node.
CONTACT = frozenset({Right.SEE})
#: In a consultation: of its chair and deputies, of who is present, of who was sent away.
_LEADING = frozenset({Right.SEE, Right.VIEW, Right.TALK, Right.CHAIR, Right.INVITE, Right.RECORD})
_PRESENT = frozenset({Right.SEE, Right.VIEW, Right.TALK})
_NONE: frozenset[Right] = frozenset()


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a person through a sign-in, or the node itself (`person` "")."""

    person: str
    login: str = ""

    @property
    def is_system(self) -> bool:
        """Whether the node itself acts; it may do everything."""
        return not self.person


SYSTEM = Actor("")


class Permissions:
    """Answers from the tables as they are now."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def may(self, actor: Actor, right: Right, target: str, now_us: int) -> bool:
        """Tell whether the actor has a right to `kind:id`; to anything of the node when `target` is "node"."""
        if actor.is_system:
            return True
        person = self._tables.people.find(actor.person)
        if person is None or person.disabled:
            return False
        if target == f"person:{person.id}" and right in (Right.SEE, Right.VIEW):
            return True
        if right in self.of_place(person, target):
            return True
        beside = self.of_roles(person.roles, target)
        return right in beside or right in self.of_grants(self.grants_of(person), target, now_us)

    def of_roles(self, roles: Iterable[Role], target: str) -> frozenset[Right]:
        """Return the rights to `target` that come with roles, and with having any."""
        held = tuple(roles)
        contact = CONTACT if held and not target.startswith(("consultation:", "recording:")) else _NONE
        return contact | self._in_scope(held, target)

    def grants_of(self, person: Person) -> frozenset[Grant]:
        """Return all grants to a person and to the units it is in, whatever their time."""
        holders = (f"person:{person.id}", *(f"unit:{unit}" for unit in self.line(person.unit)))
        ids = (identifier for holder in holders for identifier in self._tables.grants_to.ids(holder))
        return frozenset(self._tables.grants.get(identifier) for identifier in ids)

    def of_grants(self, grants: Iterable[Grant], target: str, now_us: int) -> frozenset[Right]:
        """Return the rights to `target` that come with grants."""
        valid = [grant for grant in grants if grant.from_us <= now_us < grant.until_us]
        if not valid:
            return _NONE
        unit = self.unit_of(target)
        kind, _, identifier = target.partition(":")
        # A device's grants are its source's: one that may view the camera may view what it sends.
        own = f"endpoint:{identifier}" if kind == "source" else target
        objects = {target, own, *(f"unit:{item}" for item in self.line(unit))}
        verbs = {grant.verb for grant in valid if grant.object in objects}
        return frozenset(right for right in Right if right in verbs)

    def by_role(self, actor: Actor, right: Right, target: str) -> bool:
        """Tell whether the actor has a right for good, by a role: only that may be handed on to others."""
        if actor.is_system:
            return True
        person = self._tables.people.find(actor.person)
        if person is None or person.disabled:
            return False
        return right in self._in_scope(person.roles, target)

    def require(self, actor: Actor, right: Right, target: str, now_us: int) -> None:
        """Raise Forbidden unless `may`."""
        if not self.may(actor, right, target, now_us):
            raise Forbidden("forbidden", f"{actor.person} lacks {right} of {target}")

    def rights(self, actor: Actor, target: str, now_us: int) -> frozenset[Right]:
        """Return all rights of the actor to `target`, for the page to show what can be done."""
        return frozenset(right for right in Right if self.may(actor, right, target, now_us))

    def may_source(self, actor: Actor, right: Right, source: str, now_us: int) -> bool:
        """Tell whether the actor has a right to a source: its endpoint's, a person's (`person.name`), or the node's.

        Nobody publishes under another person's name, whatever the rights.
        """
        owner = source.partition(".")[0]
        if right is Right.PUBLISH and owner in self._tables.people and owner != actor.person and not actor.is_system:
            return False
        return any(self.may(actor, right, target, now_us) for target in self.targets_of(source))

    def targets_of(self, source: str) -> tuple[str, ...]:
        """Return the objects of which each gives its rights to a source."""
        owner = source.partition(".")[0]
        if owner in self._tables.people:
            return (f"person:{owner}",)
        if source in self._tables.endpoints:
            return (f"source:{source}",)
        # A source of no endpoint was published with a token of the node.
        return (f"source:{source}", "node")

    def unit_of(self, target: str) -> str:
        """Return the unit something belongs to, "" when it is not known."""
        kind, _, identifier = target.partition(":")
        if kind == "unit":
            return identifier if identifier in self._tables.units else ""
        if kind == "person":
            person = self._tables.people.find(identifier)
            return person.unit if person else ""
        if kind == "source" and owner_of(identifier):
            return self.unit_of(f"person:{owner_of(identifier)}")
        if kind in ("endpoint", "source"):
            endpoint = self._tables.endpoints.find(identifier)
            return endpoint.unit if endpoint else ""
        if kind == "consultation":
            consultation = self._tables.consultations.find(identifier)
            return consultation.unit if consultation else ""
        if kind == "recording":
            recording = self._tables.recordings.find(identifier)
            return recording.unit if recording else ""
        if kind == "policy":
            policy = self._tables.policies.find(identifier)
            return policy.unit if policy else ""
        return ""

    def line(self, unit: str) -> Iterator[str]:
        """Give a unit and all above it."""
        seen = 0
        while unit and seen < 64:  # the tree is free of cycles; a damaged one must not hang the node
            yield unit
            record = self._tables.units.find(unit)
            unit = record.parent if record else ""
            seen += 1

    def is_invited(self, person: Person, consultation: str) -> bool:
        """Tell whether somebody was invited: by name, or with the unit or one above it."""
        record = self._tables.consultations.find(consultation)
        if record is None:
            return False
        mine = {f"person:{person.id}", *(f"unit:{unit}" for unit in self.line(person.unit))}
        return any(item.whom in mine for item in record.invitations)

    def _in_scope(self, roles: Iterable[Role], target: str) -> frozenset[Right]:
        above = set(self.line(self.unit_of(target)))
        rights = _NONE
        for role in roles:
            # The node as a whole belongs to who has the right at a root.
            if role.scope in above or (self._is_of_node(target) and self._is_root(role.scope)):
                rights |= ROLES.get(role.name, _NONE)
        return rights

    def of_place(self, person: Person, target: str) -> frozenset[Right]:
        """Return the rights that come with one's place in a consultation."""
        kind, _, identifier = target.partition(":")
        recording = self._tables.recordings.find(identifier) if kind == "recording" else None
        if recording is not None:
            # Who leads a consultation begins, pauses and ends its recording; seeing it again is another right.
            return self.of_place(person, recording.of) & {Right.RECORD}
        consultation = self._tables.consultations.find(identifier) if kind == "consultation" else None
        if consultation is None:
            return _NONE
        if person.id == consultation.chair or person.id in consultation.deputies:
            return _LEADING
        mine = self._tables.participant_of_person.first(f"{consultation.id}/{person.id}")
        participant = self._tables.participants.find(mine) if mine else None
        if participant is not None and participant.attendance is Attendance.REMOVED:
            return _NONE
        if participant is not None and participant.attendance is Attendance.PRESENT:
            return _PRESENT
        may_come = participant is not None or self.is_invited(person, consultation.id)
        return CONTACT if may_come and consultation.stage is not Stage.ENDED else _NONE

    def _is_of_node(self, target: str) -> bool:
        """Tell whether something belongs to the node as a whole: the recording of a source of no unit does."""
        kind, _, identifier = target.partition(":")
        recording = self._tables.recordings.find(identifier) if kind == "recording" else None
        return target == "node" or (recording is not None and not recording.unit)

    def _is_root(self, unit: str) -> bool:
        record = self._tables.units.find(unit)
        return record is not None and not record.parent


def owner_of(source: str) -> str:
    """Return the person whose page publishes the source (`PERSON.whatever`), "" when it is an endpoint's."""
    person, dot, _ = source.partition(".")
    return person if dot else ""
