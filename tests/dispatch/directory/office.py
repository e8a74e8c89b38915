"""A node's tables with a small organisation, and acts done to them as the coordinator does them."""

from __future__ import annotations

from itertools import count

from dispatch.acts import consultation, endpoints, people, units
from dispatch.acts.base import Act, Desk
from dispatch.acts.directory import Import, Step
from dispatch.ids import ulid
from dispatch.permissions import SYSTEM, Actor, Permissions
from dispatch.records import EndpointKind, Level, Role
from dispatch.tables import Tables
from tests.dispatch.deciding import done

NOW_US = 1_700_000_000_000_000


class Office:
    """Tables and who acts on them. Time passes by a second an act."""

    def __init__(self) -> None:
        self.tables = Tables()
        self.permissions = Permissions(self.tables)
        self.now_us = NOW_US
        self._numbers = count(1)

    def new_id(self) -> str:
        return ulid(NOW_US, next(self._numbers).to_bytes(10))

    def desk(self, actor: Actor = SYSTEM) -> Desk:
        return Desk(self.tables, self.permissions, actor, self.now_us, self.new_id)

    def act(self, act: Act, by: str = "", login: str = "") -> str:
        """Do an act in the name of a person, "" being the node; raises Refused, and then nothing has changed."""
        self.now_us += 1_000_000
        desk = self.desk(Actor(by, login))
        answer = done(desk, act)
        self.verbs = [draft.verb for draft in desk.drafts]
        return answer

    def take(self, steps: tuple[Step, ...], by: str = "") -> None:
        self.act(Import(steps=steps), by)

    def unit(self, name: str, parent: str = "", level: Level = Level.COUNTY, code: str = "", by: str = "") -> str:
        return self.act(units.Create(parent=parent, level=level, name_zh=name, code=code), by)

    def person(self, login: str, unit: str, *roles: tuple[str, str], by: str = "") -> str:
        held = tuple(Role(name, scope) for name, scope in roles)
        return self.act(people.Create(unit=unit, name=login.upper(), login=login, roles=held), by)

    def camera(self, name: str, unit: str, gb_id: str = "", by: str = "") -> str:
        return self.act(endpoints.Create(unit=unit, kind=EndpointKind.IP_CAMERA, name_zh=name, gb_id=gb_id), by)


class Province(Office):
    """A province with a city, two counties, an administrator at the top and one in the first county."""

    def __init__(self) -> None:
        super().__init__()
        self.province = self.unit("江东省", level=Level.PROVINCE, code="320000")
        self.city = self.unit("临江市", self.province, Level.CITY, "320100")
        self.county = self.unit("东山县", self.city, Level.COUNTY, "320101")
        self.other = self.unit("西山县", self.city, Level.COUNTY, "320102")
        self.chief = self.person("chief", self.province, ("administrator", self.province))
        self.local = self.person("local", self.county, ("administrator", self.county))
        self.duty = self.person("duty", self.county, ("duty-officer", self.county))
        self.member = self.person("member", self.county, ("member", self.county))

    def meeting(self) -> str:
        """Hold a consultation of the county, to which its people are invited and of which `duty` is the chair."""
        act = consultation.Create(title="会", unit=self.county, invite=(f"unit:{self.county}",))
        return self.act(act, self.duty)
