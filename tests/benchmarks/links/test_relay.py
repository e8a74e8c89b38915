"""The relay carries real datagrams as the link says, in the order in which they arrive, and tells what the link did."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from benchmarks.links.relay import Measured, precise, rate_bps, watch
from huishang.demo.link import HEADER_BYTES, NS, Link, Loss, Shape
from huishang.demo.relay import Relay
from tests.patience import PATIENCE_S, until

FROM = ("127.0.0.1", 1)
BITS = (100 + HEADER_BYTES) * 8


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A server's socket and a unit's."""
    with ExitStack() as stack:
        made = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2)]
        for one in made:
            one.bind(("127.0.0.1", 0))
            one.setblocking(False)
        yield made[0], made[1]


async def received(made: socket.socket) -> bytes:
    async with asyncio.timeout(PATIENCE_S):
        return await asyncio.get_running_loop().sock_recv(made, 2048)


def test_datagrams_arrive_in_the_order_of_the_link_and_copies_too() -> None:
    shape = Shape(delay_s=0.01, reordered=0.3, late_s=0.05, doubled=0.3)
    way, twin = Measured(Link(shape, 7)), Link(shape, 7)
    expected: list[tuple[int, int]] = []
    for number in range(50):
        now_ns = number * 10_000_000
        way.send((bytes([number]) * 100, FROM), now_ns / NS)
        expected += [(at_ns, number) for at_ns in twin.send(now_ns, 100)]
    assert way.get_timer() == min(expected)[0] / NS
    assert way.arrived(0.0) == []
    assert [data[0] for data, _ in way.arrived(9.0)] == [number for _, number in sorted(expected)]
    assert way.get_timer() is None


def test_what_the_link_carried_and_queued_is_told_also_of_what_was_lost_after_it() -> None:
    way = Measured(Link(Shape(((0.0, 10 * BITS),), queue_s=1.0, loss=Loss(0.5)), 3))
    for _ in range(30):
        way.send((bytes(100), FROM), 0.0)
    for step in range(4):
        way.sample(step * 0.5)
    # Ten in a second; one more than the queue holds has begun.
    assert way.link.dropped == 19 and way.link.lost > 0
    assert rate_bps(way.carried, 0, NS + 1) == pytest.approx(10 * BITS)
    assert [sample.queued_s for sample in way.samples] == [1.1, pytest.approx(0.6), pytest.approx(0.1), 0.0]
    assert {sample.rate_bps for sample in way.samples} == {10 * BITS}


async def test_real_datagrams_pass_in_both_directions_and_are_counted(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    server, unit = ends
    ways = [Measured(Link(Shape(((0.0, 1e6),), 0.001))) for _ in range(2)]
    async with Relay(server.getsockname(), *ways) as relay:
        sampling = asyncio.create_task(watch(relay))
        unit.sendto(b"there", relay.address)
        async with asyncio.timeout(PATIENCE_S):
            there, seen_as = await asyncio.get_running_loop().sock_recvfrom(server, 2048)
        assert there == b"there" and seen_as != unit.getsockname()
        server.sendto(b"back", seen_as)
        assert await received(unit) == b"back"
        await until("a sample", lambda: relay.uplink.samples and relay.downlink.samples)
        sampling.cancel()
    assert [(way.link.sent, len(way.carried)) for way in ways] == [(1, 1), (1, 1)]


async def test_who_overtakes_does_not_wait_for_whom_it_overtakes(ends: tuple[socket.socket, socket.socket]) -> None:
    server, unit = ends
    # Of the way up the first is late, and by more than this test lasts.
    late = Link(Shape(reordered=0.5, late_s=2 * PATIENCE_S), seed=next(filter(_first_is_late, range(100))))
    async with Relay(server.getsockname(), Measured(late), Measured(Link(Shape()))) as relay:
        for number in range(2):
            unit.sendto(bytes([number]), relay.address)
        assert await received(server) == b"\x01"


def _first_is_late(seed: int) -> bool:
    link = Link(Shape(reordered=0.5, late_s=1.0), seed)
    return [link.send(0, 1)[0] > 0 for _ in range(2)] == [True, False]


def test_the_precise_loop_keeps_time_to_less_than_a_millisecond_of_rounding() -> None:
    async def wait() -> float:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[float] = loop.create_future()
        began = loop.time()
        loop.call_at(began + 0.0101, lambda: ended.set_result(loop.time() - began))
        return await ended

    with asyncio.Runner(loop_factory=precise) as runner:
        # Rounded up to milliseconds none of many would be below; a busy machine lets some be late.
        assert min(runner.run(wait()) for _ in range(50)) < 0.0109
