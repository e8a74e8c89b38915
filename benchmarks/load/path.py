"""One connected peer as the load threads take it over: its socket, its keys, and what was negotiated."""

import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

# A frame burst to a viewer that is looked at every few milliseconds must fit; the kernel doubles it.
RECEIVE_BUFFER_BYTES = 1 << 20
SO_TIMESTAMPNS = 35
CONTROL_BYTES = 64
_TIMESPEC = struct.Struct("@qq")


class Keys(Protocol):
    """Two libsrtp contexts that stay alive as long as this object."""

    @property
    def pointers(self) -> tuple[int, int]:
        """Addresses of the sending and the receiving `srtp_t`."""


@dataclass(frozen=True, slots=True)
class Path:
    """A transport whose handshakes are done. Whoever made it keeps nothing: no other thread may use the keys."""

    socket: socket.socket
    """Connected UDP socket, or with `framed` a TCP socket."""
    keys: Keys | None = None
    """SRTP contexts; None: plain RTP, and a viewer sends no RTCP."""
    transport_cc_id: int = 0
    """Header extension id of the transport-wide sequence number, 0 when it was not negotiated."""
    audio_payload_types: frozenset[int] = frozenset()
    consent: tuple[bytes, ...] = ()
    """STUN binding requests of equal length, sent in turn as consent checks."""
    framed: bool = False
    """Packets stand behind their lengths (RFC 4571)."""

    def prepare(self) -> None:
        """Set the socket options that the load threads rely on."""
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        stamp_arrivals(self.socket)


def stamp_arrivals(made: socket.socket) -> None:
    """Have the kernel stamp what arrives, which `recvmsg` with room for CONTROL_BYTES then tells."""
    made.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)


def stamped_ns(control: Sequence[tuple[int, int, bytes]]) -> int:
    """The kernel's stamp among a datagram's control messages, in CLOCK_REALTIME nanoseconds.

    Raises:
        ValueError: there is none.
    """
    for level, kind, data in control:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, nanoseconds = _TIMESPEC.unpack(data)
            return int(seconds * 1_000_000_000 + nanoseconds)
    raise ValueError("the datagram was not stamped")


def connected(to: tuple[str, int]) -> socket.socket:
    """A UDP socket on loopback, connected to `to`."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    made.connect(to)
    return made
