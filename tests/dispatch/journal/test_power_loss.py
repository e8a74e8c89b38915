"""Power fails after every step that a journal asks of its disk: all that was answered is there."""

import asyncio
import itertools
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.journal import Journal, Limits
from tests.dispatch.journal.journals import HastyDisk, payloads
from tests.dispatch.journal.power_loss import NotingDisk, Step, leave_behind

LIMITS = Limits(file_bytes=3000, ahead_bytes=1024)
# Waves of appends; each append is the sizes of its entries.
WAVES = st.lists(
    st.lists(st.lists(st.integers(1, 900), min_size=1, max_size=3), min_size=1, max_size=4), min_size=1, max_size=6
)
Waves = list[list[list[int]]]


async def record(folder: Path, waves: Waves) -> tuple[list[list[bytes]], list[Step]]:
    """Append in waves; give the appends and the steps, among them a step "answered" for every append."""
    disk = NotingDisk()
    journal = Journal.open(folder, "n", LIMITS, disk)
    number = itertools.count()
    appends: list[list[bytes]] = []

    async def append(entries: list[bytes]) -> None:
        appends.append(entries)
        await journal.append(entries)
        disk.note("answered")

    for wave in waves:
        await asyncio.gather(*(append([b"%d-%s" % (next(number), b"x" * size) for size in sizes]) for sizes in wave))
    await asyncio.to_thread(journal.close)
    return appends, disk.steps


def check_recovery(steps: list[Step], appends: list[list[bytes]], source: random.Random) -> int:
    """Recover from what these steps may leave behind; return how many appends are there."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        leave_behind(steps, folder, source)
        journal = Journal.open(folder, "n", LIMITS, HastyDisk())
        kept = payloads(journal)

        async def go_on() -> None:
            await journal.append([b"after"])

        asyncio.run(go_on())
        assert payloads(journal) == [*kept, b"after"]
        journal.close()
        again = Journal.open(folder, "n", LIMITS, HastyDisk())
        assert payloads(again) == [*kept, b"after"]
        again.close()
    whole = list(itertools.accumulate((len(append) for append in appends), initial=0))
    assert kept == [payload for append in appends for payload in append][: len(kept)], "in order, none left out"
    assert len(kept) in whole, "an append is there as a whole or not at all"
    return whole.index(len(kept))


@pytest.mark.timeout(600)
@settings(max_examples=12, deadline=None)
@given(WAVES, st.integers(0))
def test_every_prefix_of_the_steps_keeps_what_was_answered(waves: Waves, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        appends, steps = asyncio.run(record(Path(folder), waves))
    source = random.Random(seed)
    for length in range(len(steps) + 1):
        answered = sum(step[0] == "answered" for step in steps[:length])
        assert check_recovery(steps[:length], appends, source) >= answered, (length, steps[:length])
    assert check_recovery(steps, appends, source) == len(appends)


def test_disk_that_forgets_a_sync_is_found_out() -> None:
    waves = [[[50, 60]], [[70]], [[600]]] * 6
    with tempfile.TemporaryDirectory() as folder:
        appends, steps = asyncio.run(record(Path(folder), waves))
    unsafe = [step for step in steps if step[0] != "sync"]
    source = random.Random(1)
    lost = 0
    for length in range(len(unsafe) + 1):
        answered = sum(step[0] == "answered" for step in unsafe[:length])
        try:
            lost += check_recovery(unsafe[:length], appends, source) < answered
        except Exception:
            lost += 1
    assert lost > 10, "the model of the disk loses what nobody made sure of"
