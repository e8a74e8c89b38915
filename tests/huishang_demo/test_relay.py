import asyncio
from functools import partial
from typing import Any, cast

import uvloop

from huishang.demo.link import Loss, Shape
from huishang.demo.relay import UdpRelay
from tests.patience import PATIENCE_S, until


class Peer(asyncio.DatagramProtocol):
    """Collects datagrams; echoes them when told to."""

    def __init__(self, echo: bool) -> None:
        self.echo = echo
        self.inbox: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        self.inbox.put_nowait((asyncio.get_running_loop().time(), data))
        if self.echo:
            self.transport.sendto(data, addr)


async def open_peer(echo: bool) -> Peer:
    _, peer = await asyncio.get_running_loop().create_datagram_endpoint(lambda: Peer(echo), local_addr=("127.0.0.1", 0))
    return peer


async def test_datagrams_go_there_and_back_after_twice_the_delay() -> None:
    server, unit = await open_peer(echo=True), await open_peer(echo=False)
    target = server.transport.get_extra_info("sockname")
    loop = asyncio.get_running_loop()
    try:
        async with UdpRelay(target, Shape(delay_s=0.05)) as relay, asyncio.timeout(PATIENCE_S):
            sent = loop.time()
            for number in range(5):
                unit.transport.sendto(bytes([number]), relay.address)
            got = [await unit.inbox.get() for _ in range(5)]
            assert [data for _, data in got] == [bytes([number]) for number in range(5)]
            assert got[0][0] - sent >= 0.099
    finally:
        server.transport.close()
        unit.transport.close()


def test_burst_that_is_due_at_once_goes_through_in_the_loop_that_units_run_in() -> None:
    faults: list[dict[str, Any]] = []

    async def burst() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
        server, unit = await open_peer(echo=True), await open_peer(echo=False)
        target = server.transport.get_extra_info("sockname")
        try:
            async with UdpRelay(target, Shape(delay_s=0.0002)) as relay, asyncio.timeout(PATIENCE_S):
                for number in range(50):
                    unit.transport.sendto(bytes([number]), relay.address)
                got = [await unit.inbox.get() for _ in range(50)]
                assert [data for _, data in got] == [bytes([number]) for number in range(50)]
        finally:
            server.transport.close()
            unit.transport.close()

    uvloop.run(burst())
    assert faults == []


async def test_lossy_relay_loses_and_counts() -> None:
    server, unit = await open_peer(echo=False), await open_peer(echo=False)
    target = server.transport.get_extra_info("sockname")
    try:
        async with UdpRelay(target, Shape(loss=Loss(0.5)), 9) as relay, asyncio.timeout(PATIENCE_S):

            def decided(lost_before: int) -> bool:
                return relay.uplink.link.lost > lost_before or not server.inbox.empty()

            # One in flight at a time, so that no kernel queue decides what is lost.
            for number in range(100):
                unit.transport.sendto(bytes([number]), relay.address)
                await until("its fate", partial(decided, relay.uplink.link.lost))
                if not server.inbox.empty():
                    server.inbox.get_nowait()
            assert 30 < relay.uplink.link.lost < 70
    finally:
        server.transport.close()
        unit.transport.close()
