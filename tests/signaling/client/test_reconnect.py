"""signaling.client.reconnect: waits, and coming back to a real server."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.client.errors import HttpRefused
from signaling.client.http import HttpOptions
from signaling.client.reconnect import Backoff, stay_connected
from signaling.client.session import SessionOptions, WhipSession
from signaling.sdp.offer import PublishTrack, offer_codecs
from tests.patience import PATIENCE_S
from tests.signaling.client.lite_server import whip_server
from tests.signaling.dtls.pairs import context

TRACKS = (PublishTrack("audio", offer_codecs("audio", ["opus"]), "s", "a", "unit@node", ssrc=20),)


def session(url: str, token: str = "right") -> WhipSession:
    return WhipSession(url, TRACKS, SessionOptions(HttpOptions(token), context("client"), connect_seconds=PATIENCE_S))


@given(st.integers(0, 1000))
def test_waits_double_with_jitter_up_to_the_most(seed: int) -> None:
    backoff = Backoff(0.5, 15.0, seed)
    nominal = [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0]
    for most in nominal:
        assert 0.0 <= backoff.next_wait() <= most
    backoff.succeeded()
    assert backoff.next_wait() <= 0.5


def test_many_that_lost_the_server_at_once_come_back_spread_over_the_whole_wait() -> None:
    waits = sorted(Backoff(1.0, 15.0, seed).next_wait() for seed in range(1000))
    assert max(later - earlier for earlier, later in pairwise([0.0, *waits, 1.0])) < 0.02


async def test_ended_session_is_made_anew_until_its_user_is_done() -> None:
    async with whip_server() as server:
        ends: list[str] = []

        async def use(connected: WhipSession) -> None:
            assert connected.transport.is_connected
            if len(server.sessions) == 3:
                return
            server.sessions[-1].end()
            await asyncio.Event().wait()  # cancelled when the path ends

        async with asyncio.timeout(PATIENCE_S):
            await stay_connected(
                lambda: session(f"{server.url}/whip/x"),
                use,
                backoff=Backoff(0.01, 0.02),
                on_failure=lambda code, reason: ends.append(code),
            )
        assert ends == ["peer-closed"] * 2
        assert server.requests == ["POST /whip/x", "DELETE"] * 3


async def test_server_that_asks_for_time_is_given_it_and_nonsense_is_no_such_wish() -> None:
    async with whip_server() as server:
        server.busy = [{"Retry-After": "1"}, {"Retry-After": "soon"}]
        asked_at: list[float] = []
        ends: list[str] = []

        def make() -> WhipSession:
            asked_at.append(time.monotonic())
            return session(f"{server.url}/whip/x")

        async def use(connected: WhipSession) -> None:
            return

        async with asyncio.timeout(PATIENCE_S):
            await stay_connected(
                make, use, backoff=Backoff(0.01, 0.02), on_failure=lambda code, reason: ends.append(code)
            )
        assert ends == ["http-refused"] * 2
        assert asked_at[1] - asked_at[0] >= 1.0


async def test_unreachable_server_is_tried_again_but_a_refusal_for_good_is_raised() -> None:
    async with whip_server() as server:
        urls = iter(["http://127.0.0.1:9/whip/x", f"{server.url}/whip/x"])
        ends: list[str] = []

        async def use(connected: WhipSession) -> None:
            raise AssertionError("never connected")

        with pytest.raises(HttpRefused):
            await stay_connected(
                lambda: session(next(urls), "wrong"),
                use,
                backoff=Backoff(0.01, 0.02),
                on_failure=lambda code, reason: ends.append(code),
            )
        assert ends == ["http-unreachable"]


async def test_error_of_the_user_is_passed_on_after_closing() -> None:
    async with whip_server() as server:

        async def use(connected: WhipSession) -> None:
            raise KeyError("bug")

        with pytest.raises(KeyError):
            await stay_connected(lambda: session(f"{server.url}/whip/x"), use)
        assert server.requests[-1] == "DELETE"
