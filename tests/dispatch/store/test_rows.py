"""Records and entries as rows: what goes in comes out. Through real databases it is shown in `test_store`."""

from __future__ import annotations

import msgspec
import pytest

from dispatch.entry import Entry
from dispatch.records import KINDS, Consultation, Level, RollCall, Stage, Unit
from dispatch.store.rows import MAX_KEY_CHARACTERS, line_of, records_of, row_of
from dispatch.store.schema import RECORDS
from tests.dispatch.store.entries import entry


def test_every_field_of_every_kind_has_a_column() -> None:
    for kind, record in KINDS.items():
        assert set(RECORDS[kind].c.keys()) == set(record.__struct_fields__)


def test_nested_values_are_json_and_nothing_is_null() -> None:
    record = Consultation(id="c", title="会商", unit="u", chair="anna", stage=Stage.RUNNING, deputies=("b",))
    row = dict(zip(RECORDS["consultation"].c.keys(), row_of("consultation", record), strict=True))
    assert row["deputies"] == '["b"]' and row["invitations"] == "[]" and row["roll"] is None
    assert type(row["stage"]) is str and row["locked"] is False
    called = msgspec.structs.replace(record, roll=RollCall(by="anna", at_us=1))
    assert '"by":"anna"' in row_of("consultation", called)[list(row).index("roll")]


@pytest.mark.parametrize(("order", "kept"), [(2**63, 2**63 - 1), (-(2**63) - 5, -(2**63) + 1), (7, 7)])
def test_whole_number_that_fits_no_column_becomes_the_nearest(order: int, kept: int) -> None:
    unit = Unit(id="u", level=Level.CITY, name_zh="市", order=order)
    (read,) = records_of("unit", [row_of("unit", unit)])
    assert read == msgspec.structs.replace(unit, order=kept)


def test_line_has_no_secret_and_its_keys_fit_an_index() -> None:
    long = "长" * 5000
    line = line_of(1, 2, entry(long, f"{long}:{long}", 3, actor=long, session=long, secret="hash", name=long))
    assert "hash" not in repr(line) and "secret" not in repr(line)
    keys = [value for value in line[:-2] if isinstance(value, str)]
    assert max(map(len, keys)) == MAX_KEY_CHARACTERS
    assert msgspec.json.decode(line[-1]) == {"name": long}


def test_object_without_an_id_is_a_kind() -> None:
    line = line_of(0, 0, Entry(v=1, id="e", node="n", hlc=(1, 0), verb="node.start", actor="system", object="node"))
    assert "node" in line
