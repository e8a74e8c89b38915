"""Who is asked when, in virtual time."""

from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from recorder.proof.stamping import (
    ANSWER_US,
    DAY,
    FIRST_PAUSE_US,
    LONGEST_PAUSE_US,
    RENEW_BEFORE_US,
    SECOND,
    Order,
    Stamping,
)
from recorder.proof.tokens import Stamp

MINUTE = 60 * SECOND


def stamp(at: int, not_after: int = 3650 * DAY) -> Stamp:
    return Stamp(at, "CN=one", not_after)


def test_every_authority_is_asked_for_the_newest_and_waits_for_nobody() -> None:
    stamping = Stamping(["one", "two"])
    assert stamping.due(0) == [] and stamping.next_at(0) is None
    stamping.offer(b"first", 1)
    one, two = stamping.due(0)
    assert (one.authority, two.authority, one.stamped) == ("one", "two", b"first")
    stamping.succeeded(one, stamp(SECOND), SECOND)
    stamping.offer(b"second", 2)
    (next_one,) = stamping.due(SECOND)
    assert (next_one.authority, next_one.stamped) == ("one", b"second")


def test_while_an_authority_is_gone_only_the_newest_waits_and_pauses_double() -> None:
    stamping = Stamping(["one"])
    asked: list[Order] = []
    for minute in range(600):
        now = minute * MINUTE
        stamping.offer(b"%d" % minute, minute)
        for order in stamping.due(now):
            asked.append(order)
            stamping.failed(order, now)
    assert stamping.unreachable() == {"one": 0}
    pauses = [later.at - earlier.at for earlier, later in pairwise(asked)]
    assert pauses[0] == MINUTE and pauses == sorted(pauses) and pauses[-1] == LONGEST_PAUSE_US
    (order,) = stamping.due(700 * MINUTE)
    assert order.stamped == b"599"
    stamping.succeeded(order, stamp(order.at), order.at)
    assert stamping.unreachable() == {} and stamping.due(order.at) == [] and stamping.next_at(order.at) is None


def test_an_order_without_an_end_has_failed_and_its_late_answer_still_counts() -> None:
    stamping = Stamping(["one"])
    stamping.offer(b"first", 1)
    (order,) = stamping.due(0)
    assert stamping.due(ANSWER_US - 1) == [] and stamping.next_at(0) == ANSWER_US
    assert stamping.due(ANSWER_US) == [] and stamping.next_at(0) == ANSWER_US + FIRST_PAUSE_US
    stamping.succeeded(order, stamp(0), ANSWER_US + 1)
    assert stamping.due(ANSWER_US + FIRST_PAUSE_US) == []


def test_tokens_are_renewed_before_the_last_certificate_ends_once_a_day() -> None:
    stamping = Stamping(["one", "two"])
    assert not stamping.is_renewal_due(0)
    stamping.offer(b"first", 1)
    one, two = stamping.due(0)
    stamping.succeeded(one, stamp(0, 100 * DAY), 0)
    stamping.succeeded(two, stamp(0, 300 * DAY), 0)
    due = 300 * DAY - RENEW_BEFORE_US
    assert not stamping.is_renewal_due(due - 1) and stamping.is_renewal_due(due)
    stamping.offer(b"again", 2)
    for order in stamping.due(due):
        stamping.succeeded(order, stamp(due, 300 * DAY), due)
    assert not stamping.is_renewal_due(due + DAY - 1) and stamping.is_renewal_due(due + DAY)


@given(st.lists(st.sampled_from(["offer", "due", "answer", "fail", "late"]), max_size=60), st.randoms())
def test_in_any_order_of_events_one_order_an_authority_is_open_and_the_newest_gets_stamped(
    events: list[str], chance: Random
) -> None:
    stamping = Stamping(["one", "two"])
    orders: list[Order] = []
    now = size = 0
    for event in events:
        now += chance.randrange(90 * SECOND)
        if event == "offer":
            size += 1
            stamping.offer(b"%d" % size, size)
        elif event == "due":
            given_out = stamping.due(now)
            assert len({order.authority for order in given_out}) == len(given_out)
            assert all(order.size == size for order in given_out)
            orders += given_out
        elif orders:
            order = orders.pop(chance.randrange(len(orders)))
            if event == "fail":
                stamping.failed(order, now)
            else:
                stamping.succeeded(order, stamp(now), now)
    for _ in range(4):
        for order in stamping.due(now := now + LONGEST_PAUSE_US + ANSWER_US):
            stamping.succeeded(order, stamp(now), now)
    assert stamping.next_at(now) is None
