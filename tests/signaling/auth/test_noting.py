"""Refused sign-ins are written when the node stops, but it does not wait for them for ever."""

from __future__ import annotations

import asyncio

import pytest

from dispatch.desk import coordinator as coordinator_module
from dispatch.desk.coordinator import Coordinator
from dispatch.entry import Origin
from dispatch.hlc import HybridClock
from signaling.auth import noting, refusals
from tests.dispatch.desk.disk import Disk
from tests.dispatch.world import World
from tests.patience import PATIENCE_S


async def test_what_is_not_written_yet_is_written_at_the_end() -> None:
    disk = Disk()
    coordinator = Coordinator(World().tables, HybridClock(), disk, "node")
    coordinator.start()
    noted = noting.Noting(coordinator)
    noted.note(refusals.NOBODY, Origin(ip="192.0.2.7"))
    noted.note("officer", Origin(ip="192.0.2.7"))
    await noted.close()
    await noted.close()
    await coordinator.close()
    assert len(disk.entries()) == 2


async def test_disk_that_never_answers_does_not_keep_the_node_from_stopping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noting, "CLOSE_S", 0.05)
    monkeypatch.setattr(coordinator_module, "CLOSE_S", 0.05)
    disk = Disk()
    disk.gate.clear()
    coordinator = Coordinator(World().tables, HybridClock(), disk, "node")
    coordinator.start()
    noted = noting.Noting(coordinator)
    noted.note("officer", Origin(ip="192.0.2.7"))
    async with asyncio.timeout(PATIENCE_S):
        await noted.close()
        await coordinator.close()
    assert disk.writes == 1 and disk.records == []
