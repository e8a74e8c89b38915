"""How losses are made up for: by what the link does, steadily, and never beyond its room."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.allocation.repair import CLEAN_US, MOST_PERCENT, NOTHING, Repair, Repairing, Room

SECOND_US = 1_000_000
WIDE = Room(40_000, 1_000_000, 1_000_000)


def settled(repairing: Repairing, rtt_ms: float, loss: float, spare: float = 1.0) -> Repair:
    """Return what is chosen when it has been so for a quarter of a minute; `spare` as a share of the pictures."""
    room = Room(40_000, 1_000_000, int(spare * 1_000_000))
    return [repairing.choose(second * SECOND_US, rtt_ms, loss, room) for second in range(1, 16)][-1]


def test_nothing_is_sent_ahead_where_nothing_is_lost() -> None:
    assert settled(Repairing(), 40, 0.0) == NOTHING
    assert settled(Repairing(), 600, 0.0) == NOTHING


def test_sound_is_sent_ahead_and_pictures_only_where_an_answer_takes_long() -> None:
    near, far = settled(Repairing(), 60, 0.05), settled(Repairing(), 600, 0.05)
    assert (near.redundancy, near.percent) == (2, 0)
    assert far.redundancy == 2 and 20 <= far.percent <= MOST_PERCENT
    assert far.wait_ms == 700  # a round trip, and until the loss is seen


def test_pictures_wait_on_a_near_link_where_an_answer_is_often_lost_too() -> None:
    assert settled(Repairing(), 60, 0.05).wait_ms == 200
    assert settled(Repairing(), 60, 0.01).wait_ms == 0


def test_parities_take_no_more_than_the_layers_leave() -> None:
    assert settled(Repairing(), 600, 0.05, spare=0.2)[:2] == (2, 15)
    assert settled(Repairing(), 600, 0.05, spare=0.04)[:2] == (2, 0)
    assert settled(Repairing(), 600, 0.05, spare=-0.5)[:2] == (1, 0)


def test_one_lost_packet_now_and_then_does_not_switch_to_and_fro() -> None:
    repairing = Repairing()
    assert settled(repairing, 600, 0.02).percent > 0
    chosen = {
        repairing.choose((20 + second) * SECOND_US, 170 if second % 2 else 230, 0.1 * (second % 10 == 0), WIDE).percent
        > 0
        for second in range(60)
    }
    assert chosen == {True}


def test_link_that_has_lost_nothing_for_a_while_is_clean() -> None:
    repairing = Repairing()
    settled(repairing, 60, 0.05)
    later = 15 + 2 * CLEAN_US // SECOND_US
    assert [repairing.choose(second * SECOND_US, 60, 0.0, WIDE) for second in range(16, later)][-1] == NOTHING


BITS = st.integers(0, 10_000_000)
MOMENT = st.tuples(st.integers(0, 5 * SECOND_US), st.floats(0, 5000), st.floats(0, 1), st.integers(-(10**7), 10**7))


@given(st.lists(MOMENT), BITS, BITS)
def test_whatever_a_viewer_claims_the_answer_is_bounded(
    claims: list[tuple[int, float, float, int]], sound: int, pictures: int
) -> None:
    repairing, now_us = Repairing(), 0
    for passed_us, rtt_ms, loss, spare in claims:
        now_us += passed_us
        room = Room(sound, pictures, spare)
        chosen = repairing.choose(now_us, rtt_ms, loss, room)
        if chosen == NOTHING:
            continue
        assert 1 <= chosen.redundancy <= 3 and 0 <= chosen.percent <= MOST_PERCENT
        assert 0 <= chosen.wait_ms <= 1_000
        assert (chosen.redundancy - 1) * sound + chosen.percent * pictures / 100 <= max(spare, 0)
