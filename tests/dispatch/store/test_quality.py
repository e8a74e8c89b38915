"""Samples are written in bulk and forgotten in time, on SQLite and on PostgreSQL."""

from __future__ import annotations

import msgspec
import pytest

from dispatch.errors import Unavailable
from dispatch.store.database import Database
from dispatch.store.migrating import upgrade
from dispatch.store.quality import Sample, Samples
from dispatch.store.reading import Reader

ONE = Sample(
    at_us=1_800_000_000_000_000,
    session="c",
    participant="p",
    source="s",
    kind="audio",
    direction="send",
    layer="h",
    rtt_us=1,
    jitter_us=2,
    lost_ppm=3,
    rate_bps=10_000_000_000,
)


async def test_sample_comes_back_as_it_was(database: Database) -> None:
    await upgrade(database)
    await Samples(database).add([])
    await Samples(database).add([ONE])
    assert await Reader(database).quality("c", 0, ONE.at_us + 1) == [ONE]


async def test_only_samples_older_than_the_time_are_forgotten(database: Database) -> None:
    await upgrade(database)
    samples = Samples(database)
    await samples.add([msgspec.structs.replace(ONE, at_us=second) for second in range(10)])
    assert await samples.forget(4, 100) == 4
    assert [sample.at_us for sample in await Reader(database).quality("c", 0, 100)] == list(range(4, 10))


async def test_samples_are_forgotten_in_portions_the_oldest_first_and_those_of_one_moment_together(
    database: Database,
) -> None:
    await upgrade(database)
    samples = Samples(database)
    moments = (5, 1, 2, 2, 2, 3, 9, 4)
    await samples.add([msgspec.structs.replace(ONE, at_us=at, source=f"s{n}") for n, at in enumerate(moments)])
    left = []
    for forgotten in (4, 2, 1, 0):
        assert await samples.forget(9, 2) == forgotten
        left.append([sample.at_us for sample in await Reader(database).quality("c", 0, 100)])
    assert left == [[3, 4, 5, 9], [5, 9], [9], [9]]


async def test_samples_that_cannot_be_kept_are_refused(database: Database) -> None:
    with pytest.raises(Unavailable) as caught:
        await Samples(database).add([ONE])
    assert caught.value.code == "database-gone"
