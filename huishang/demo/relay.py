"""A UDP relay on loopback between one unit and the server that behaves like a bad path; the path is a core (``way``).

Like an address translator it shows the server another port for each of the unit's: a browser tries several at once, and
what answers one of them is nothing to the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

from huishang.demo.link import Shape
from huishang.demo.way import Address, Way, both

MAX_DATAGRAM_BYTES: Final = 65_535
#: More of the unit's addresses are not relayed.
MAX_ADDRESSES: Final = 64
#: A keyframe comes in one go and must not be lost before the path has had its say; the kernel may grant less.
BUFFER_BYTES: Final = 1 << 20


W = TypeVar("W", bound=Way)


class _Port(asyncio.DatagramProtocol):
    def __init__(self, received: Callable[[bytes, Address], None]) -> None:
        self._received = received

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        self._received(data, (str(addr[0]), int(addr[1])))


class Relay(Generic[W]):
    """Relays between whoever speaks to `address` and `target`, each direction over a way of its own.

    Use as ``async with Relay(target, uplink, downlink) as relay``; only IPv4 loopback is offered to the unit.
    """

    def __init__(self, target: Address, uplink: W, downlink: W) -> None:
        self.target = target
        self.uplink = uplink
        self.downlink = downlink
        self.address: Address = ("127.0.0.1", 0)
        """Where the unit sends to; known once entered."""
        self._outer: dict[Address, socket.socket] = {}  # towards the server, by the unit's address
        self._timers: dict[W, tuple[float, asyncio.Handle]] = {}
        """With when it fires: uvloop's handle of what is due within a millisecond does not tell."""

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._inner, _ = await self._loop.create_datagram_endpoint(
            lambda: _Port(self._from_unit), local_addr=("127.0.0.1", 0)
        )
        self.address = self._inner.get_extra_info("sockname")
        self._inner.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _, timer in self._timers.values():
            timer.cancel()
        self._inner.close()
        for outer in self._outer.values():
            self._loop.remove_reader(outer)
            outer.close()

    def _from_unit(self, data: bytes, address: Address) -> None:
        if address not in self._outer:
            if len(self._outer) >= MAX_ADDRESSES:
                return
            outer = self._outer[address] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            outer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
            outer.connect(self.target)
            self._loop.add_reader(outer, self._from_server, outer, address)
        self.uplink.send((data, address), self._loop.time())
        self._arm(self.uplink, self._to_server)

    def _from_server(self, outer: socket.socket, address: Address) -> None:
        try:
            data = outer.recv(MAX_DATAGRAM_BYTES)
        except OSError:
            return  # nothing there after all, or the server's port is closed
        self.downlink.send((data, address), self._loop.time())
        self._arm(self.downlink, self._to_unit)

    def _arm(self, way: W, deliver: Callable[[bytes, Address], None]) -> None:
        when, armed = way.get_timer(), self._timers.get(way)
        if when is None or (armed is not None and armed[0] <= when):
            return
        # What was sent last may overtake what the timer waits for.
        if armed is not None:
            armed[1].cancel()
        self._timers[way] = when, self._loop.call_at(when, self._fire, way, deliver)

    def _fire(self, way: W, deliver: Callable[[bytes, Address], None]) -> None:
        del self._timers[way]
        # A timer may fire a clock tick early; what is due is then still under way and re-armed.
        for datagram in way.arrived(self._loop.time()):
            deliver(*datagram)
        self._arm(way, deliver)

    def _to_server(self, datagram: bytes, address: Address) -> None:
        with contextlib.suppress(OSError):  # full, or nobody there: lost, as on any way
            self._outer[address].send(datagram)

    def _to_unit(self, datagram: bytes, address: Address) -> None:
        self._inner.sendto(datagram, address)


class UdpRelay(Relay[Way]):
    """A relay over the same shape in both directions; use as ``async with UdpRelay(target, shape) as relay``."""

    def __init__(self, target: Address, shape: Shape, seed: int = 1) -> None:
        super().__init__(target, *both(shape, seed))
