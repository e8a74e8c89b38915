"""Tables: indexes follow every change, and what is rolled back never was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.errors import Unknown
from dispatch.records import Attendance, Level, Participant, Unit
from dispatch.tables import Tables
from tests.dispatch.world import everything

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["unit", "drop", "participant", "leave", "commit", "mark", "rollback"]),
        st.sampled_from("abcd"),
        st.sampled_from(["", "a", "b"]),
    ),
    max_size=40,
)


def unit(identifier: str, parent: str) -> Unit:
    return Unit(id=identifier, parent=parent, level=Level.COUNTY, name_zh=identifier)


def participant(identifier: str, source: str) -> Participant:
    sources = (source, "z") if source else ()
    return Participant(
        id=identifier, consultation="c", unit="u", name="n", attendance=Attendance.PRESENT, sources=sources
    )


def indexed(tables: Tables) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    keys = ["root", *"abcd"]
    sources = ["c/a", "c/b", "c/z"]
    children = {key: sorted(tables.children.ids(key)) for key in keys}
    return children, {key: sorted(tables.participant_of_source.ids(key)) for key in sources}


def searched(tables: Tables) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    children = {
        key: sorted(item.id for item in tables.units if (item.parent or "root") == key) for key in ["root", *"abcd"]
    }
    sources = {
        f"c/{source}": sorted(item.id for item in tables.participants if source in item.sources) for source in "abz"
    }
    return children, sources


@given(STEPS)
def test_indexes_and_rollback_hold_through_any_steps(steps: list[tuple[str, str, str]]) -> None:
    tables = Tables()
    kept, mark, at_mark = everything(tables), 0, everything(tables)
    for what, name, other in steps:
        if what == "unit":
            tables.units.put(unit(name, other))
        elif what == "drop":
            tables.units.drop(name)
        elif what == "participant":
            tables.participants.put(participant(name, other))
        elif what == "leave":
            tables.participants.drop(name)
        elif what == "commit":
            tables.commit()
            mark, kept = 0, everything(tables)
            at_mark = kept
        elif what == "mark":
            mark, at_mark = tables.mark, everything(tables)
        else:
            tables.rollback(mark)
            assert everything(tables) == at_mark
        assert indexed(tables) == searched(tables)
    tables.rollback()
    assert everything(tables) == kept
    assert indexed(tables) == searched(tables)
    filled = Tables.of(tables.rows())
    assert everything(filled) == kept and indexed(filled) == searched(tables) and filled.mark == 0


def test_commit_tells_the_steps_in_order() -> None:
    tables = Tables()
    first, second = unit("a", ""), unit("a", "b")
    tables.units.put(first)
    tables.units.put(second)
    tables.units.drop("a")
    steps = [(change.old, change.new) for change in tables.commit()]
    assert steps == [(None, first), (first, second), (second, None)]
    assert tables.commit() == ()


def test_missing_record_is_refused_with_its_kind() -> None:
    with pytest.raises(Unknown) as refused:
        Tables().units.get("nowhere")
    assert refused.value.code == "unit-unknown"
