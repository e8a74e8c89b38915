"""Mutated and random directory files: whatever the bytes, a report comes back, and what is planned can be done."""

import random
import re

import pytest

from dispatch.directory.exporting import csv_of, json_of
from dispatch.directory.importing import plan
from dispatch.directory.reading import File
from dispatch.permissions import Actor
from dispatch.tables import Tables
from tests.dispatch.directory.office import Province
from tests.fuzz.effort import SEED, rounds

CODE = re.compile(r"[a-z]+(-[a-z]+)*\Z")
PIECES = [
    "\u202e",
    "\u200b",
    "\ufeff",
    "👩‍🚒",
    "\x00",
    '"',
    ",",
    ";",
    "\t",
    "\n",
    "\r",
    "'",
    "=1+1",
    "/",
    "@",
    "9" * 30,
    "-1",
    "长" * 300,
]
PIECES += [
    "省",
    "市",
    "320100",
    "江东省/临江市",
    "管理员",
    "是",
    "null",
    "[",
    "{",
    "}",
    "]",
    "1e999",
    "\\ud800",
    "true",
]


def seeds() -> list[bytes]:
    office = Province()
    office.camera("球机", office.county, "32010100001320000001")
    tables = office.tables
    found = [csv_of(kind, tables.of_kind(kind), "zh") for kind in ("unit", "person", "endpoint")]
    found += [csv_of("unit", tables.units, "en").decode("utf-8-sig").encode("gb18030")]
    found += ["类别,名称,级别,上级单位,姓名,登录名\n单位,县,县,江东省,,\n人员,,,,张伟,zw\n".encode("utf-16")]
    return [*found, json_of(tables.units, tables.people, tables.endpoints)]


def mutated(chance: random.Random, data: bytes) -> bytes:
    """Return the file with bytes and pieces put in, taken out, turned over or repeated."""
    changed = bytearray(data)
    for _ in range(chance.randrange(1, 12)):
        place = chance.randrange(len(changed) + 1)
        match chance.randrange(5):
            case 0:
                changed[place:place] = chance.choice(PIECES).encode(chance.choice(("utf-8", "gb18030", "utf-16-le")))
            case 1:
                del changed[place : place + chance.randrange(1, 40)]
            case 2:
                changed[place : place + 1] = bytes([chance.randrange(256)])
            case 3:
                other = chance.randrange(len(changed) + 1)
                changed[place:place] = changed[other : other + chance.randrange(1, 200)]
            case _:
                changed[place:place] = chance.randbytes(chance.randrange(1, 20))
    return bytes(changed)


@pytest.mark.fuzz
def test_any_bytes_give_a_report_and_a_plan_that_can_be_done() -> None:
    chance = random.Random(SEED)
    originals = seeds()
    done = refused = 0
    for _ in rounds(150):
        office = Province()
        data = mutated(chance, chance.choice(originals)) if chance.random() < 0.95 else chance.randbytes(500)
        files = [File("f", data, chance.choice(("", "unit", "person", "endpoint", "x")))]
        by = chance.choice(("", office.chief, office.duty, "nobody"))
        found = plan(Tables.of(office.tables.rows()), Actor(by), office.now_us, office.new_id, files)
        for batch in found.batches():
            office.act(batch, by)
            done += len(batch.steps)
        refused += len(found.refused)
        assert all(CODE.match(remark.code) and len(remark.value) <= 41 for remark in (*found.refused, *found.warnings))
        again = plan(Tables.of(office.tables.rows()), Actor(by), office.now_us, office.new_id, files)
        assert not any(step.name.endswith(".create") for steps in again.rows for step in steps)
    assert done and refused
