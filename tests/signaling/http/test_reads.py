"""Reading over HTTP: pages, and only what the asker has the right to. Asked by several persons, route by route."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from dispatch.acts.chair import Say
from dispatch.acts.consultation import Create, Join
from dispatch.acts.grants import Give, Revoke
from dispatch.acts.policies import Begin
from dispatch.acts.policies import Create as CreatePolicy
from dispatch.permissions import Right
from dispatch.records import Level, Unit
from signaling.http.listing import Paging, page
from signaling.http.problem import Problem
from signaling.http.reads import READS, collections
from tests.signaling.http.asking import ask, problem
from tests.signaling.http.county import (
    CAMERA,
    COUNTY,
    EAST,
    PEOPLE,
    PROVINCE,
    WEST,
    County,
    number,
    person,
    running_county,
)

API = "/api/v1"


@pytest_asyncio.fixture
async def county(tmp_path: Path) -> AsyncIterator[County]:
    async with running_county(tmp_path) as county:
        yield county


async def get(county: County, name: str | None, path: str) -> Any:
    """What somebody reads; the code of the refusal as a text when it is one."""
    async with county.client(name) as http:
        answer = await ask(http, "GET", API + path)
    return json.loads(answer.body) if answer.status == 200 else problem(answer, answer.status)


async def ids(county: County, name: str, path: str) -> list[str]:
    return [item["id"] for item in (await get(county, name, path))["items"]]


async def consultation(county: County) -> str:
    """Held by the county, the east invited and one of it present, who has said something."""
    made = await county.do("officer", Create(title="会商", unit=COUNTY, invite=(f"unit:{EAST}",)))
    await county.do("officer", Join(consultation=made))
    await county.do("officer", Say(consultation=made, text="在吗"))
    return made


def test_every_route_declares_its_right_or_a_reason() -> None:
    for read in READS:
        assert read.right is not None or read.why, read.path
        # What is asked of the object in the address names it there; else it is asked of every record.
        assert (f"{{{read.kind}}}" in read.path) if read.kind else "{" not in read.path, read.path


def test_acts_can_make_members_of_these() -> None:
    assert collections() == {f"{API}/{name}" for name in ("units", "people", "endpoints", "policies", "consultations")}


@pytest.mark.parametrize("path", sorted(read.path for read in READS))
async def test_nobody_reads_without_signing_in(county: County, path: str) -> None:
    made = await consultation(county)
    address = path.format(unit=EAST, person=person("east"), endpoint=CAMERA, consultation=made, policy="P")
    assert await get(county, None, address) == "unauthorized"
    assert await get(county, "the-node", address) == "person-needed"


async def test_tree_is_read_level_by_level(county: County) -> None:
    for name in ("administrator", "officer", "east", "west", "watcher"):
        assert await ids(county, name, "/units") == [PROVINCE]
        assert await ids(county, name, f"/units?parent={COUNTY}") == [EAST, WEST]
    unit = await get(county, "west", f"/units/{EAST}")
    assert (unit["name_zh"], unit["level"], unit["parent"]) == ("东河乡", "township", COUNTY)


@pytest.mark.parametrize("name", ["newcomer", "dismissed"])
async def test_who_has_no_role_knows_of_nothing_but_itself(county: County, name: str) -> None:
    made = await consultation(county)
    assert await ids(county, name, "/units") == []
    assert await get(county, name, f"/units/{EAST}") == "unit-unknown"
    assert await get(county, name, f"/units?parent={COUNTY}") == "unit-unknown"
    assert await get(county, name, f"/people?unit={EAST}") == "unit-unknown"
    assert await get(county, name, f"/people/{person('officer')}") == "person-unknown"
    assert await get(county, name, f"/endpoints?unit={EAST}") == "unit-unknown"
    assert await get(county, name, f"/endpoints/{CAMERA}") == "endpoint-unknown"
    invited = name == "newcomer"  # with its unit
    assert await ids(county, name, "/consultations") == ([made] if invited else [])
    expected = "forbidden" if invited else "consultation-unknown"
    for part in ("", "/participants", "/messages"):
        assert await get(county, name, f"/consultations/{made}{part}") == expected


async def test_what_does_not_exist_and_what_one_may_not_know_of_look_alike(county: County) -> None:
    made = await consultation(county)
    async with county.client("west") as http:
        hidden = json.loads((await ask(http, "GET", f"{API}/consultations/{made}")).body)
        absent = json.loads((await ask(http, "GET", f"{API}/consultations/{number(999)}")).body)
    for told in (hidden, absent):
        del told["detail"]
    assert hidden == absent and hidden["code"] == "consultation-unknown"


async def test_people_are_read_and_their_logins_and_roles_only_by_who_manages_them(county: County) -> None:
    path = f"/people?unit={EAST}"
    for name, told in (("officer", True), ("administrator", True), ("east", True), ("west", False), ("watcher", False)):
        items = (await get(county, name, path))["items"]
        assert [item["id"] for item in items] == [person("east"), person("newcomer")]
        assert (items[0]["login"], items[0]["roles"] != []) == ("east" if told else "", told), name
        alone = await get(county, name, f"/people/{person('east')}")
        assert alone == items[0]
    assert set(items[0]) == {"id", "unit", "name", "login", "title", "disabled", "roles"}


async def test_devices_are_read(county: County) -> None:
    assert await ids(county, "west", f"/endpoints?unit={EAST}") == [CAMERA]
    assert (await get(county, "west", f"/endpoints/{CAMERA}"))["kind"] == "ip-camera"
    assert await ids(county, "west", f"/endpoints?unit={WEST}") == []


async def test_consultation_is_known_to_the_invited_and_read_by_who_is_in_it(county: County) -> None:
    made = await consultation(county)
    expected = {
        "administrator": None,
        "officer": None,
        "watcher": None,
        "east": "forbidden",
        "west": "consultation-unknown",
    }
    for name, refusal in expected.items():
        listed = await ids(county, name, "/consultations?stage=running")
        assert listed == ([] if refusal == "consultation-unknown" else [made]), name
        for part in ("", "/participants", "/messages"):
            told = await get(county, name, f"/consultations/{made}{part}")
            assert told == refusal if refusal else isinstance(told, dict), (name, part)
    await county.do("east", Join(consultation=made))
    (message,) = (await get(county, "east", f"/consultations/{made}/messages"))["items"]
    assert (message["text"], message["person"]) == ("在吗", person("officer"))
    present = (await get(county, "east", f"/consultations/{made}/participants"))["items"]
    assert [item["person"] for item in present] == [person("officer"), person("east")]


async def test_list_tells_nothing_of_what_goes_on_inside(county: County) -> None:
    await consultation(county)
    (item,) = (await get(county, "east", "/consultations"))["items"]
    assert not {"invitations", "announcement", "roll", "deputies"} & set(item)


async def test_consultations_are_told_by_stage_the_newest_first(county: County) -> None:
    first = await consultation(county)
    tomorrow_us = time.time_ns() // 1000 + 86_400_000_000
    later = await county.do("officer", Create(title="后", unit=COUNTY, begins_us=tomorrow_us))
    # Made within one millisecond, their ids have no order of time.
    assert await ids(county, "officer", "/consultations") == sorted([first, later], reverse=True)
    assert await ids(county, "officer", "/consultations?stage=scheduled") == [later]
    assert await ids(county, "officer", "/consultations?stage=ended") == []


async def test_pages_together_are_the_whole(county: County) -> None:
    found: list[str] = []
    cursor = ""
    while True:
        told = await get(county, "officer", f"/units?parent={COUNTY}&limit=1&cursor={cursor}")
        assert len(told["items"]) == 1
        found += [item["id"] for item in told["items"]]
        cursor = told["next"]
        if not cursor:
            break
    assert found == [EAST, WEST]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "query-invalid"),
        ("limit=201", "query-invalid"),
        ("limit=one", "query-invalid"),
        ("stage=never", "query-invalid"),
        (f"cursor={'x' * 65}", "query-invalid"),
        ("cursor=%00", "cursor-invalid"),
        ("cursor=%F0%9F%98%80", "cursor-invalid"),
        ("of_a_newer_page=1&limit=1&limit=9999", None),
    ],
)
async def test_query_is_held_to_its_description(county: County, query: str, code: str | None) -> None:
    told = await get(county, "officer", f"/consultations?{query}")
    assert told == code if code else told == {"next": "", "items": []}


async def test_unit_is_needed_where_a_list_could_be_endless(county: County) -> None:
    async with county.client("officer") as http:
        answer = await ask(http, "GET", f"{API}/people")
    assert problem(answer, 422) == "query-invalid" and json.loads(answer.body)["field"] == "unit"


UNITS = st.lists(st.integers(1, 10_000), unique=True, max_size=30)


@given(UNITS, st.integers(1, 7), st.booleans(), st.integers(1, 5))
def test_every_permitted_record_comes_once_whatever_the_size_of_a_page(
    numbers: list[int], limit: int, newest: bool, divisor: int
) -> None:
    units = [Unit(id=number(item), level=Level.COUNTY, name_zh="县") for item in numbers]
    permitted = {number(item) for item in numbers if item % divisor == 0}
    found: list[str] = []
    cursor = ""
    while True:
        paging = Paging(cursor=cursor, limit=limit)
        items, cursor = page(units, paging, lambda unit: unit.id in permitted, newest=newest)
        assert len(items) <= limit and (not cursor or len(items) == limit)
        found += [item.id for item in items]
        if not cursor:
            break
    assert found == sorted(permitted, reverse=newest)


def test_cursor_of_somebody_else_is_refused() -> None:
    with pytest.raises(Problem):
        page([], Paging(cursor="../x"), lambda record: True)


def test_people_of_the_tests_have_different_rights() -> None:
    assert len(PEOPLE) >= 3 and len({roles for _, _, roles in PEOPLE.values()}) >= 5


async def test_grants_are_told_to_giver_holder_and_who_administers_their_object(county: County) -> None:
    until_us = time.time_ns() // 1000 + 3_600_000_000
    camera, east, west = f"endpoint:{CAMERA}", f"person:{person('east')}", f"unit:{WEST}"
    first = await county.do("administrator", Give(verb=Right.STEER, object=camera, to=east, until_us=until_us))
    second = await county.do("officer", Give(verb=Right.VIEW, object=camera, to=west, until_us=until_us))
    assert await ids(county, "administrator", "/grants") == [second, first]
    assert await ids(county, "officer", "/grants") == [second]
    assert await ids(county, "east", "/grants") == [first]
    assert await ids(county, "west", "/grants") == [], "what one's unit holds is its administrators' to know"
    assert await ids(county, "administrator", f"/grants?to={east}") == [first]
    assert await ids(county, "administrator", f"/grants?object=unit:{EAST}") == []
    await county.do("administrator", Revoke(grant=first))
    assert await ids(county, "administrator", "/grants") == [second]


async def test_policies_are_told_to_who_records_for_their_unit_and_for_a_unit_all_that_hold(county: County) -> None:
    wide = await county.do("administrator", CreatePolicy(unit=COUNTY, what="all"))
    narrow = await county.do("officer", Begin(unit=EAST, reason="溃堤"))
    assert await ids(county, "administrator", "/policies") == sorted([wide, narrow])
    assert await ids(county, "administrator", f"/policies?unit={WEST}") == [wide]
    assert await ids(county, "east", "/policies") == []
    for path in (f"/policies?unit={EAST}", f"/policies/{narrow}"):
        assert await get(county, "east", path) == "forbidden"
    assert (await get(county, "officer", f"/policies/{narrow}"))["reason"] == "溃堤"
