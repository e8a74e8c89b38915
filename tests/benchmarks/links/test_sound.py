"""A listener misses what never came and what came too late, and nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.links.sound import BLOCK_NS, BLOCK_TICKS, LATE_NS, Heard, Sound

BLOCKS = 200
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
    assert Sound().heard(*WHOLE) == Heard(1.0, 0.0, 4.0)


def test_who_is_cut_off_misses_all_that_follows() -> None:
    assert listen(dict.fromkeys(range(BLOCKS // 2), 0)).heard(*WHOLE) == Heard(0.5, 0.0, 2.0)


@given(st.sets(st.integers(1, BLOCKS - 2), max_size=20), st.sets(st.integers(1, BLOCKS - 2), max_size=20))
def test_what_is_lost_or_late_is_missed(lost: set[int], late: set[int]) -> None:
    came = {block: LATE_NS + 1 if block in late else 0 for block in range(BLOCKS) if block not in lost}
    heard = listen(came).heard(*WHOLE)
    assert round(heard.never * BLOCKS) == len(lost)
    assert round(heard.late * BLOCKS) == len(late - lost)
    assert round(heard.missed * BLOCKS) == len(lost | late)
    assert (heard.longest_gap_s > 0) == bool(lost | late)


def test_a_delay_that_stays_is_missed_only_where_it_begins() -> None:
    came = {block: 0 if block < BLOCKS * 5 else 5 * LATE_NS for block in range(BLOCKS * 10)}
    heard = listen(came).heard(0, 10 * WHOLE[1])
    assert heard.never == 0 and heard.late == 0
    # Where a few are slower than the many around them, it is they who are late.
    came = {block: 5 * LATE_NS if BLOCKS * 5 <= block < BLOCKS * 5 + 100 else 0 for block in range(BLOCKS * 10)}
    assert listen(came).heard(0, 10 * WHOLE[1]).late == 0.05


def test_a_second_copy_changes_nothing() -> None:
    sound = listen(dict.fromkeys(range(BLOCKS), 0))
    sound.note(BLOCK_TICKS, 10 * LATE_NS)
    assert sound.heard(*WHOLE) == Heard(0.0, 0.0, 0.0)
