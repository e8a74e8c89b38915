"""The asyncio shell of `Peer`: one UDP socket, one timer, SRTP.

The socket is unconnected while ICE looks for a path and connected to the chosen address afterwards, so that
the kernel filters strangers and fixes our own address.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

import pylibsrtp

from media.rtp.header import is_rtcp
from signaling.client.errors import ConnectFailed
from signaling.client.peer import Closed, Connected, MediaReceived, PathSelected, Peer
from signaling.client.srtp import MAX_PACKET_BYTES, open_sessions
from signaling.ice.types import Address, Credentials

PacketHandler = Callable[[bytes], None]

_DATAGRAM_BYTES = 2048
#: Datagrams read in one wake-up, so that a flood leaves room for the rest of the loop.
_READS_PER_WAKE = 64
_BUFFER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Detached:
    """A connection taken over from its transport.

    Whoever holds it owns `socket` (non-blocking, connected), must feed `peer` with datagrams whose first byte
    is below 64, call its timer and send what it says, or the other side's consent ends after 30 s.
    """

    socket: socket.socket
    tx: pylibsrtp.Session
    rx: pylibsrtp.Session
    peer: Peer


@dataclass(slots=True)
class TransportCounters:
    """Packets that were not delivered, by reason."""

    unsendable: int = 0
    """The socket would have blocked or the network refused."""
    unauthentic: int = 0
    """Replayed or not made with the peer's key."""


def _ignore(packet: bytes) -> None:
    return None


class Transport:
    """Runs one `Peer`; `closed` yields why it ended (also after `close`, with code "closed")."""

    def __init__(self, peer: Peer, on_rtp: PacketHandler = _ignore, on_rtcp: PacketHandler = _ignore) -> None:
        """Set up inside a running loop; the handlers get decrypted packets and must not block."""
        self.peer = peer
        self.on_rtp = on_rtp
        self.on_rtcp = on_rtcp
        self.counters = TransportCounters()
        self.round_trip_seconds = 0.0
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[Closed] = self._loop.create_future()
        self._connected: asyncio.Future[Connected] = self._loop.create_future()
        self._socket: socket.socket | None = None
        self._family = socket.AF_INET
        self._path: Address | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._tx: pylibsrtp.Session | None = None
        self._rx: pylibsrtp.Session | None = None

    @property
    def is_connected(self) -> bool:
        """Whether packets can be sent."""
        return self._tx is not None and not self.closed.done()

    @property
    def silent_seconds(self) -> float:
        """For how long the other side has not answered our checks, 0 when it is not asked."""
        answered = self.peer.ice.last_answer
        return 0.0 if answered is None else time.monotonic() - answered

    def has_moved(self) -> bool:
        """Whether packets to the other side would now leave from another address than the path's; nothing is sent."""
        if self._socket is None or self._path is None:
            return False
        with socket.socket(self._family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(self._destination(self._path))
            except OSError:
                return False  # no network at all: there is nowhere to go yet
            return bool(probe.getsockname()[0] != self._socket.getsockname()[0])

    async def connect(self, candidates: tuple[Address, ...], timeout_seconds: float = 20.0) -> Connected:
        """Open the socket and wait until media may flow.

        Raises ConnectFailed; the transport is closed then.
        """
        try:
            self._open(candidates)
            self.peer.start(time.monotonic())
            self._drain()
            await asyncio.wait(
                (self._connected, self.closed), timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED
            )
        except OSError as error:
            self.close()
            raise ConnectFailed("ice-failed", str(error)) from None
        except asyncio.CancelledError:
            self.close()
            raise
        if self._connected.done():
            return self._connected.result()
        if self.closed.done():
            closed = self.closed.result()
            raise ConnectFailed(closed.code, closed.reason)
        self.close()
        raise ConnectFailed("connect-timeout", f"no connection within {timeout_seconds:g} s")

    def restart(self, local: Credentials, remote: Credentials, candidates: tuple[Address, ...]) -> None:
        """Begin an ICE restart on a fresh socket, as a changed network needs.  Raises OSError."""
        if self.closed.done():
            return
        self._open(candidates)
        self.peer.restart(local, remote, candidates, time.monotonic())
        self._drain()

    def send_rtp(self, packet: bytes) -> None:
        """Protect and send; silently counted when it cannot be sent now.

        Raises pylibsrtp.Error when (SSRC, sequence) was sent before, ValueError above 1,352 bytes.
        """
        if len(packet) > MAX_PACKET_BYTES:
            raise ValueError("RTP packet too long")
        if self._tx is not None:
            self._send(self._tx.protect(packet), self._path)

    def send_rtcp(self, packet: bytes) -> None:
        """Protect and send a compound packet; see `send_rtp`."""
        if len(packet) > MAX_PACKET_BYTES:
            raise ValueError("RTCP packet too long")
        if self._tx is not None:
            self._send(self._tx.protect_rtcp(packet), self._path)

    def detach(self) -> Detached:
        """Hand everything over to the caller and forget it; only when connected."""
        if self._socket is None or self._tx is None or self._rx is None or self.closed.done():
            raise ConnectFailed("closed", "the transport is not connected")
        detached = Detached(self._socket, self._tx, self._rx, self.peer)
        self._loop.remove_reader(self._socket.fileno())
        self._socket = None
        self._finish(Closed("detached", "the connection was taken over"))
        return detached

    def close(self) -> None:
        """Tell the other side and free everything; may be called any number of times."""
        if not self.closed.done():
            self.peer.close()
            self._flush()
            self._finish(Closed("closed", "closed by us"))

    def _open(self, candidates: tuple[Address, ...]) -> None:
        """(Re)place the socket; one of IPv6 serves IPv4 candidates too (RFC 3493 section 3.7)."""
        family = socket.AF_INET6 if any(":" in host for host, _ in candidates) else socket.AF_INET
        try:
            fresh = socket.socket(family, socket.SOCK_DGRAM)
        except OSError:
            if all(":" in host for host, _ in candidates):
                raise
            family = socket.AF_INET
            fresh = socket.socket(family, socket.SOCK_DGRAM)
        fresh.setblocking(False)
        if family == socket.AF_INET6:
            fresh.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        fresh.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        fresh.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        fresh.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", 0))
        self._discard_socket()
        self._socket, self._family, self._path = fresh, family, None
        self._loop.add_reader(fresh.fileno(), self._readable)

    def _discard_socket(self) -> None:
        if self._socket is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _readable(self) -> None:
        now = time.monotonic()
        for _ in range(_READS_PER_WAKE):
            if self._socket is None:
                return
            try:
                datagram, source = self._socket.recvfrom(_DATAGRAM_BYTES)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                # An ICMP error of something sent before; consent decides whether it matters.
                continue
            host = source[0].removeprefix("::ffff:") if "." in source[0] else source[0]
            self.peer.receive(datagram, (host, source[1]), now)
            self._dispatch()
        self._drain()

    def _drain(self) -> None:
        self._dispatch()
        self._flush()
        self._dispatch()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.peer.get_timer()
        if due is not None and not self.closed.done():
            self._timer = self._loop.call_later(max(0.0, due - time.monotonic()), self._expired)

    def _expired(self) -> None:
        self._timer = None
        self.peer.handle_timer(time.monotonic())
        self._drain()

    def _dispatch(self) -> None:
        while (event := self.peer.next_event()) is not None:
            if isinstance(event, MediaReceived):
                self._media(event.packet)
            elif isinstance(event, PathSelected):
                self.round_trip_seconds = event.round_trip_seconds
                self._connect_socket(event.address)
            elif isinstance(event, Connected):
                self._tx, self._rx = open_sessions(event)
                if not self._connected.done():
                    self._connected.set_result(event)
            else:
                self._flush()
                self._finish(event)

    def _media(self, packet: bytes) -> None:
        assert self._rx is not None
        try:
            if is_rtcp(packet):
                self.on_rtcp(self._rx.unprotect_rtcp(packet))
            else:
                self.on_rtp(self._rx.unprotect(packet))
        except (pylibsrtp.Error, ValueError):
            self.counters.unauthentic += 1

    def _connect_socket(self, address: Address) -> None:
        if self._socket is None:
            return
        self._flush()  # what was meant for other candidates
        try:
            self._socket.connect(self._destination(address))
        except OSError:
            return  # stays unconnected, which works too
        self._path = address

    def _destination(self, address: Address) -> tuple[str, int]:
        host, port = address
        mapped = self._family == socket.AF_INET6 and ":" not in host
        return (f"::ffff:{host}" if mapped else host, port)

    def _flush(self) -> None:
        for datagram, address in self.peer.datagrams_to_send():
            self._send(datagram, address)

    def _send(self, datagram: bytes, address: Address | None) -> None:
        if self._socket is None:
            return
        try:
            if self._path is not None:
                if address == self._path:
                    self._socket.send(datagram)
            elif (target := address or self.peer.address) is not None:
                self._socket.sendto(datagram, self._destination(target))
        except OSError as error:
            if error.errno != errno.ECONNREFUSED:
                self.counters.unsendable += 1

    def _finish(self, reason: Closed) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._discard_socket()
        self._tx = None
        if not self.closed.done():
            self.closed.set_result(reason)
