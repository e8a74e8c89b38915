"""The link in virtual time carries what its shape says, and the same again for the same seed."""

from hypothesis import given, settings
from hypothesis import strategies as st

from huishang.demo.link import HEADER_BYTES, NS, Link, Loss, Shape

SIZE = 1_172
PACKETS = 4_000
BITS = (SIZE + HEADER_BYTES) * 8


def arrivals(link: Link, count: int, every_ns: int) -> list[list[int]]:
    return [link.send(number * every_ns, SIZE) for number in range(count)]


def test_a_link_without_a_bound_only_delays() -> None:
    assert arrivals(Link(Shape(delay_s=0.25)), 3, NS) == [[250_000_000], [1_250_000_000], [2_250_000_000]]


def test_a_rate_is_kept_and_changes_when_it_says() -> None:
    link = Link(Shape(rates=((0.0, 100 * BITS), (10.0, 25 * BITS)), queue_s=100.0))
    came = [at for copies in arrivals(link, 2_000, NS // 200) for at in copies]
    assert sum(at <= 10 * NS for at in came) == 1_000
    assert sum(20 * NS < at <= 30 * NS for at in came) == 250


def test_the_times_of_rates_count_from_where_they_are_begun() -> None:
    link = Link(Shape(rates=((float("-inf"), 2e6), (1.0, 1e6))))
    link.begin(5 * NS)
    assert [link.rate_bps(at_ns) for at_ns in (0, 6 * NS - 1, 6 * NS)] == [2e6, 2e6, 1e6]


def test_what_would_wait_longer_than_the_queue_allows_is_dropped() -> None:
    link = Link(Shape(rates=((0.0, 10 * BITS),), queue_s=0.5))
    came = [copies for copies in arrivals(link, 100, 0) if copies]
    # One on its way and five waiting; who waits exactly as long as allowed still gets in.
    assert len(came) == 6
    assert link.dropped == 94 and came[-1] == [600_000_000]
    assert link.queued_s(0) == 0.6


@settings(max_examples=30)
@given(share=st.floats(0.01, 0.4), burst=st.floats(1.0, 20.0), seed=st.integers(0, 2**32))
def test_loss_has_its_share_and_its_bursts(share: float, burst: float, seed: int) -> None:
    link = Link(Shape(loss=Loss(share, burst)), seed)
    lost = [not copies for copies in arrivals(link, PACKETS, 1)]
    runs = sum(now and not before for before, now in zip([False, *lost], lost, strict=False))
    spread = (share * (1 - share) * 2 * burst / PACKETS) ** 0.5
    assert abs(sum(lost) / PACKETS - share) < 6 * spread + 0.002
    # Of a few bursts the mean says nothing. Two may touch; they never come apart.
    assert runs < 50 or sum(lost) / runs > 0.6 * burst


@given(seed=st.integers(0, 2**32))
def test_jitter_keeps_the_order_and_the_same_seed_gives_the_same_link(seed: int) -> None:
    shape = Shape(((0.0, 1e6),), 0.05, 1.0, Loss(0.05, 3.0), jitter_s=0.03, doubled=0.1)
    came = arrivals(Link(shape, seed), 200, 10_000_000)
    assert came == arrivals(Link(shape, seed), 200, 10_000_000)
    order = [copies[0] for copies in came if copies]
    assert order == sorted(order)
    assert all(len(set(copies)) <= 1 for copies in came)


def test_what_is_reordered_comes_after_its_followers() -> None:
    link = Link(Shape(delay_s=0.01, reordered=0.2, late_s=0.05))
    order = [copies[0] for copies in arrivals(link, 500, 10_000_000)]
    late = [at - number * 10_000_000 for number, at in enumerate(order)]
    assert set(late) == {10_000_000, 60_000_000}
    assert 60 < late.count(60_000_000) < 140
