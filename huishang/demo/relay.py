"""Shell of ``link``: a UDP relay on loopback between one unit and the server that behaves like a bad path."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType

from huishang.demo.link import Link, LinkSettings

Address = tuple[str, int]


class _Port(asyncio.DatagramProtocol):
    def __init__(self, received: Callable[[bytes, Address], None]) -> None:
        self._received = received

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        self._received(data, (str(addr[0]), int(addr[1])))


class UdpRelay:
    """Relays between whoever spoke last to `address` and `target`, each direction over its own ``Link``.

    Use as ``async with UdpRelay(target, settings) as relay``; only IPv4 loopback is offered to the unit.
    """

    def __init__(self, target: Address, settings: LinkSettings) -> None:
        self.target = target
        self.uplink = Link(settings, 0)
        self.downlink = Link(settings, 1)
        self.address: Address = ("127.0.0.1", 0)
        """Where the unit sends to; known once entered."""
        self._unit: Address | None = None
        self._timers: dict[Link, asyncio.TimerHandle] = {}

    async def __aenter__(self) -> UdpRelay:
        self._loop = asyncio.get_running_loop()
        self._inner, _ = await self._loop.create_datagram_endpoint(
            lambda: _Port(self._from_unit), local_addr=("127.0.0.1", 0)
        )
        self._outer, _ = await self._loop.create_datagram_endpoint(
            lambda: _Port(self._from_server), remote_addr=self.target
        )
        self.address = self._inner.get_extra_info("sockname")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._inner.close()
        self._outer.close()

    def _from_unit(self, data: bytes, address: Address) -> None:
        self._unit = address
        self.uplink.send(data, self._loop.time())
        self._arm(self.uplink, self._to_server)

    def _from_server(self, data: bytes, _address: Address) -> None:
        self.downlink.send(data, self._loop.time())
        self._arm(self.downlink, self._to_unit)

    def _arm(self, link: Link, deliver: Callable[[bytes], None]) -> None:
        when = link.get_timer()
        if when is not None and link not in self._timers:
            self._timers[link] = self._loop.call_at(when, self._fire, link, deliver)

    def _fire(self, link: Link, deliver: Callable[[bytes], None]) -> None:
        del self._timers[link]
        # A timer may fire a clock tick early; what is due is then still under way and re-armed.
        for datagram in link.arrived(self._loop.time()):
            deliver(datagram)
        self._arm(link, deliver)

    def _to_server(self, datagram: bytes) -> None:
        self._outer.sendto(datagram)

    def _to_unit(self, datagram: bytes) -> None:
        if self._unit is not None:
            self._inner.sendto(datagram, self._unit)
