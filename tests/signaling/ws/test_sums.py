"""Counts below units: whatever changes in whatever order, they are what counting anew gives."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dispatch.records import Endpoint, EndpointKind, Level, Person, Unit
from dispatch.tables import Tables
from signaling.ws.sums import Sum, Sums

UNITS = [f"u{n}" for n in range(6)]
units = st.sampled_from(UNITS)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("unit"), units, st.integers(0, 5)),
        st.tuples(st.just("person"), st.sampled_from("abcd"), st.integers(-1, 5)),
        st.tuples(st.just("endpoint"), st.sampled_from("efg"), st.integers(-1, 5)),
    ),
    max_size=30,
)


def put(tables: Tables, step: tuple[str, str, int]) -> None:
    kind, identifier, where = step
    if kind == "unit":
        # Units hang below those with a smaller number only, so that no order of moves makes a cycle.
        parent = UNITS[where % int(identifier[1:])] if identifier != "u0" else ""
        tables.units.put(Unit(id=identifier, parent=parent, level=Level.COUNTY, name_zh="县"))
    elif where < 0:
        tables.of_kind(kind).drop(identifier)
    elif kind == "person":
        tables.people.put(Person(id=identifier, unit=UNITS[where], name="人", login=identifier))
    else:
        tables.endpoints.put(Endpoint(id=identifier, unit=UNITS[where], kind=EndpointKind.ROOM, name_zh="室"))


def built() -> Tables:
    tables = Tables()
    for number, identifier in enumerate(UNITS):
        put(tables, ("unit", identifier, number // 2))
    tables.commit()
    return tables


@given(steps, st.integers(1, 10))
def test_counts_that_follow_are_counts_made_anew(changes: list[Any], together: int) -> None:
    tables = built()
    sums = Sums(tables)
    for begin in range(0, len(changes), together):
        for step in changes[begin : begin + together]:
            put(tables, step)
        before = {identifier: counts(sums, identifier) for identifier in UNITS}
        for change in tables.commit():
            sums.step(change)
        after = {identifier: counts(sums, identifier) for identifier in UNITS}
        assert {identifier for identifier in UNITS if before[identifier] != after[identifier]} <= sums.take_touched()
    anew = Sums(tables)
    assert [sums.of(identifier) for identifier in UNITS] == [anew.of(identifier) for identifier in UNITS]
    assert anew.of("u0").people == len(tables.people) and anew.of("u0").units == len(UNITS) - 1


def counts(sums: Sums, identifier: str) -> tuple[int, ...]:
    held = sums.of(identifier)
    return held.units, held.people, held.endpoints


def test_a_unit_that_goes_takes_its_counts_along() -> None:
    tables = built()
    put(tables, ("person", "a", 5))
    tables.commit()
    sums = Sums(tables)
    sums.add("u5", "present", 1)
    assert sums.of("u0") == Sum(units=5, people=1, present=1)
    tables.units.drop("u5")
    for change in tables.commit():
        sums.step(change)
    assert sums.of("u0") == Sum(units=4) and sums.of("u5") == Sum()
