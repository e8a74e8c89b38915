"""signaling.client.roaming: when a restart is asked for, and when not again. A real change: tests/signaling/webrtc."""

from __future__ import annotations

import asyncio

import pytest

from signaling.client import roaming
from signaling.client.errors import ClientError, HttpFailed, HttpRefused
from signaling.client.session import WhipSession
from tests.patience import PATIENCE_S
from tests.signaling.client.lite_server import whip_server
from tests.signaling.client.test_session import TRACKS, options


async def test_who_hears_nothing_tries_until_a_server_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roaming, "LOOK_SECONDS", 0.01)
    asked: list[ClientError] = []
    answers = [HttpFailed("http-unreachable", ""), HttpRefused(503, "busy", "", 0.01), HttpRefused(404, "gone", "")]

    async def restart() -> None:
        asked.append(answers[len(asked)])
        raise asked[-1]

    async with whip_server() as server, WhipSession(f"{server.url}/whip/x", TRACKS, options()) as session:
        following = asyncio.ensure_future(roaming.follow(session.transport, restart))
        await asyncio.wait([following], timeout=0.2)
        assert asked == [] and not following.done()  # neither moved nor silent
        monkeypatch.setattr(roaming, "SILENT_SECONDS", 0.0)
        async with asyncio.timeout(PATIENCE_S):
            await following
        assert asked == answers


async def test_following_ends_with_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roaming, "LOOK_SECONDS", 0.01)
    async with whip_server() as server, WhipSession(f"{server.url}/whip/x", TRACKS, options()) as session:
        following = asyncio.ensure_future(roaming.follow(session.transport, session.restart_ice))
        await session.close()
        async with asyncio.timeout(PATIENCE_S):
            await following
        assert not any(request.startswith("PATCH") for request in server.requests)
