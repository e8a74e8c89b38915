"""WHIP over HTTP from the client's side, against servers that answer as no good one does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from signaling.client.errors import HttpFailed
from signaling.client.http import HttpOptions, SignalingResource


@asynccontextmanager
async def answering(location: str) -> AsyncIterator[tuple[str, list[str]]]:
    """A server that answers every POST with this Location; gives its URL and the requests it got."""
    requests: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        requests.append(request.method)
        return web.Response(status=201, text="v=0", headers={"Location": location})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", requests
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("elsewhere", ["https", "port", "host"])
async def test_token_is_not_taken_to_another_server(elsewhere: str) -> None:
    async with answering("/") as (other, stolen):
        location = {"https": "https://127.0.0.1/s", "port": f"{other}/s", "host": "//portal.example/s"}[elsewhere]
        async with answering(location) as (url, _), SignalingResource(HttpOptions("secret")) as resource:
            with pytest.raises(HttpFailed, match="another server"):
                await resource.post(f"{url}/whip/x", "v=0")
            assert resource.location is None
            await resource.delete()
        assert stolen == []


async def test_location_may_be_relative_or_absolute() -> None:
    async with answering("/whip/x/1") as (url, requests), SignalingResource(HttpOptions("secret")) as resource:
        await resource.post(f"{url}/whip/x", "v=0")
        assert resource.location == f"{url}/whip/x/1"
        await resource.delete()
        assert requests == ["POST", "DELETE"]
