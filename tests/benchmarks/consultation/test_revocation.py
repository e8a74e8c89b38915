"""When the last packet of somebody came is told only of whom it is known that packets came, and came no more."""

import numpy as np

from benchmarks.consultation.revocation import Found, Shut, until_the_last_packet
from benchmarks.load import records

MS = 1_000_000
WALL_NS = 1_700_000_000_000_000_000
ENDED_MS = 5_000


def found(*came_ms: list[int]) -> Found:
    """People shut out at 1,000 ms, and when (ms) packets came to each."""
    arrivals = np.array(
        [(WALL_NS + ms * MS, path, 0, 0, 0, 0) for path, of in enumerate(came_ms) for ms in of], dtype=records.DTYPE
    )
    shut = [Shut("login.end", True, 1_000 * MS, 1_001 * MS, 4401) for _ in came_ms]
    return Found(shut, arrivals, WALL_NS, ENDED_MS * MS, 0)


def test_last_packet_is_told_from_the_act_on_of_each_by_itself() -> None:
    assert until_the_last_packet(found([900, 1_010], [950, 990], [10, 1_900])) == [10.0, 0.0, 900.0]


def test_to_whom_nothing_came_before_or_something_to_the_end_there_is_no_telling() -> None:
    assert until_the_last_packet(found([], [1_100, 1_200], [900, 4_900])) == [None, None, None]
