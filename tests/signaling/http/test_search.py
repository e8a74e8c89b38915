"""Search over HTTP: by name and pinyin, with where it lies, only what the asker may see; by login whom one manages."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from dispatch.acts import people
from dispatch.acts.units import Change
from dispatch.desk.coordinator import Coordinator
from dispatch.directory.search import SearchIndex
from dispatch.entry import Origin
from dispatch.permissions import Actor
from signaling.http.operation import Door
from signaling.http.search import SearchEndpoint
from tests.signaling.http.asking import ask, problem, serving
from tests.signaling.http.county import CAMERA, COUNTY, EAST, PROVINCE, WEST, coordinating, identify, person, token


class Searching:
    """A county that can be searched."""

    def __init__(self, url: str, coordinator: Coordinator) -> None:
        self.url = url
        self.coordinator = coordinator

    async def find(self, name: str | None, **query: Any) -> Any:
        """What somebody finds; the code of the refusal as a text when it is one."""
        async with aiohttp.ClientSession(self.url, headers=token(name) if name else None) as http:
            answer = await ask(http, "GET", "/api/v1/search", params=query)
        return json.loads(answer.body)["results"] if answer.status == 200 else problem(answer, answer.status)

    async def ids(self, name: str, **query: Any) -> list[str]:
        return [item["id"] for item in await self.find(name, **query)]


@pytest_asyncio.fixture
async def searching(tmp_path: Path) -> AsyncIterator[Searching]:
    async with running(tmp_path) as searching:
        yield searching


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Searching]:
    async with coordinating(folder) as (coordinator, _):
        index = SearchIndex()
        for _ in index.fill(coordinator.tables):
            pass
        coordinator.listen(lambda entries, changes: index.follow(changes))
        endpoint = SearchEndpoint(index, Door(coordinator.tables, coordinator.permissions, identify))
        async with serving(endpoint.routes()) as url:
            yield Searching(url, coordinator)


async def test_names_are_found_by_their_parts_and_by_pinyin(searching: Searching) -> None:
    for words in ("东河", "河乡", "dhx", "donghexiang"):
        assert EAST in await searching.ids("west", q=words), words
    assert await searching.ids("west", q="jiangdong") == [PROVINCE]
    assert await searching.ids("west", q="没有") == []


async def test_what_is_found_tells_where_it_lies(searching: Searching) -> None:
    (camera,) = await searching.find("west", q="渡口")
    assert camera == {
        "kind": "endpoint",
        "id": CAMERA,
        "name_zh": "渡口",
        "endpoint_kind": "ip-camera",
        "unit": EAST,
        "unit_name": "东河乡",
        "level": "township",
    }
    (unit,) = await searching.find("west", q="西山乡")
    assert (unit["unit"], unit["unit_name"], unit["level"]) == (COUNTY, "临江县", "township")
    (officer,) = await searching.find("west", q="officer")
    assert (officer["id"], officer["name"], officer["unit"]) == (person("officer"), "officer", COUNTY)


async def test_kinds_and_limit_narrow_what_is_found(searching: Searching) -> None:
    assert await searching.ids("officer", q="east", kinds="person") == [person("east")]
    assert await searching.ids("officer", q="east", kinds="unit,endpoint") == []
    assert len(await searching.ids("officer", q="乡", limit=1)) == 1


async def test_login_finds_whom_one_manages_and_oneself_and_nobody_else(searching: Searching) -> None:
    of_east = people.Change(person=person("east"), login="dh-zhou", name="周小川")
    await searching.coordinator.act(of_east, Actor(person("administrator")), Origin())
    for query in ("dh-zhou", "h-z", "周 dh-"):
        for name in ("administrator", "officer", "east"):
            assert await searching.ids(name, q=query) == [person("east")], (name, query)
        for name in ("west", "watcher", "newcomer"):
            assert await searching.ids(name, q=query) == [], (name, query)
    assert await searching.ids("west", q="zhou") == [person("east")]


@pytest.mark.parametrize("name", ["newcomer", "dismissed"])
async def test_who_has_no_role_finds_nobody_else(searching: Searching, name: str) -> None:
    assert await searching.ids(name, q="东河") == []
    assert await searching.ids(name, q="officer") == []


async def test_strangers_are_refused(searching: Searching) -> None:
    assert await searching.find(None, q="东") == "unauthorized"
    assert await searching.find("the-node", q="东") == "person-needed"


async def test_what_was_renamed_is_found_by_its_new_name(searching: Searching) -> None:
    await searching.coordinator.act(Change(unit=WEST, name_zh="南坪乡"), Actor(person("officer")), Origin())
    assert await searching.ids("east", q="南坪") == [WEST]
    assert await searching.ids("east", q="西山") == []


@pytest.mark.parametrize(
    "query", [{}, {"q": ""}, {"q": "x" * 65}, {"q": "a", "kinds": "login"}, {"q": "a", "limit": 51}]
)
async def test_query_is_held_to_its_description(searching: Searching, query: dict[str, Any]) -> None:
    assert await searching.find("officer", **query) == "query-invalid"


@pytest.mark.parametrize("words", [" ", "\n", "\x00", "%", "😀", "\u202e东", "a" * 64, "' OR 1=1"])
async def test_odd_words_are_words(searching: Searching, words: str) -> None:
    assert isinstance(await searching.find("officer", q=words), list)
