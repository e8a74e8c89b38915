"""What memory has let go of is read from the database: the same answers, the same rights, page by page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from dispatch.acts.chair import Say
from dispatch.acts.consultation import Create, End, Join
from dispatch.care import KEEP_ENDED_US, forgettable
from dispatch.desk.coordinator import Coordinator
from signaling.http import past as module
from tests.patience import until
from tests.signaling.http.asking import ask, problem
from tests.signaling.http.county import COUNTY, EAST, County, running_county
from tests.signaling.http.past import Past
from tests.signaling.http.past import running as running_past
from tests.signaling.http.test_timeline import verbs

API = "/api/v1/consultations"
NAMES = ("administrator", "officer", "watcher", "east", "west", "newcomer")


@pytest_asyncio.fixture
async def county(tmp_path: Path) -> AsyncIterator[County]:
    async with running_county(tmp_path) as county:
        yield county


async def get(county: County, name: str, path: str = "") -> Any:
    """What somebody reads; the code of the refusal as a text when it is one."""
    async with county.client(name) as http:
        answer = await ask(http, "GET", f"{API}{path}")
    return json.loads(answer.body) if answer.status == 200 else problem(answer, answer.status)


async def all_of(county: County, name: str, path: str) -> list[str]:
    """The ids of all pages of a list."""
    found: list[str] = []
    cursor = ""
    while True:
        told = await get(county, name, f"{path}{'&' if '?' in path else '?'}cursor={cursor}")
        found += [item["id"] for item in told["items"]]
        cursor = told["next"]
        if not cursor:
            return found


async def held(county: County | Past, title: str = "会商") -> str:
    """A consultation that somebody of the east was in, with a text, ended."""
    made = await county.do("officer", Create(title=title, unit=COUNTY, invite=(f"unit:{EAST}",)))
    await county.do("officer", Join(consultation=made))
    await county.do("east", Join(consultation=made))
    await county.do("officer", Say(consultation=made, text="在吗"))
    await county.do("officer", End(consultation=made))
    return made


async def let_go(coordinator: Coordinator) -> None:
    """Have memory let go of all that has ended, as it does after an hour."""
    latest = max(item.ended_us for item in coordinator.tables.consultations)
    coordinator.forget(list(forgettable(coordinator.tables, latest + KEEP_ENDED_US)))
    await until("it is forgotten", lambda: all(not item.ended_us for item in coordinator.tables.consultations))


async def test_what_was_told_from_memory_is_told_to_the_same_people_from_the_database(county: County) -> None:
    made = await held(county)
    asked = [(name, part) for name in NAMES for part in (f"/{made}", f"/{made}/participants", f"/{made}/messages", "")]
    before = [await get(county, name, part) for name, part in asked]
    await county.known()
    await let_go(county.coordinator)
    assert [await get(county, name, part) for name, part in asked] == before
    told = dict(zip(asked, before, strict=True))
    assert told["officer", f"/{made}/messages"]["items"][0]["text"] == "在吗"
    assert told["west", f"/{made}"] == "consultation-unknown" and told["west", ""]["items"] == []


async def test_texts_of_a_running_consultation_go_on_where_memory_ends(
    county: County, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEEP_MESSAGES", 2)
    made = await county.do("officer", Create(title="会商", unit=COUNTY))
    await county.do("officer", Join(consultation=made))
    said = [await county.do("officer", Say(consultation=made, text=f"{number}")) for number in range(5)]
    await county.known()
    tables = county.coordinator.tables
    county.coordinator.forget([("message", text) for text in said[:3]])
    await until("they are forgotten", lambda: len(tables.messages) == 2)
    for limit in (1, 2, 3, 5, 50):
        told = await all_of(county, "officer", f"/{made}/messages?limit={limit}")
        texts = [(await get(county, "officer", f"/{made}/messages?limit=50"))["items"][n]["text"] for n in range(5)]
        assert len(told) == len(set(told)) == 5 and set(told) == set(said) and sorted(texts) == list("01234")


async def test_ended_ones_follow_those_not_over_each_once(county: County, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS", 2)
    ended = [await held(county, f"第{number}次") for number in range(3)]
    await county.known()
    await let_go(county.coordinator)
    ended += [await held(county, f"第{number}次") for number in range(3, 5)]  # in memory and in the database
    await county.known()
    running = await county.do("officer", Create(title="在开", unit=COUNTY))
    for limit in (1, 2, 3, 50):
        assert await all_of(county, "officer", f"?limit={limit}") == [running, *reversed(ended)]
        assert await all_of(county, "officer", f"?stage=ended&limit={limit}") == list(reversed(ended))
        assert await all_of(county, "officer", f"?stage=running&limit={limit}") == [running]
        assert await all_of(county, "west", f"?limit={limit}") == []


async def test_reading_among_what_is_hidden_is_bounded_and_goes_on(
    county: County, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROWS", 1)
    monkeypatch.setattr(module, "READINGS", 2)
    for number in range(4):
        await held(county, f"第{number}次")
    await county.known()
    told = await get(county, "west", "?stage=ended")
    assert told["items"] == [] and told["next"]


@pytest.mark.parametrize("cursor", ["x", "1.", "1.a.b", "-1.a", "9999999999999999999.a", ".a"])
async def test_cursor_of_somebody_else_is_refused(county: County, cursor: str) -> None:
    assert await get(county, "officer", f"?stage=ended&cursor={cursor}") == "cursor-invalid"


async def test_without_the_database_what_memory_holds_is_told(county: County, tmp_path: Path) -> None:
    made = await held(county)
    await county.known()
    await let_go(county.coordinator)
    running = await county.do("officer", Create(title="在开", unit=COUNTY))
    await county.known()
    await county.database.close()
    for path in tmp_path.glob("huishang.db*"):
        await asyncio.to_thread(path.rename, path.with_name(f"away-{path.name}"))
    (tmp_path / "huishang.db").mkdir()
    assert await all_of(county, "officer", "?stage=running") == [running]
    first = await get(county, "officer")
    assert [item["id"] for item in first["items"]] == [running]
    assert await get(county, "officer", f"?cursor={first['next']}") == "database-gone"
    assert await get(county, "officer", f"/{made}") == "database-gone"
    assert (await get(county, "officer", f"/{running}/messages"))["items"] == []


async def test_timeline_of_what_is_long_over_is_read_as_before(tmp_path: Path) -> None:
    async with running_past(tmp_path) as past:
        await held(past)
        await past.known()
        before = {name: await verbs(past, name) for name in NAMES}
        assert len(before["officer"]) == len(before["east"]) > 4 and before["west"] == before["newcomer"] == []
        await let_go(past.coordinator)
        assert {name: await verbs(past, name) for name in NAMES} == before
