"""The list of sources as JSON, and stopping one."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from dispatch.sources import Source
from signaling.http.api import SourcesEndpoint
from tests.signaling.http.asking import SDP, ask, problem, publish, view
from tests.signaling.node import EVERYTHING, ONE_CAMERA, WATCHER, Node
from tests.signaling.sdp.samples import raw


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


async def test_many_pages_share_the_work_of_a_second_and_see_every_change_at_once(
    node: Node, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10):
        await publish(http, f"camera-{number}")
    made: list[str] = []
    describe = SourcesEndpoint._describe

    def counted(self: SourcesEndpoint, source: Source) -> dict[str, object]:
        made.append(source.id)
        return describe(self, source)

    monkeypatch.setattr(SourcesEndpoint, "_describe", counted)
    first = await sources(http)
    for _ in range(20):
        assert await sources(http) == first
    assert len(made) == 10
    viewer = await view(http, "camera-3")
    assert [entry["viewers"] for entry in await sources(http)] == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    await ask(http, "DELETE", viewer.location)
    await ask(http, "POST", "/whip/camera-4?name=x", data=raw("chromium-publish"), headers=SDP)
    listed = await sources(http)
    assert (listed[3]["viewers"], listed[4]["name"]) == (0, "x")
    assert made[10:] == ["camera-3", "camera-3", "camera-4"]
    node.sources.sample()
    await sources(http)
    assert len(made) == 23


async def test_source_that_is_gone_and_comes_again_is_described_anew(node: Node, http: aiohttp.ClientSession) -> None:
    await ask(http, "POST", "/whip/camera?name=one", data=raw("chromium-publish"), headers=SDP)
    assert [entry["name"] for entry in await sources(http)] == ["one"]
    await ask(http, "DELETE", "/api/v1/sources/camera")
    assert await sources(http) == []
    await ask(http, "POST", "/whip/camera?name=two", data=raw("chromium-publish"), headers=SDP)
    assert [entry["name"] for entry in await sources(http)] == ["two"]
