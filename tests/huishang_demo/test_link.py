import pytest
from hypothesis import given
from hypothesis import strategies as st

from huishang.demo.link import QUEUE_DATAGRAMS, Link, LinkSettings


def run(link: Link[bytes], count: int, every_s: float = 0.01) -> list[tuple[int, float]]:
    """Send numbered datagrams and return (number, arrival time) in order of arrival."""
    out = []
    now = 0.0
    for number in range(count):
        link.send(number.to_bytes(4, "big"), now)
        now += every_s
    while (when := link.get_timer()) is not None:
        out += [(int.from_bytes(datagram, "big"), when) for datagram in link.arrived(when)]
    return out


def test_same_seed_loses_the_same_datagrams() -> None:
    settings = LinkSettings(loss=0.1, delay_s=0.05, jitter_s=0.02, seed=3)
    assert run(Link(settings), 500) == run(Link(settings), 500)


def test_directions_of_one_seed_differ() -> None:
    settings = LinkSettings(loss=0.1, seed=3)
    assert run(Link(settings, 0), 500) != run(Link(settings, 1), 500)


def test_loss_and_delay_are_about_what_was_asked() -> None:
    link: Link[bytes] = Link(LinkSettings(loss=0.03, delay_s=0.08, jitter_s=0.015, seed=1))
    arrived = run(link, 10_000)
    assert 0.022 < link.lost / 10_000 < 0.038
    delays = [when - number * 0.01 for number, when in arrived]
    assert 0.078 < sum(delays) / len(delays) < 0.095


@given(st.floats(0, 1), st.floats(0, 2), st.floats(0, 1), st.integers(0, 1_000_000), st.integers(1, 200))
def test_nothing_is_invented_reordered_or_early(
    loss: float, delay: float, jitter: float, seed: int, count: int
) -> None:
    link: Link[bytes] = Link(LinkSettings(loss, delay, jitter, seed))
    arrived = run(link, count)
    numbers = [number for number, _ in arrived]
    assert numbers == sorted(set(numbers))
    assert len(numbers) + link.lost + link.overflowed == count
    assert all(when >= number * 0.01 - 1e-9 for number, when in arrived)


def test_full_queue_drops_and_counts() -> None:
    link: Link[bytes] = Link(LinkSettings(delay_s=10))
    for _ in range(QUEUE_DATAGRAMS + 5):
        link.send(b"x", 0.0)
    assert link.overflowed == 5


@pytest.mark.parametrize("now", [0.0, 0.0799])
def test_nothing_arrives_before_its_time(now: float) -> None:
    link: Link[bytes] = Link(LinkSettings(delay_s=0.08))
    link.send(b"x", 0.0)
    assert link.arrived(now) == []
    assert link.arrived(0.08) == [b"x"]
    assert link.get_timer() is None
