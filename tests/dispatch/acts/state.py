"""Tables with a small directory, and acts decided on them in virtual time, as the coordinator does, without journal."""

from __future__ import annotations

from dataclasses import dataclass, field

from dispatch.acts.base import Act, Desk, Draft
from dispatch.errors import Refused
from dispatch.ids import ulid
from dispatch.permissions import SYSTEM, Actor, Permissions
from dispatch.records import Credential, Endpoint, EndpointKind, Level, Person, Role, Unit
from dispatch.tables import Change, Tables
from tests.dispatch.deciding import done

NOW_US = 1_800_000_000_000_000
PROVINCE, COUNTY, TOWNSHIP = (ulid(1, bytes([number]) * 10) for number in (1, 2, 3))
CHIEF, OFFICER, CLERK, LOCAL = (ulid(1, bytes([number]) * 10) for number in (11, 12, 13, 14))
CAMERA, DRONE = (ulid(1, bytes([number]) * 10) for number in (21, 22))


@dataclass
class State:
    """`drafts` are those of the last act, `changes` what it changed."""

    tables: Tables = field(default_factory=Tables)
    now_us: int = NOW_US
    drafts: list[Draft] = field(default_factory=list)
    changes: tuple[Change, ...] = ()
    _made: int = 0

    def do(self, act: Act, actor: Actor = SYSTEM) -> str:
        """Decide an act and apply it; raises what it is refused with, and then nothing has changed."""
        desk = Desk(self.tables, Permissions(self.tables), actor, self.now_us, self._new_id)
        answer = done(desk, act)
        self.drafts, self.changes = desk.drafts, self.tables.commit()
        return answer

    def code_of(self, act: Act, actor: Actor = SYSTEM) -> str:
        """Return the code an act is refused with, "" when it is not."""
        try:
            self.do(act, actor)
        except Refused as refusal:
            return refusal.code
        return ""

    def verbs(self) -> list[str]:
        """Return the verbs of the last act's entries."""
        return [draft.verb for draft in self.drafts]

    def _new_id(self) -> str:
        self._made += 1
        return ulid(self.now_us, self._made.to_bytes(10))


def peopled(tables: Tables | None = None) -> Tables:
    """A province, its county, its township; one who may all, one in the county, a clerk, a local administrator.

    The clerk sits in the township but has a role in the province, so the local administrator may not become her.
    """
    tables = tables or Tables()
    tables.units.put(Unit(id=PROVINCE, level=Level.PROVINCE, name_zh="江东省"))
    tables.units.put(Unit(id=COUNTY, parent=PROVINCE, level=Level.COUNTY, name_zh="青石县"))
    tables.units.put(Unit(id=TOWNSHIP, parent=COUNTY, level=Level.TOWNSHIP, name_zh="白河镇"))
    for person, unit, login, role, scope in (
        (CHIEF, PROVINCE, "chief", "administrator", PROVINCE),
        (OFFICER, COUNTY, "officer", "duty-officer", COUNTY),
        (CLERK, TOWNSHIP, "clerk", "observer", PROVINCE),
        (LOCAL, TOWNSHIP, "local", "administrator", TOWNSHIP),
    ):
        tables.people.put(Person(id=person, unit=unit, name=login, login=login, roles=(Role(role, scope),)))
    tables.endpoints.put(Endpoint(id=CAMERA, unit=TOWNSHIP, kind=EndpointKind.IP_CAMERA, name_zh="河口"))
    tables.endpoints.put(Endpoint(id=DRONE, unit=COUNTY, kind=EndpointKind.DRONE, name_zh="一号机"))
    tables.commit()
    return tables


def with_password(tables: Tables, person: str, kept: str = "kept") -> None:
    """Give a person the hash of a password."""
    tables.credentials.put(Credential(id=person, secret=kept, changed_us=1))
    tables.commit()
