"""Refusals gathered for the journal, in virtual time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dispatch.entry import Origin
from signaling.auth.refusals import EVERY_S, MAX_KEPT, NOBODY, Refusals, Refused

FROM = Origin(ip="192.0.2.1")


def test_first_is_due_at_once_and_the_next_as_a_sum_a_minute_later() -> None:
    refusals = Refusals()
    refusals.note("zhang", FROM, 100.0)
    assert refusals.get_timer() == 100.0
    assert refusals.handle_timer(100.0) == [Refused("zhang", 1, FROM)]
    for second in range(1, 40):
        refusals.note("zhang", Origin(ip=f"192.0.2.{second}"), 100.0 + second)
    assert refusals.handle_timer(159.9) == [] and refusals.get_timer() == 160.0
    assert refusals.handle_timer(160.0) == [Refused("zhang", 39, Origin(ip="192.0.2.39"))]


def test_login_that_was_quiet_is_forgotten_and_begins_anew() -> None:
    refusals = Refusals()
    refusals.note("zhang", FROM, 0.0)
    refusals.handle_timer(0.0)
    assert refusals.handle_timer(EVERY_S) == [] and refusals.get_timer() is None
    refusals.note("zhang", FROM, EVERY_S + 1)
    assert refusals.handle_timer(EVERY_S + 1) == [Refused("zhang", 1, FROM)]


def test_what_is_left_is_told_at_the_end() -> None:
    refusals = Refusals()
    refusals.note("zhang", FROM, 0.0)
    refusals.handle_timer(0.0)
    refusals.note("zhang", FROM, 1.0)
    refusals.note("li", FROM, 1.0)
    assert refusals.rest() == [Refused("zhang", 1, FROM), Refused("li", 1, FROM)]
    assert refusals.rest() == [] and refusals.get_timer() is None


def test_people_told_apart_are_bounded_and_the_rest_is_nobodys() -> None:
    refusals = Refusals()
    for number in range(MAX_KEPT + 20):
        refusals.note(f"person{number}", FROM, 0.0)
    written = refusals.handle_timer(0.0)
    assert len(written) == MAX_KEPT + 1 and written[-1] == Refused(NOBODY, 20, FROM)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 100)), max_size=100))
def test_every_refusal_is_counted_once_and_each_login_written_once_a_minute(steps: list[tuple[str, float]]) -> None:
    refusals, now = Refusals(), 0.0
    written: list[tuple[float, Refused]] = []
    for person, pause in steps:
        now += pause
        refusals.note(person, FROM, now)
        written += [(now, item) for item in refusals.handle_timer(now)]
    written += [(now, item) for item in refusals.rest()]
    assert sum(item.count for _, item in written) == len(steps)
    for person in "abc":
        times = [at for at, item in written if item.person == person]
        assert len(times) <= now / EVERY_S + 2
