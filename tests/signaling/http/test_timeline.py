"""The timeline over HTTP: page by page, and nobody reads what is not his to read. On a real database."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from dispatch.acts.chair import Say
from dispatch.acts.consultation import Create, Join
from dispatch.acts.units import Change
from signaling.http import timeline
from tests.patience import until
from tests.signaling.http.asking import ask, problem
from tests.signaling.http.county import COUNTY, EAST, WEST, number, person, token
from tests.signaling.http.past import Past, running

PATH = "/api/v1/timeline"


@pytest_asyncio.fixture
async def past(tmp_path: Path) -> AsyncIterator[Past]:
    async with running(tmp_path) as past:
        yield past


async def read(past: Past, name: str | None, query: str = "") -> Any:
    """What somebody reads; the code of the refusal as a text when it is one."""
    headers = token(name) if name else None
    async with aiohttp.ClientSession(past.url, headers=headers) as http:
        answer = await ask(http, "GET", f"{PATH}?{query}")
    return json.loads(answer.body) if answer.status == 200 else problem(answer, answer.status)


async def verbs(past: Past, name: str, query: str = "") -> list[str]:
    return [entry["verb"] for entry in (await read(past, name, query))["items"]]


async def happen(past: Past) -> str:
    """A consultation of the county that somebody of the east joins; then a change in the west."""
    made = await past.do("officer", Create(title="会商", unit=COUNTY, invite=(f"unit:{EAST}",)))
    await past.do("officer", Join(consultation=made))
    await past.do("east", Join(consultation=made))
    await past.do("officer", Say(consultation=made, text="在吗"))
    await past.do("officer", Change(unit=WEST, name_en="West"))
    await past.known()
    return made


ALL = ["unit.change", "message.say", "participant.join", "participant.join", "consultation.create"]


async def test_who_audits_reads_everything_the_newest_first(past: Past) -> None:
    await happen(past)
    assert await verbs(past, "administrator") == ALL
    assert await verbs(past, "officer") == ALL


async def test_who_was_part_of_a_session_reads_that_session_only(past: Past) -> None:
    await happen(past)
    assert await verbs(past, "east") == ALL[1:]


@pytest.mark.parametrize("name", ["west", "watcher", "newcomer", "dismissed"])
async def test_others_read_nothing(past: Past, name: str) -> None:
    made = await happen(past)
    assert await read(past, name) == {"next": "", "items": []}
    assert await read(past, name, f"session={made}") == {"next": "", "items": []}


async def test_nobody_reads_without_signing_in(past: Past) -> None:
    assert await read(past, None) == "unauthorized"
    assert await read(past, "the-node") == "person-needed"


async def test_questions_narrow_what_is_told(past: Past) -> None:
    made = await happen(past)
    assert await verbs(past, "officer", f"session={made}") == ALL[1:]
    assert await verbs(past, "officer", f"object=unit:{WEST}") == ["unit.change"]
    assert await verbs(past, "officer", f"actor={person('east')}") == ["participant.join"]
    assert await verbs(past, "officer", "verb=message.say") == ["message.say"]
    (entry,) = (await read(past, "officer", "verb=message.say"))["items"]
    assert await verbs(past, "officer", f"from_us={entry['hlc'][0] + 1}") == ["unit.change"]
    assert await verbs(past, "officer", f"to_us={entry['hlc'][0]}") == ALL[2:]
    assert entry["params"]["text"] == "在吗" and entry["actor"] == person("officer")


async def test_pages_together_are_the_whole(past: Past) -> None:
    await happen(past)
    found: list[str] = []
    cursor = ""
    while True:
        told = await read(past, "officer", f"limit=2&cursor={cursor}")
        found += [entry["verb"] for entry in told["items"]]
        cursor = told["next"]
        if not cursor:
            break
    assert found == ALL


async def test_answer_that_ends_among_what_is_hidden_has_a_next_page(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline, "ROWS", 1)
    monkeypatch.setattr(timeline, "READINGS", 2)
    await happen(past)
    told = await read(past, "west")
    assert told["items"] == [] and told["next"]
    found: list[str] = []
    cursor = ""
    while True:
        told = await read(past, "east", f"cursor={cursor}")
        found += [entry["verb"] for entry in told["items"]]
        cursor = told["next"]
        if not cursor:
            break
    assert found == ALL[1:]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("cursor=x", "cursor-invalid"),
        ("cursor=1", "cursor-invalid"),
        ("cursor=%D9%A1.%D9%A1", "cursor-invalid"),
        ("cursor=9999999999999999999.1", "cursor-invalid"),
        ("from_us=-1", "query-invalid"),
        ("from_us=99999999999999999999", "query-invalid"),
        ("session=%00", "query-invalid"),
        ("limit=0", "query-invalid"),
    ],
)
async def test_query_is_held_to_its_description(past: Past, query: str, code: str) -> None:
    assert await read(past, "officer", query) == code


async def test_database_that_is_gone_is_told(past: Past, tmp_path: Path) -> None:
    await happen(past)
    await past.database.close()

    def is_gone() -> bool:
        for path in list(tmp_path.glob("huishang.db*")):
            path.rename(path.with_name(f"away-{path.name}"))
        try:
            (tmp_path / "huishang.db").mkdir()
        except FileExistsError:  # whoever follows the journal has opened it anew in between
            return False
        return True

    await until("a folder is where it was", is_gone)
    async with aiohttp.ClientSession(past.url, headers=token("officer")) as http:
        assert problem(await ask(http, "GET", PATH), 503)


async def test_entry_of_what_is_gone_is_for_who_audits_the_node(past: Past) -> None:
    assert await verbs(past, "officer", f"object=unit:{number(555)}") == []
    await happen(past)
    past.coordinator.tables.units.drop(WEST)
    past.coordinator.tables.commit()
    assert await verbs(past, "administrator", "verb=unit.change") == ["unit.change"]
    assert await verbs(past, "officer", "verb=unit.change") == []
