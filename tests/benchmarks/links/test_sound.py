"""A listener misses what never came and what came later than his buffer waits, and nothing else."""

import random

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.links.sound import BLOCK_NS, BLOCK_TICKS, Heard, Sound

BLOCKS = 500
NS = 1_000_000_000
WHOLE = (0, BLOCKS * BLOCK_NS)


def listen(came: dict[int, int], first: int = 0) -> Sound:
    """Blocks by number, each with how many ns after its turn it came."""
    sound = Sound()
    for block, late_ns in sorted(came.items(), key=lambda item: item[0] * BLOCK_NS + item[1]):
        sound.note((first + block * BLOCK_TICKS) & 0xFFFFFFFF, block * BLOCK_NS + late_ns)
    return sound


def test_all_that_comes_in_time_is_heard_across_the_wrap_of_timestamps() -> None:
    sound = listen(dict.fromkeys(range(BLOCKS), 30_000_000), first=0xFFFFFFFF - 50 * BLOCK_TICKS)
    assert sound.heard(30_000_000, WHOLE[1] + 30_000_000) == Heard(0.0, 0.0, 0.0)


def test_nothing_heard_is_all_missed() -> None:
    assert Sound().heard(*WHOLE) == Heard(1.0, 1.0, 10.0)


def test_who_is_cut_off_misses_all_that_follows() -> None:
    heard = listen(dict.fromkeys(range(BLOCKS // 2), 0)).heard(*WHOLE)
    assert heard.never == 0.5
    # What waited is still played.
    assert 0.45 < heard.concealed < 0.5 and heard.longest_gap_s == heard.concealed * 10


@given(st.sets(st.integers(100, BLOCKS - 100), max_size=40))
def test_what_is_lost_is_concealed_for_as_long_as_it_was(lost: set[int]) -> None:
    heard = listen({block: 0 for block in range(BLOCKS) if block not in lost}).heard(*WHOLE)
    assert round(heard.never * BLOCKS) == len(lost)
    assert abs(heard.concealed * BLOCKS - len(lost)) < 0.01
    assert (heard.longest_gap_s > 0) == bool(lost)


def test_what_comes_in_bunches_is_waited_for_once_that_is_known() -> None:
    chance = random.Random(1)
    came = {block: chance.choice((0, 150_000_000)) for block in range(10 * BLOCKS)}
    assert listen(came).heard(5 * WHOLE[1], 10 * WHOLE[1]).concealed == 0
    # Unknown, it is concealed: all but the little that waits.
    steady = dict.fromkeys(range(BLOCKS), 0)
    heard = listen({block: 300_000_000 if block == 250 else 0 for block in steady}).heard(*WHOLE)
    assert heard.never == 0 and heard.longest_gap_s == 0.02
    heard = listen({block: 300_000_000 if block >= 250 else 0 for block in steady}).heard(*WHOLE)
    assert heard.never == 0 and 0.2 < heard.longest_gap_s <= 0.3


def test_a_delay_that_stays_is_concealed_where_it_begins_only() -> None:
    came = {block: 0 if block < BLOCKS else NS for block in range(2 * BLOCKS)}
    heard = listen(came).heard(WHOLE[1] + 2 * NS, 2 * WHOLE[1])
    assert heard.concealed == 0


def test_a_second_copy_changes_nothing() -> None:
    sound = listen(dict.fromkeys(range(BLOCKS), 0))
    sound.note(BLOCK_TICKS, 10 * NS)
    assert sound.heard(*WHOLE) == Heard(0.0, 0.0, 0.0)
