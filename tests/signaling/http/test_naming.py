"""What identifiers are called is told to who may know of them; what is gone, to who may read of it in the timeline."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from dispatch.acts import people
from dispatch.acts.chair import Lock
from dispatch.acts.consultation import Create, End, Join
from dispatch.acts.recordings import Begin
from signaling.http import naming
from tests.signaling.http.asking import ask, problem
from tests.signaling.http.county import CAMERA, COUNTY, EAST, PROVINCE, person, token
from tests.signaling.http.past import Past, running
from tests.signaling.http.test_past import let_go

PATH = "/api/v1/names"


@pytest_asyncio.fixture
async def past(tmp_path: Path) -> AsyncIterator[Past]:
    async with running(tmp_path) as past:
        yield past


async def names(past: Past, name: str | None, *targets: str) -> Any:
    """What somebody is told; the code of the refusal as a text when it is one."""
    headers = token(name) if name else None
    async with aiohttp.ClientSession(past.url, headers=headers) as http:
        answer = await ask(http, "GET", PATH, params={"of": ",".join(targets)})
    return json.loads(answer.body)["names"] if answer.status == 200 else problem(answer, answer.status)


async def test_units_people_and_devices_are_told_as_they_are_called_now(past: Past) -> None:
    told = await names(past, "east", f"unit:{PROVINCE}", f"person:{person('officer')}")
    assert told[f"unit:{PROVINCE}"] == {"name": "江东省", "name_en": "Jiangdong", "gone": False}
    assert told[f"person:{person('officer')}"]["name"] == "officer"
    assert (await names(past, "officer", f"endpoint:{CAMERA}"))[f"endpoint:{CAMERA}"]["name"] == "渡口"


async def test_participants_are_told_to_who_may_view_or_audit_their_consultation(past: Past) -> None:
    made = await past.do("officer", Create(title="会商", unit=COUNTY))
    own = f"participant:{await past.do('officer', Join(consultation=made))}"
    assert (await names(past, "officer", own, f"consultation:{made}"))[own]["name"] == "officer"
    assert await names(past, "west", own, f"consultation:{made}") == {}


async def test_recording_is_called_by_its_title_also_where_memory_has_let_go_of_it(past: Past) -> None:
    made = await past.do("officer", Create(title="防汛会商", unit=COUNTY))
    await past.do("officer", Join(consultation=made))
    recording = await past.do("officer", Begin(of=f"consultation:{made}"))
    target = f"recording:{recording}"
    told = {target: {"name": "防汛会商", "name_en": "", "gone": False}}
    assert await names(past, "officer", target) == told and await names(past, "west", target) == {}
    await past.known()
    past.coordinator.tables.recordings.drop(recording)
    past.coordinator.tables.commit()
    assert await names(past, "officer", target) == told and await names(past, "west", target) == {}


async def test_what_is_gone_is_called_as_it_was_to_who_may_read_of_it(past: Past) -> None:
    made = await past.do("administrator", people.Create(unit=EAST, name="周小川", login="zhou"))
    await past.do("administrator", people.Change(person=made, name="周大川"))
    await past.do("administrator", people.Remove(person=made))
    await past.known()
    told = await names(past, "administrator", f"person:{made}")
    assert told == {f"person:{made}": {"name": "周大川", "name_en": "", "gone": True}}
    assert await names(past, "east", f"person:{made}") == {}


async def test_consultation_that_is_over_is_called_by_its_title_and_not_gone_wherever_it_is_kept(past: Past) -> None:
    made = await past.do("officer", Create(title="防汛会商", unit=COUNTY, invite=(f"person:{person('east')}",)))
    own = f"participant:{await past.do('east', Join(consultation=made))}"
    for number in range(naming.ENTRIES + 2):
        await past.do("officer", Lock(consultation=made, locked=number % 2 == 0))
    await past.do("officer", End(consultation=made))
    await past.known()
    target = f"consultation:{made}"
    for keeper in ("memory", "database"):
        if keeper == "database":
            await let_go(past.coordinator)
        # The one sees it by a role, the other was part of it; who was neither is told nothing.
        for name in ("officer", "watcher", "administrator", "east"):
            assert await names(past, name, target) == {target: {"name": "防汛会商", "name_en": "", "gone": False}}, name
        for name in ("west", "newcomer"):
            assert await names(past, name, target, own) == {}, name
        assert (await names(past, "east", own))[own] == {"name": "east", "name_en": "", "gone": False}


@pytest.mark.parametrize("name", ["newcomer", "dismissed"])
async def test_who_has_no_role_is_told_nothing_but_the_own_name(past: Past, name: str) -> None:
    own = f"person:{person(name)}"
    told = await names(past, name, f"unit:{EAST}", f"person:{person('officer')}", own)
    assert set(told) <= {own}


async def test_what_is_no_target_is_passed_over_and_no_more_than_the_limit_is_looked_at(past: Past) -> None:
    strange = ("credential:01J", "unit", "unit:", "grant:01J", "unit:../..", "")
    many = (f"unit:{number}" for number in range(naming.MAX_NAMES))
    assert await names(past, "officer", *strange, *many, f"unit:{EAST}") == {}
    assert set(await names(past, "officer", *strange, f"unit:{EAST}")) == {f"unit:{EAST}"}


async def test_nobody_is_told_without_signing_in(past: Past) -> None:
    assert await names(past, None, f"unit:{EAST}") == "unauthorized"
