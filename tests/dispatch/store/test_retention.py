"""Old samples go by themselves, young ones stay, and a database that is gone stops nothing."""

from __future__ import annotations

import time

import msgspec
import pytest
from sqlalchemy import Connection, event

from dispatch.store import retention
from dispatch.store.database import Database
from dispatch.store.migrating import upgrade
from dispatch.store.quality import Samples
from dispatch.store.reading import Reader
from dispatch.store.retention import KEPT_DAYS, Retention
from tests.dispatch.store.test_quality import ONE

DAY_US = 86_400_000_000


async def test_samples_go_when_their_days_are_over(database: Database) -> None:
    await upgrade(database)
    samples, now_us = Samples(database), time.time_ns() // 1000
    ages = [0, 1, KEPT_DAYS - 1, KEPT_DAYS + 1, 2 * KEPT_DAYS]
    await samples.add([msgspec.structs.replace(ONE, at_us=now_us - days * DAY_US) for days in ages])
    await Retention(samples).look()
    kept = await Reader(database).quality("c", 0, now_us + 1)
    assert sorted(round((now_us - sample.at_us) / DAY_US) for sample in kept) == ages[:3]


async def test_much_that_is_old_goes_in_portions_each_a_transaction_of_its_own(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PORTION", 10)
    monkeypatch.setattr(retention, "PAUSE_S", 0.0)
    await upgrade(database)
    samples = Samples(database)
    await samples.add([msgspec.structs.replace(ONE, at_us=number) for number in range(95)])
    committed: list[Connection] = []
    event.listen(database.engine.sync_engine, "commit", committed.append)
    await Retention(samples).look()
    assert await Reader(database).quality("c", 0, 100) == []
    assert 10 <= len(committed) <= 12


async def test_database_that_is_gone_ends_nothing(database: Database) -> None:
    await Retention(Samples(database)).look()
