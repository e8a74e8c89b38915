"""What a link loses, evened out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.allocation.losses import SMOOTH_US, Losses

SHARE = st.floats(0, 1)


def test_a_bad_second_is_a_quarter_of_four_and_what_lasts_is_believed() -> None:
    losses = Losses()
    assert losses.note(10 * SMOOTH_US, 0.0) == 0.0
    assert losses.note(10 * SMOOTH_US + SMOOTH_US // 4, 0.2) == 0.05
    noted = [losses.note(11 * SMOOTH_US + second * 1_000_000, 0.2) for second in range(20)]
    assert noted == sorted(noted) and noted[-1] > 0.199


@given(st.lists(st.tuples(st.integers(0, 2**62), SHARE), min_size=1))
def test_it_stays_within_what_was_told_whenever_that_was(told: list[tuple[int, float]]) -> None:
    losses = Losses()
    noted = [losses.note(now_us, share) for now_us, share in told]
    shares = [0.0, *(share for _, share in told)]
    assert all(min(shares) - 1e-9 <= one <= max(shares) + 1e-9 for one in noted)
