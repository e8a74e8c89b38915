"""The list of sources as JSON, and stopping one."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from tests.signaling.http.asking import ask, problem, publish, view
from tests.signaling.node import EVERYTHING, ONE_CAMERA, WATCHER, Node


async def sources(http: aiohttp.ClientSession, token: str = EVERYTHING) -> list[dict[str, Any]]:
    answer = await ask(http, "GET", "/api/v1/sources", headers={"Authorization": f"Bearer {token}"})
    assert answer.status == 200
    listed: list[dict[str, Any]] = json.loads(answer.body)["sources"]
    return listed


async def test_source_is_listed_from_publishing_on_and_after_its_end(http: aiohttp.ClientSession) -> None:
    assert await sources(http) == []
    created = await publish(http)
    await view(http)
    (entry,) = await sources(http)
    assert (entry["id"], entry["name"], entry["state"], entry["viewers"]) == ("camera", "camera", "silent", 1)
    assert {track["kind"] for track in entry["tracks"]} == {"video", "audio"}
    await ask(http, "DELETE", created.location)
    (entry,) = await sources(http)
    assert (entry["state"], entry["viewers"], entry["tracks"]) == ("offline", 1, [])


async def test_time_of_the_server_is_iso_utc_with_microseconds(http: aiohttp.ClientSession) -> None:
    before = datetime.now(UTC)
    now = json.loads((await ask(http, "GET", "/api/v1/sources")).body)["now"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", now)
    assert before <= datetime.fromisoformat(now) <= datetime.now(UTC)


async def test_stopping_a_source_ends_its_sessions(node: Node, http: aiohttp.ClientSession) -> None:
    created, viewer = await publish(http), await view(http)
    assert (await ask(http, "DELETE", "/api/v1/sources/camera")).status == 204
    assert node.exchange.sessions == {} and node.exchange.media == {} and await sources(http) == []
    for answer in (created, viewer):
        assert problem(await ask(http, "DELETE", answer.location), 404) == "session-unknown"
    assert problem(await ask(http, "DELETE", "/api/v1/sources/camera"), 404) == "source-unknown"


async def test_stopped_source_can_be_published_again(http: aiohttp.ClientSession) -> None:
    await publish(http)
    await ask(http, "DELETE", "/api/v1/sources/camera")
    assert (await publish(http)).status == 201 and (await view(http)).status == 201


async def test_token_sees_the_sources_it_covers(http: aiohttp.ClientSession) -> None:
    await publish(http, "camera")
    await publish(http, "drone")
    assert [entry["id"] for entry in await sources(http, WATCHER)] == ["camera", "drone"]
    assert [entry["id"] for entry in await sources(http, ONE_CAMERA)] == ["camera"]


@pytest.mark.parametrize("path", ["/api/v1/sources/none", "/api/v1/sources/%2e%2e", "/api/v1/sources/" + "x" * 2000])
async def test_stopping_what_is_not_there_is_refused(http: aiohttp.ClientSession, path: str) -> None:
    code = problem(await ask(http, "DELETE", path), 404 if "%2e" not in path else 405)
    assert code in ("source-unknown", "method-not-allowed")
