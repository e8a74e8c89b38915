"""The estimate of a viewer's link, in virtual time: near the truth, soon after a change, whatever the viewer claims."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huishang.demo.link import NS, Link, Loss, Shape
from media.plane import estimate
from media.plane.estimate import Estimator
from media.plane.twcc import Recorder
from tests.media.plane.way import VIEWER_NS, Way, World

LEAST, MOST = 50_000, 100_000_000
STEP = ((0.0, 1.5e6), (20.0, 4e5), (40.0, 1.5e6))


def way(
    world: World, shape: Shape, *, seed: int = 1, wants_bps: float = 1e9, down: Link | None = None, first_ns: int = 0
) -> Way:
    """A viewer behind a link of this shape, whose feedback takes as long and is never lost."""
    down = down or Link(shape, seed, world.now_ns)
    return Way(world, down, Link(Shape(delay_s=shape.delay_s)), Estimator(), wants_bps=wants_bps, first_ns=first_ns)


def after(shape: Shape, seconds: float, *, seed: int = 1, wants_bps: float = 1e9) -> Way:
    world = World()
    made = way(world, shape, seed=seed, wants_bps=wants_bps)
    world.run(seconds)
    return made


def test_an_estimate_fits_its_budget() -> None:
    assert estimate.ESTIMATE_BYTES <= 1536


@settings(max_examples=20, deadline=None)
@given(
    rate=st.floats(3e5, 3e6),
    rtt=st.sampled_from([0.02, 0.06, 0.2, 0.6]),
    loss=st.sampled_from([0.0, 0.02, 0.05]),
    seed=st.integers(0, 2**32),
)
def test_it_is_near_the_true_rate_and_the_queue_stays_short(rate: float, rtt: float, loss: float, seed: int) -> None:
    made = after(Shape(((0.0, rate),), rtt / 2, 1.0, Loss(loss)), 40.0, seed=seed)
    assert 0.85 * rate <= made.mean_bps(21, 41) <= 1.1 * rate
    assert made.queue_s(21, 41) <= 0.3


@settings(max_examples=6, deadline=None)
@given(rtt=st.sampled_from([0.06, 0.6]), loss=st.sampled_from([0.0, 0.05]), seed=st.integers(0, 2**32))
def test_it_follows_a_link_that_becomes_thin_and_wide_again(rtt: float, loss: float, seed: int) -> None:
    made = after(Shape(STEP, rtt / 2, 0.3, Loss(loss)), 60.0, seed=seed)
    soon = 21 + 2 + 4 * rtt
    assert all(bps < 1.7 * 4e5 for at, bps in made.estimates if soon <= at < soon + 5)
    assert 0.65 * 4e5 <= made.mean_bps(soon, 41) <= 1.1 * 4e5
    # Of what is not lost, most of the link is used again within ten seconds.
    assert max(made.rate_bps(at, at + 2) for at in range(41, 50)) >= 0.7 * 1.5e6 * (1 - loss)


@pytest.mark.parametrize(("rtt", "longest_s"), [(0.06, 0.65), (0.6, 1.1)])
def test_a_link_that_falls_below_what_is_sent_is_known_before_its_queue_is_long(rtt: float, longest_s: float) -> None:
    world = World()
    made = way(world, Shape(STEP, rtt / 2, 1.0), wants_bps=1.2e6)
    world.run(30.0)
    assert made.queue_s(21, 31, share=1.0) <= longest_s
    # What the full link dropped was no loss of its own, and when its queue has gone it is used again at once.
    again = next(at for at, bps in made.estimates if at > 22 and bps >= 0.9 * 4e5)
    # Half of the link goes on being filled meanwhile.
    assert again <= 21 + 2 * rtt + 2.5 * longest_s
    assert min(bps for at, bps in made.estimates if at > again) >= 0.7 * 4e5


def test_feedback_that_is_lost_does_not_make_a_link_look_thinner() -> None:
    world = World()
    shape = Shape(((0.0, 4e5),), 0.03, 1.0, Loss(0.05))
    made = way(world, shape)
    made.up = Link(Shape(delay_s=0.03, loss=Loss(0.2)), 3)
    world.run(40.0)
    assert 0.85 * 4e5 <= made.mean_bps(11, 41) <= 1.05 * 4e5
    assert min(bps for at, bps in made.estimates if at > 11) >= 0.6 * 4e5


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_keyframe_some_of_which_is_lost_does_not_make_a_link_look_thinner(seed: int) -> None:
    world = World()
    made = way(world, Shape(((0.0, 1.5e6),), 0.03, 1.0, Loss(0.05)), seed=seed, wants_bps=1.1e6)
    world.every(3 * NS, lambda: made.owe(15_000), 10 * NS)
    world.run(60.0)
    assert min(bps for at, bps in made.estimates if at > 11) >= 0.82 * 1.5e6


@pytest.mark.parametrize("rtt", [0.06, 0.6])
def test_two_who_share_a_link_come_to_equal_shares(rtt: float) -> None:
    world = World()
    shape = Shape(((0.0, 2e6),), rtt / 2, 1.0)
    shared = Link(shape, 1, world.now_ns)
    both = [way(world, shape, down=shared, first_ns=first_ns) for first_ns in (0, 10 * NS)]
    world.run(120.0)
    for made in both:
        assert 0.7e6 <= made.rate_bps(61, 121) <= 1.3e6


def test_a_link_that_does_not_even_carry_the_sound_is_known_for_one() -> None:
    made = after(Shape(((0.0, 4e4),), 0.03, 3.0), 20.0, wants_bps=48_000)
    assert max(bps for at, bps in made.estimates if at > 3) < 80_000


def test_a_link_that_drops_instead_of_queueing_is_not_overrun_for_long() -> None:
    made = after(Shape(((0.0, 1e6),), 0.03, 0.02), 60.0)
    assert 0.6e6 <= made.mean_bps(31, 61) <= 1.2e6


@pytest.mark.parametrize("burst", [1.0, 4.0])
def test_loss_that_no_decrease_lessens_is_the_links_own(burst: float) -> None:
    made = after(Shape(((0.0, 1e6),), 0.03, 1.0, Loss(0.2, burst)), 60.0)
    assert 0.6e6 <= made.mean_bps(31, 61) <= 1.2e6


def test_jitter_is_not_taken_for_a_queue() -> None:
    made = after(Shape(((0.0, 1e6),), 0.03, 1.0, jitter_s=0.04), 60.0)
    assert 0.8e6 <= made.mean_bps(31, 61) <= 1.2e6


def test_who_wants_little_is_given_room_and_no_belief() -> None:
    made = after(Shape(((0.0, 3e6),), 0.03, 1.0), 40.0, wants_bps=3e5)
    assert 1.2 * 3e5 <= made.mean_bps(21, 41) <= 2 * 3e5


def test_a_way_that_becomes_longer_is_not_taken_for_a_queue_for_ever() -> None:
    world = World()
    made = way(world, Shape(((0.0, 1e6),), 0.03, 1.0))
    world.run(20.0)
    made.down = Link(Shape(((0.0, 1e6),), 0.18, 1.0), 1, world.now_ns)
    world.run(40.0)
    assert 0.7e6 <= made.mean_bps(41, 61) <= 1.2e6


def test_silence_halves_it_down_to_the_least_and_a_word_brings_it_back() -> None:
    world = World()
    made = way(world, Shape(((0.0, 1e6),), 0.03, 1.0))
    world.run(20.0)
    up, made.up = made.up, Link(Shape(loss=Loss(1.0)))
    world.run(30.0)
    assert made.estimator.bps == LEAST
    made.up = up
    world.run(30.0)
    assert made.mean_bps(71, 81) >= 0.7e6


def test_the_viewers_clock_may_wrap_and_be_set() -> None:
    world = World()
    made = way(world, Shape(((0.0, 1e6),), 0.03, 1.0))
    # The wire's clock has 24 bits of 64 ms.
    made.viewer_ns = 2**24 * 64_000_000 - 15 * NS
    world.run(40.0)
    made.viewer_ns += 3600 * NS
    world.run(40.0)
    assert 0.8e6 <= made.mean_bps(21, 41) <= 1.2e6
    assert 0.8e6 <= made.mean_bps(61, 81) <= 1.2e6


def test_wide_numbers_that_go_round_are_no_loss_and_no_queue() -> None:
    estimator, recorder, now_ns = Estimator(), Recorder(), NS
    for _ in range(1_400):
        for _ in range(50):
            recorder.record(estimator.sent(now_ns, 1_200), now_ns + VIEWER_NS)
            now_ns += NS // 1_000
        while packet := recorder.build():
            assert estimator.receive(packet, now_ns)
    assert (estimator.facts["loss"], estimator.facts["draining"]) == (0, 0)
    assert estimator.facts["queue_us"] < 1_000
    assert estimator.bps > 1.2 * 9.6e6


def test_a_viewer_who_claims_that_all_came_at_once_is_given_no_more_than_a_half_beyond_what_was_sent() -> None:
    world = World()
    made = way(world, Shape(), wants_bps=1e6)
    world.run(60.0)
    assert made.estimator.bps <= 1.75e6


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 40), st.integers(0, 1500), st.integers(-(10**11), 10**11), st.integers(0, 10**10)),
        max_size=60,
    )
)
def test_whatever_is_claimed_it_stays_within_its_bounds(claims: list[tuple[int, int, int, int]]) -> None:
    estimator, recorder = Estimator(500_000, LEAST, MOST), Recorder()
    now_ns = NS
    for count, size_bytes, arrival_ns, passed_ns in claims:
        for _ in range(count):
            recorder.record(estimator.sent(now_ns, size_bytes), max(VIEWER_NS + now_ns + arrival_ns, 0))
        now_ns += passed_ns
        while packet := recorder.build():
            estimator.receive(packet, now_ns)
        estimator.silence(now_ns)
        assert LEAST <= estimator.bps <= MOST


def test_feedback_of_what_was_never_sent_is_refused_and_changes_nothing() -> None:
    estimator = Estimator()
    before = estimator.facts
    forged = struct.pack("!BBHLLHHLHBB", 0x8F, 205, 5, 1, 2, 7, 2, 0, 0xD000, 4, 4)
    assert not estimator.receive(forged, NS)
    assert estimator.facts == before
