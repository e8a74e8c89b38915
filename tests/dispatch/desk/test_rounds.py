"""Rounds go on whatever happens in one of them, until they are closed."""

from __future__ import annotations

import asyncio

import pytest
import structlog
from structlog.testing import capture_logs

from dispatch.desk import rounds as rounds_module
from dispatch.desk.rounds import Rounds
from tests.patience import PATIENCE_S


class Stumbling(Rounds):
    """Fails in every other round."""

    interval_seconds = 0.001

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0
        self.some = asyncio.Event()
        self.hold = asyncio.Event()
        self.hold.set()

    async def look(self) -> None:
        self.begun += 1
        if self.begun >= 4:
            self.some.set()
        if self.begun % 2:
            raise ValueError("a stone")
        await self.hold.wait()
        self.ended += 1


async def test_the_next_round_comes_after_one_that_failed_and_the_fault_is_logged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # One that was used before, in a test that has a node log as a node does, would not be heard here.
    monkeypatch.setattr(rounds_module, "_log", structlog.get_logger())
    rounds = Stumbling()
    with capture_logs() as logs:
        rounds.start()
        async with asyncio.timeout(PATIENCE_S):
            await rounds.some.wait()
        await rounds.close()
    assert rounds.ended >= 1
    assert {(item["event"], item["of"]) for item in logs} == {("round_failed", "Stumbling")}


async def test_closing_ends_a_round_that_waits_and_may_be_done_twice_or_before_the_start() -> None:
    rounds = Stumbling()
    await rounds.close()
    rounds.hold.clear()
    rounds.start()
    while rounds.begun < 2:
        await asyncio.sleep(0)
    await rounds.close()
    await rounds.close()
    assert rounds.begun == 2 and rounds.ended == 0
