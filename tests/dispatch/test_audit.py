"""Who may read an entry: the right to its object or its session decides, as things are now."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dispatch.audit import Audit
from dispatch.entry import Entry
from dispatch.permissions import Actor, Permissions
from dispatch.records import (
    Attendance,
    Consultation,
    Endpoint,
    EndpointKind,
    Level,
    Login,
    Participant,
    Person,
    Recording,
    Role,
    Stage,
    Unit,
)
from dispatch.tables import Tables


def entry(target: str, session: str = "", **params: Any) -> Entry:
    return Entry(v=1, id="e", node="n", hlc=(1, 0), verb="v", actor="x", object=target, session=session, params=params)


@pytest.fixture
def tables() -> Tables:
    tables = Tables()
    tables.units.put(Unit(id="root", level=Level.COUNTY, name_zh="县"))
    tables.units.put(Unit(id="east", parent="root", level=Level.TOWNSHIP, name_zh="东"))
    tables.units.put(Unit(id="west", parent="root", level=Level.TOWNSHIP, name_zh="西"))
    tables.people.put(Person(id="head", unit="root", name="h", login="h", roles=(Role("duty-officer", "root"),)))
    tables.people.put(Person(id="duty", unit="east", name="d", login="d", roles=(Role("duty-officer", "east"),)))
    tables.people.put(Person(id="guest", unit="west", name="g", login="g", roles=(Role("member", "west"),)))
    tables.endpoints.put(Endpoint(id="cam", unit="east", kind=EndpointKind.DRONE, name_zh="机"))
    tables.logins.put(Login(id="l1", person="duty", begun_us=1, until_us=2))
    tables.consultations.put(Consultation(id="c", title="t", unit="root", chair="head", stage=Stage.RUNNING))
    tables.recordings.put(Recording(id="r", of="source:cam", unit="east", title="机", why="asked", begun_us=1))
    tables.commit()
    return tables


def reads(tables: Tables, person: str, found: Entry) -> bool:
    return Audit(tables, Permissions(tables), Actor(person), 5).may_read(found)


@pytest.mark.parametrize(
    ("found", "readers"),
    [
        (entry("unit:east"), {"head", "duty"}),
        (entry("unit:west"), {"head"}),
        (entry("endpoint:cam"), {"head", "duty"}),
        (entry("person:guest"), {"head"}),
        (entry("credential:duty"), {"head", "duty"}),
        (entry("replay:r"), {"head", "duty"}),
        (entry("disclosure:r"), {"head", "duty"}),
        (entry("credential:cam"), {"head", "duty"}),
        (entry("login:l1"), {"head", "duty"}),
        (entry("login:gone", person="duty"), {"head", "duty"}),
        (entry("login:gone"), {"head"}),
        (entry("signin:duty", person="duty", count=3), {"head", "duty"}),
        (entry("signin:unknown"), {"head"}),
        (entry("export:duty", person="duty", count=3), {"head", "duty"}),
        (entry("export:guest", person="guest", count=3), {"head"}),
        (entry("source:cam", name="机"), {"head", "duty"}),
        (entry("source:duty.phone", name="机"), {"head", "duty"}),
        (entry("source:guest.phone", name="机"), {"head"}),
        (entry("source:camera", name="机"), {"head"}),
        (entry("unit:gone"), {"head"}),
        (entry("node"), {"head"}),
        (entry("grant:g"), {"head"}),
        (entry("message:m", "c"), {"head"}),
    ],
)
def test_entry_is_read_by_who_audits_what_it_is_about(tables: Tables, found: Entry, readers: set[str]) -> None:
    assert {name for name in ("head", "duty", "guest", "nobody") if reads(tables, name, found)} == readers


@pytest.mark.parametrize(
    ("attendance", "joined_us", "part"),
    [
        (Attendance.PRESENT, 3, True),
        (Attendance.LEFT, 3, True),
        (Attendance.LEFT, 0, False),
        (Attendance.WAITING, 0, False),
        (Attendance.REMOVED, 3, False),
    ],
)
def test_session_is_read_by_who_was_part_of_it(
    tables: Tables, attendance: Attendance, joined_us: int, part: bool
) -> None:
    place = Participant(
        id="p", consultation="c", unit="west", name="g", person="guest", attendance=attendance, joined_us=joined_us
    )
    tables.participants.put(place)
    assert reads(tables, "guest", entry("message:m", "c")) is part
    assert not reads(tables, "guest", entry("message:m", "another"))


def test_deputy_reads_the_session_without_having_been_there(tables: Tables) -> None:
    tables.consultations.put(msgspec.structs.replace(tables.consultations.get("c"), deputies=("guest",)))
    assert reads(tables, "guest", entry("consultation:c", "c"))


def test_what_was_taken_away_is_gone_at_once(tables: Tables) -> None:
    assert reads(tables, "duty", entry("unit:east"))
    tables.people.put(msgspec.structs.replace(tables.people.get("duty"), roles=()))
    assert not reads(tables, "duty", entry("unit:east"))
