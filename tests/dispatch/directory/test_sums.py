"""Counts below units: whatever changes in whatever order, they are what counting anew gives."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from dispatch.acts import endpoints, people, units
from dispatch.acts.base import Act
from dispatch.directory.sums import Sum, Sums
from dispatch.errors import Refused
from dispatch.records import EndpointKind, Level
from dispatch.tables import Tables
from tests.dispatch.directory.office import Province

PICK = st.integers(0, 9)


def below(tables: Tables, unit: str) -> set[str]:
    """Return a unit and all below it, found the plain way."""
    found = {unit}
    for child in tables.children.ids(unit):
        found |= below(tables, child)
    return found


def test_numbers_of_a_unit_that_is_not_known_go_nowhere() -> None:
    office = Province()
    sums = Sums(office.tables)
    before = sums.of(office.province)
    sums.add("X", "people", 1)
    assert sums.of(office.province) == before and sums.of("X") == sums.of("") == Sum()
    assert sums.take_touched() == set()


def test_a_unit_that_goes_takes_its_counts_along() -> None:
    office = Province()
    office.person("here", office.other)
    office.tables.commit()
    sums = Sums(office.tables)
    sums.add(office.other, "present", 1)
    assert sums.of(office.city) == Sum(units=2, people=4, present=1)
    # No act lets a unit go that is not empty; a damaged journal may.
    office.tables.units.drop(office.other)
    for change in office.tables.commit():
        sums.follow(change)
    assert sums.of(office.city) == Sum(units=1, people=3) and sums.of(office.other) == Sum()


class Counted(RuleBasedStateMachine):
    """Any changes of the directory, told one by one or several together; the sums are those of counting anew."""

    @initialize()
    def begin(self) -> None:
        self.office = Province()
        self.office.tables.commit()
        self.sums = Sums(self.office.tables)
        self.before: dict[str, tuple[int, ...]] = {}
        self.tell()

    def pick(self, kind: str, number: int) -> str:
        rows = self.office.tables.of_kind(kind).rows()
        return rows[number % len(rows)].id if rows else "none"

    def act(self, act: Act) -> None:
        try:
            self.office.act(act)
        except Refused:
            return

    @rule(parent=PICK, name=st.sampled_from("甲乙丙丁"))
    def make_unit(self, parent: int, name: str) -> None:
        self.act(units.Create(parent=self.pick("unit", parent), level=Level.VILLAGE, name_zh=name))

    @rule(unit=PICK, parent=PICK)
    def move_unit(self, unit: int, parent: int) -> None:
        self.act(units.Move(unit=self.pick("unit", unit), parent=self.pick("unit", parent)))

    @rule(unit=PICK)
    def remove_unit(self, unit: int) -> None:
        self.act(units.Remove(unit=self.pick("unit", unit)))

    @rule(unit=PICK, login=st.sampled_from(["aa", "bb", "cc"]))
    def make_person(self, unit: int, login: str) -> None:
        self.act(people.Create(unit=self.pick("unit", unit), name="人", login=login))

    @rule(person=PICK, unit=PICK)
    def move_person(self, person: int, unit: int) -> None:
        self.act(people.Move(person=self.pick("person", person), unit=self.pick("unit", unit)))

    @rule(person=PICK, act=st.sampled_from([people.Disable, people.Enable, people.Remove]))
    def end_person(self, person: int, act: type[people.OnPerson]) -> None:
        self.act(act(person=self.pick("person", person)))

    @rule(unit=PICK)
    def make_endpoint(self, unit: int) -> None:
        self.act(endpoints.Create(unit=self.pick("unit", unit), kind=EndpointKind.DRONE, name_zh="机"))

    @rule(endpoint=PICK, unit=PICK, gone=st.booleans())
    def move_endpoint(self, endpoint: int, unit: int, gone: bool) -> None:
        chosen = self.pick("endpoint", endpoint)
        self.act(
            endpoints.Remove(endpoint=chosen) if gone else endpoints.Move(endpoint=chosen, unit=self.pick("unit", unit))
        )

    @rule()
    def tell(self) -> None:
        tables = self.office.tables
        for change in tables.commit():
            self.sums.follow(change)
        counted: dict[str, tuple[int, ...]] = {}
        for unit in tables.units:
            inside, sums = below(tables, unit.id), self.sums.of(unit.id)
            counted[unit.id] = (
                len(inside) - 1,
                sum(item.unit in inside for item in tables.people),
                sum(item.unit in inside for item in tables.endpoints),
            )
            assert (sums.units, sums.people, sums.endpoints) == counted[unit.id]
        anew = Sums(tables)
        assert all(anew.of(unit.id) == self.sums.of(unit.id) for unit in tables.units)
        known = counted.keys() & self.before.keys()
        assert {unit for unit in known if counted[unit] != self.before[unit]} <= self.sums.take_touched()
        self.before = counted

    def teardown(self) -> None:
        self.tell()


TestCounted = Counted.TestCase
TestCounted.settings = settings(max_examples=60, stateful_step_count=40)
