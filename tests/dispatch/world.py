"""A small province to try dispatch's rules on, in virtual time and without a journal."""

from __future__ import annotations

from itertools import count

from dispatch.acts.base import Act, Desk
from dispatch.acts.chair import Mute
from dispatch.acts.consultation import Create, Join
from dispatch.entry import VERSION, Entry
from dispatch.hlc import HybridClock
from dispatch.ids import ulid
from dispatch.permissions import SYSTEM, Actor, Permissions
from dispatch.records import KINDS, Endpoint, EndpointKind, Level, Participant, Person, Record, Role, Unit
from dispatch.tables import Tables
from tests.dispatch.deciding import done

SECOND_US = 1_000_000
BEGIN_US = 1_790_000_000_000_000


class World:
    """Province P with county C, its townships E and W and mobile unit M; another county D beside C.

    People: `officer` (duty officer of C), `east` and `west` (members of the townships), `scout` (member of M), `chief`
    (administrator of P), `stranger` (duty officer of D), `nobody` (no role). Endpoint `camera` belongs to W.
    """

    def __init__(self) -> None:
        self.tables = Tables()
        self.permissions = Permissions(self.tables)
        self.clock = HybridClock()
        self.now_us = BEGIN_US
        self.entries: list[Entry] = []
        self._numbers = count(1)
        for name, parent, level in (
            ("P", "", Level.PROVINCE),
            ("C", "P", Level.COUNTY),
            ("D", "P", Level.COUNTY),
            ("E", "C", Level.TOWNSHIP),
            ("W", "C", Level.TOWNSHIP),
            ("M", "C", Level.MOBILE),
        ):
            self.tables.units.put(Unit(id=name, parent=parent, level=level, name_zh=f"{name}单位"))
        for name, unit, role in (
            ("officer", "C", "duty-officer"),
            ("east", "E", "member"),
            ("west", "W", "member"),
            ("scout", "M", "member"),
            ("chief", "P", "administrator"),
            ("stranger", "D", "duty-officer"),
            ("nobody", "D", ""),
        ):
            roles = (Role(role, unit),) if role else ()
            self.tables.people.put(Person(id=name, unit=unit, name=f"{name}的名字", login=name, roles=roles))
        self.tables.endpoints.put(Endpoint(id="camera", unit="W", kind=EndpointKind.IP_CAMERA, name_zh="河堤"))
        self.tables.commit()

    def new_id(self) -> str:
        """Give identifiers in a known order."""
        return ulid(self.now_us, next(self._numbers).to_bytes(10))

    def do(self, act: Act, by: str = "officer") -> str:
        """Decide an act as this person ("" for the node itself), apply what it enters, let a second pass."""
        actor = Actor(by) if by else SYSTEM
        desk = Desk(self.tables, self.permissions, actor, self.now_us, self.new_id)
        answer = done(desk, act)
        for draft in desk.drafts:
            entry = Entry(
                v=VERSION,
                id=self.new_id(),
                node="test",
                hlc=self.clock.tick(self.now_us),
                verb=draft.verb,
                actor=by or "system",
                object=draft.object,
                session=draft.session,
                params=draft.params,
            )
            self.entries.append(entry)
        self.tables.commit()
        self.now_us += SECOND_US
        return answer

    def hold(self, *present: str, admission: str = "auto") -> str:
        """Hold a consultation of C with the officer and these people in it; return its id."""
        # Literal["auto", "ask"] cannot be told from a str parameter.
        create = Create(title="防汛会商", unit="C", admission=admission, invite=("unit:C",))  # type: ignore[arg-type]
        consultation = self.do(create)
        for person in ("officer", *present):
            self.do(Join(consultation=consultation), person)
        return consultation

    def place(self, consultation: str, person: str) -> Participant:
        """Return somebody's place in a consultation."""
        identifier = self.tables.participant_of_person.first(f"{consultation}/{person}")
        assert identifier is not None, f"{person} has no place"
        return self.tables.participants.get(identifier)

    def mute(self, consultation: str, person: str, *, by: str = "officer", sound: bool = True) -> None:
        """Cut somebody's sound off."""
        participant = self.place(consultation, person).id
        self.do(Mute(consultation=consultation, participant=participant, sound=sound), by)


def everything(tables: Tables) -> dict[tuple[str, str], Record]:
    """Return all records by kind and id."""
    return {(kind, record.id): record for kind in KINDS for record in tables.of_kind(kind)}
