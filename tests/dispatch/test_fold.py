"""Entries into state: the same whether live or from the beginning."""

from __future__ import annotations

import msgspec
import pytest

from dispatch.entry import Entry, decode, encode
from dispatch.fold import apply
from dispatch.records import Level, Unit
from dispatch.tables import Tables
from tests.dispatch.world import World, everything


def entry(target: str, **params: object) -> Entry:
    return Entry(v=1, id="e", node="n", hlc=(1, 0), verb="any", actor="p", object=target, params=params)


def test_first_entry_makes_and_later_ones_set_fields() -> None:
    tables = Tables()
    apply(tables, entry("unit:u", level="county", name_zh="旧名", code="330100"))
    apply(tables, entry("unit:u", name_zh="新名"))
    assert tables.units.get("u") == Unit(id="u", level=Level.COUNTY, name_zh="新名", code="330100")


def test_gone_takes_out_and_is_harmless_twice() -> None:
    tables = Tables()
    apply(tables, entry("unit:u", level="county", name_zh="名"))
    for _ in range(2):
        apply(tables, entry("unit:u", gone=True))
        assert "u" not in tables.units


def test_kinds_and_fields_of_a_newer_node_change_nothing() -> None:
    tables = Tables()
    apply(tables, entry("satellite:s", orbit=3))
    apply(tables, entry("unit:u", level="county", name_zh="名", mood="good"))
    assert [item.id for item in tables.units] == ["u"]


def test_value_that_does_not_fit_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        apply(Tables(), entry("unit:u", level="galaxy", name_zh="名"))


def test_entries_from_the_journal_make_the_state_they_made_when_they_happened() -> None:
    world, other = World(), World()
    consultation = world.hold("east", "west")
    world.mute(consultation, "east")
    for made in world.entries:
        for read in decode(encode([made])):
            apply(other.tables, read)
    assert everything(other.tables) == everything(world.tables)
