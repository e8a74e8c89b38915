"""A level of the tree in its order, with counts that stay true whatever moves."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dispatch.acts import endpoints, people, units
from dispatch.acts.base import Act
from dispatch.directory.sums import Sums
from dispatch.directory.tree import Counts, Tree
from dispatch.errors import Refused, Unknown
from dispatch.presence import Here, Presence
from dispatch.records import Level
from dispatch.tables import Tables
from tests.dispatch.directory.office import Province

PICK = st.integers(0, 9)


def below(tables: Tables, unit: str) -> set[str]:
    """Return a unit and all below it, found the plain way."""
    found = {unit}
    for child in tables.children.ids(unit):
        found |= below(tables, child)
    return found


def test_a_level_stands_in_its_order_then_by_name() -> None:
    office = Province()
    for name, order in (("丙", 0), ("甲", 5), ("乙", -1), ("丁", 0)):
        office.act(units.Create(parent=office.county, level=Level.VILLAGE, name_zh=name, order=order))
    tree = Tree(office.tables)
    assert [item.name_zh for item in tree.children(office.county)] == ["乙", "丁", "丙", "甲"]
    assert [item.name_zh for item in tree.children(office.county, 1, 2)] == ["丁", "丙"]
    assert [item.id for item in tree.children("")] == [office.province]
    assert tree.children(tree.children(office.county)[0].id) == []


def test_people_and_endpoints_of_a_unit_stand_by_name() -> None:
    office = Province()
    for name in ("球机", "枪机"):
        office.camera(name, office.county)
    tree = Tree(office.tables)
    assert [item.name_zh for item in tree.endpoints(office.county)] == ["枪机", "球机"]
    assert [item.login for item in tree.people(office.county)] == ["duty", "local", "member"]


def test_what_is_not_there_is_unknown() -> None:
    tree = Tree(Province().tables)
    for ask in (tree.children, tree.people, tree.endpoints):
        with pytest.raises(Unknown):
            ask("X")
    assert tree.counts("X") == Counts(0, 0, 0)


def test_numbers_of_a_unit_that_is_not_known_go_nowhere() -> None:
    office = Province()
    sums = Sums(1, office.tables.units)
    sums.add("X", (1,))
    assert [sums.of(item) for item in ("X", office.province, "")] == [(0,), (0,), (0,)]


class Counted(RuleBasedStateMachine):
    """Any changes of the directory, any coming and going; the sums are those of counting anew."""

    @initialize()
    def begin(self) -> None:
        self.office = Province()
        self.office.tables.commit()
        self.tree = Tree(self.office.tables)
        self.presence = Presence(self.office.tables)
        self.online: dict[str, None] = {}

    def pick(self, kind: str, number: int) -> str:
        rows = self.office.tables.of_kind(kind).rows()
        return rows[number % len(rows)].id if rows else "none"

    def act(self, act: Act) -> None:
        try:
            self.office.act(act)
        except Refused:
            return
        changes = self.office.tables.commit()
        self.tree.follow(changes)
        self.presence.follow(changes, self.office.now_us)

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
        self.act(endpoints.Create(unit=self.pick("unit", unit), kind="drone", name_zh="机"))  # type: ignore[arg-type]

    @rule(endpoint=PICK, unit=PICK, gone=st.booleans())
    def move_endpoint(self, endpoint: int, unit: int, gone: bool) -> None:
        chosen = self.pick("endpoint", endpoint)
        self.act(
            endpoints.Remove(endpoint=chosen) if gone else endpoints.Move(endpoint=chosen, unit=self.pick("unit", unit))
        )

    @rule(person=PICK, tab=st.sampled_from("ab"), come=st.booleans())
    def come_or_go(self, person: int, tab: str, come: bool) -> None:
        chosen, step = self.pick("person", person), self.presence.connect if come else self.presence.disconnect
        step(chosen, tab, self.office.now_us)

    @rule(endpoint=PICK, person=PICK, of_person=st.booleans(), live=st.booleans())
    def live_or_not(self, endpoint: int, person: int, of_person: bool, live: bool) -> None:
        source = f"{self.pick('person', person)}.tab" if of_person else self.pick("endpoint", endpoint)
        (self.presence.begin if live else self.presence.end)(source, self.office.now_us)

    @rule(later=st.integers(0, 20_000_000))
    def time_passes(self, later: int) -> None:
        self.office.now_us += later
        self.presence.handle_timer(self.office.now_us)

    @invariant()
    def sums_are_those_of_counting_anew(self) -> None:
        tables = self.office.tables
        while (event := self.presence.next_event()) is not None:
            assert event.since_us <= self.office.now_us
        live = {source: self.presence._unit_of_source(source) for source in self.presence._sources}
        for unit in tables.units:
            inside = below(tables, unit.id)
            assert self.tree.counts(unit.id) == Counts(
                len(inside) - 1,
                sum(item.unit in inside for item in tables.people),
                sum(item.unit in inside for item in tables.endpoints),
            )
            assert self.presence.here(unit.id) == Here(
                sum(item.unit in inside and self.presence.is_online(item.id) for item in tables.people),
                sum(where in inside for where in live.values()),
            )


TestCounted = Counted.TestCase
TestCounted.settings = settings(max_examples=60, stateful_step_count=40)
