"""Whatever is done to the directory, in whatever order and by whomever, it stays sound; an import is all or nothing."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dispatch.acts import consultation, endpoints, grants, people, units
from dispatch.acts.base import ACTS, Act, decide
from dispatch.acts.directory import MAX_STEPS, STEPS, Export, Import, Step
from dispatch.directory import rules
from dispatch.errors import Conflict, Forbidden, Full, Invalid, Refused
from dispatch.names import fold
from dispatch.permissions import ROLES, Actor, Right
from dispatch.records import Attendance, EndpointKind, Level, Role, Stage
from tests.dispatch.acts.state import CHIEF, State, peopled
from tests.dispatch.directory.office import Province
from tests.dispatch.world import everything

NAMES = st.sampled_from(["东山", "东\u200b山", "西山", "Ａ村", "a村", "👩‍🚒", "", "\u3164"])
CODES = st.sampled_from(["", "32", "3201", "320101", "x"])
LEVELS = st.sampled_from(list(Level))
PICK = st.integers(0, 7)


class Directory(RuleBasedStateMachine):
    """Any acts by anybody. Refusals are fine; what matters is what the tables hold afterwards."""

    @initialize()
    def begin(self) -> None:
        self.office = Province()

    def act(self, act: Act, by: int) -> None:
        people = [*(person.id for person in self.office.tables.people), ""]
        try:
            self.office.act(act, people[by % len(people)])
        except Refused as refusal:
            assert refusal.code == refusal.code.lower() and " " not in refusal.code

    def pick(self, kind: str, number: int) -> str:
        rows = self.office.tables.of_kind(kind).rows()
        return rows[number % len(rows)].id if rows else "none"

    @rule(parent=PICK, root=st.booleans(), level=LEVELS, name=NAMES, code=CODES, by=PICK)
    def make_unit(self, parent: int, root: bool, level: Level, name: str, code: str, by: int) -> None:
        below = "" if root else self.pick("unit", parent)
        self.act(units.Create(parent=below, level=level, name_zh=name, name_en=name, code=code), by)

    @rule(unit=PICK, name=st.none() | NAMES, code=st.none() | CODES, level=st.none() | LEVELS, by=PICK)
    def change_unit(self, unit: int, name: str | None, code: str | None, level: Level | None, by: int) -> None:
        self.act(units.Change(unit=self.pick("unit", unit), name_zh=name, code=code, level=level), by)

    @rule(unit=PICK, parent=PICK, root=st.booleans(), by=PICK)
    def move_unit(self, unit: int, parent: int, root: bool, by: int) -> None:
        self.act(units.Move(unit=self.pick("unit", unit), parent="" if root else self.pick("unit", parent)), by)

    @rule(unit=PICK, by=PICK)
    def remove_unit(self, unit: int, by: int) -> None:
        self.act(units.Remove(unit=self.pick("unit", unit)), by)

    @rule(unit=PICK, login=st.sampled_from(["ab", "AB", "cd", "é"]), role=st.sampled_from(sorted(ROLES)), by=PICK)
    def make_person(self, unit: int, login: str, role: str, by: int) -> None:
        roles = (Role(role, self.pick("unit", unit)),)
        self.act(people.Create(unit=self.pick("unit", unit), name="人", login=login, roles=roles), by)

    @rule(person=PICK, unit=PICK, role=st.sampled_from(sorted(ROLES)), by=PICK)
    def give_role(self, person: int, unit: int, role: str, by: int) -> None:
        roles = (Role(role, self.pick("unit", unit)),)
        self.act(people.SetRoles(person=self.pick("person", person), roles=roles), by)

    @rule(person=PICK, unit=PICK, by=PICK)
    def move_person(self, person: int, unit: int, by: int) -> None:
        self.act(people.Move(person=self.pick("person", person), unit=self.pick("unit", unit)), by)

    @rule(person=PICK, act=st.sampled_from([people.Disable, people.Enable, people.Remove]), by=PICK)
    def end_person(self, person: int, act: type[people.OnPerson], by: int) -> None:
        self.act(act(person=self.pick("person", person)), by)

    @rule(unit=PICK, gb_id=st.sampled_from(["", "3" * 20, "4" * 20, "5"]), by=PICK)
    def make_endpoint(self, unit: int, gb_id: str, by: int) -> None:
        where = self.pick("unit", unit)
        self.act(endpoints.Create(unit=where, kind=EndpointKind.DRONE, name_zh="机", gb_id=gb_id), by)

    @rule(endpoint=PICK, act=st.sampled_from([endpoints.Disable, endpoints.Enable, endpoints.Remove]), by=PICK)
    def end_endpoint(self, endpoint: int, act: type[endpoints.OnEndpoint], by: int) -> None:
        self.act(act(endpoint=self.pick("endpoint", endpoint)), by)

    @rule(about=PICK, to=PICK, right=st.sampled_from(list(Right)), days=st.integers(-1, 400), by=PICK)
    def lend(self, about: int, to: int, right: Right, days: int, by: int) -> None:
        until = self.office.now_us + days * 86_400_000_000
        target, holder = f"unit:{self.pick('unit', about)}", f"person:{self.pick('person', to)}"
        self.act(grants.Give(verb=right, object=target, to=holder, until_us=until), by)

    @rule(unit=PICK, by=PICK)
    def hold(self, unit: int, by: int) -> None:
        self.act(consultation.Create(title="会", unit=self.pick("unit", unit)), by)

    @rule(number=PICK, by=PICK, come=st.booleans())
    def come_or_end(self, number: int, by: int, come: bool) -> None:
        held = self.pick("consultation", number)
        self.act(consultation.Join(consultation=held) if come else consultation.End(consultation=held), by)

    @invariant()
    def the_tree_is_sound(self) -> None:
        tables = self.office.tables
        names, codes = set(), set()
        for unit in tables.units:
            line, above = [], unit.id
            while above:
                assert above not in line, "a cycle"
                line.append(above)
                above = tables.units.get(above).parent
            assert len(line) <= rules.MAX_DEPTH
            if unit.parent:
                assert rules.RANK[unit.level] >= rules.RANK[tables.units.get(unit.parent).level]
            assert fold(unit.name_zh)
            for key in ((unit.parent, "zh", fold(unit.name_zh)), (unit.parent, "en", fold(unit.name_en))):
                assert key not in names or not key[2]
                names.add(key)
            assert not unit.code or unit.code not in codes
            codes.add(unit.code)

    @invariant()
    def everything_belongs_somewhere_and_is_told_apart(self) -> None:
        tables = self.office.tables
        for thing in (*tables.people, *tables.endpoints):
            assert thing.unit in tables.units
        logins = [person.login for person in tables.people]
        assert len(set(logins)) == len(logins) and all(login == login.lower() for login in logins)
        gb_ids = [endpoint.gb_id for endpoint in tables.endpoints if endpoint.gb_id]
        assert len(set(gb_ids)) == len(gb_ids)
        assert all(role.scope in tables.units for person in tables.people for role in person.roles)
        for grant in tables.grants:
            for target in (grant.object, grant.to):
                kind, _, identifier = target.partition(":")
                assert identifier in tables.of_kind(kind)
        assert all(item.unit in tables.units for item in tables.consultations if item.stage is not Stage.ENDED)

    @invariant()
    def somebody_administers_the_node_and_the_absent_are_nowhere(self) -> None:
        tables = self.office.tables
        assert any(
            role.name == "administrator" and not tables.units.get(role.scope).parent
            for person in tables.people
            if not person.disabled
            for role in person.roles
        )
        for item in tables.participants:
            person = tables.people.find(item.person)
            if person is None or person.disabled:
                assert item.attendance in (Attendance.LEFT, Attendance.REMOVED)


TestDirectory = Directory.TestCase
TestDirectory.settings = settings(max_examples=60, stateful_step_count=40)


def test_an_import_takes_steps_that_build_on_one_another() -> None:
    office = Province()
    town, place = office.new_id(), {"parent": office.county, "level": "township", "name_zh": "东镇"}
    steps = (
        Step("unit.create", {**place, "id": town}),
        Step("person.create", {"unit": town, "name": "张伟", "login": "zw"}),
        Step("endpoint.create", {"unit": town, "kind": "room", "name_zh": "会议室"}),
        Step("unit.change", {"unit": town, "name_zh": "东山镇"}),
    )
    office.take(steps, office.duty)
    assert office.tables.units.get(town).name_zh == "东山镇"
    assert office.tables.people_of_unit.count(town) == office.tables.endpoints_of_unit.count(town) == 1
    assert office.verbs == ["unit.create", "person.create", "endpoint.create", "unit.change"]


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (Step("unit.create", {"parent": "", "level": "county", "name_zh": "他"}), Forbidden),
        (Step("unit.change", {"unit": "COUNTY", "name_zh": "西山县"}), Conflict),
        (Step("unit.change", {"unit": 5}), Invalid),
        (Step("unit.remove", {"unit": "COUNTY"}), Invalid),
        (Step("directory.import", {"steps": []}), Invalid),
    ],
)
def test_an_import_with_one_bad_step_does_nothing(step: Step, error: type[Refused]) -> None:
    office = Province()
    values = {key: office.county if value == "COUNTY" else value for key, value in step.values.items()}
    good = Step("unit.create", {"parent": office.county, "level": "township", "name_zh": "东镇"})
    before, mark = office.tables.rows(), office.tables.mark
    with pytest.raises(error) as caught:
        office.take((good, Step(step.name, values)), office.duty)
    assert office.tables.rows() == before and office.tables.mark == mark
    assert caught.value.field in ("steps.1", "")


def test_an_import_is_bounded_and_leaves_the_tables_to_who_applies_it() -> None:
    office = Province()
    step = Step("unit.change", {"unit": office.county, "order": 5})
    with pytest.raises(Full):
        office.take((step,) * (MAX_STEPS + 1))
    desk, before = office.desk(), office.tables.rows()
    decide(desk, Import(steps=(step,)))
    assert office.tables.rows() == before and len(desk.drafts) == 1


def test_every_step_is_an_act_of_the_same_name() -> None:
    assert {name: ACTS[name].act for name in STEPS} == STEPS


def test_taking_the_directory_out_is_entered_as_whose_act_it_is_and_changes_nothing() -> None:
    state = State(peopled())
    before = everything(state.tables)
    state.do(Export(format="csv", of="person", count=100_000), Actor(CHIEF))
    (draft,) = state.drafts
    assert (draft.verb, draft.object) == ("directory.export", f"export:{CHIEF}")
    assert draft.params == {"person": CHIEF, "format": "csv", "of": "person", "count": 100_000}
    assert everything(state.tables) == before and state.changes == ()
    assert state.code_of(Export(format="json", count=1)) == "person-needed"
    assert state.code_of(Export(format="json", count=-1), Actor(CHIEF)) == "out-of-range"
