"""The sockets of a plane thread: a UDP port with a side entrance for what is not urgent, and a TCP port.

Every viewer reports on what it received some sixteen times a second. These transport feedbacks only matter in sum, but
each would wake the thread: at a hundred viewers a fifth of its time. A second socket on the same port takes them, and
the thread reads it at its ticks. The kernel tells them apart by the two bytes that SRTCP leaves readable; everything
else, and everything on a kernel that will not do this, comes in at the front.

Each thread has a TCP port of its own: whoever accepts a connection owns it, and the kernel would share the connections
of one port out among the threads without asking which of them has the peer.

Opens, binds and filters sockets; reads and writes nothing.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from dataclasses import dataclass, replace

from media.plane.names import PlaneError

#: What the kernel takes of a connection beyond what is on its way. The rest waits in the plane, where a picture that is
#: too old can be dropped.
UNSENT_BYTES = 16_384
#: Of one connection, on its way and unsent together: 3 Mb/s over a satellite's 600 ms. The kernel doubles it.
SEND_BYTES = 262_144
#: A connection whose peer confirms nothing for so long has ended (RFC 5482), as a consent would.
UNCONFIRMED_SECONDS = 30
BACKLOG = 128

WILDCARDS = ("::", "0.0.0.0")

TCP_NOTSENT_LOWAT = 25  # linux/tcp.h; `socket` names it from Python 3.12 on
IP_PKTINFO = 8  # linux/in.h; the socket module does not name it
SO_ATTACH_REUSEPORT_CBPF = 51  # asm-generic/socket.h

# linux/bpf_common.h; the offsets count from the UDP payload on.
_LOAD_BYTE, _AND, _JUMP_IF_EQUAL, _RETURN = 0x30, 0x54, 0x15, 0x06
#: Socket 1 for RTCP of type 205 with format 15 (RFC 4585 section 6.1, transport-wide feedback), padded or not; else 0.
#: A datagram that is too short to be read makes the kernel take socket 0.
_FEEDBACK_LAST = (
    (_LOAD_BYTE, 0, 0, 1),
    (_JUMP_IF_EQUAL, 0, 4, 205),
    (_LOAD_BYTE, 0, 0, 0),
    (_AND, 0, 0, 0xDF),
    (_JUMP_IF_EQUAL, 0, 1, 0x8F),
    (_RETURN, 0, 0, 1),
    (_RETURN, 0, 0, 0),
)


@dataclass(frozen=True, slots=True)
class PlaneSockets:
    """What one plane thread listens on, non-blocking. `close` is the owner's duty."""

    main: socket.socket
    feedback: socket.socket | None
    """Transport feedbacks come here, and only they; None where the kernel does not tell them apart."""
    listener: socket.socket | None = None
    """TCP connections come here; what it is set to, they inherit."""

    @property
    def port(self) -> int:
        """The UDP port."""
        port: int = self.main.getsockname()[1]
        return port

    @property
    def tcp_port(self) -> int:
        """The TCP port, 0 for none."""
        port: int = self.listener.getsockname()[1] if self.listener is not None else 0
        return port

    def close(self) -> None:
        """Close all."""
        if self.listener is not None:
            self.listener.close()
        self.main.close()
        if self.feedback is not None:
            self.feedback.close()


def open_sockets(
    host: str, port: int, receive_bytes: int, send_bytes: int, tcp_port: int | None = None
) -> PlaneSockets:
    """Bind a UDP port (0: any) of an address with buffers of the given sizes, and a TCP port (0: any) if there is one.

    Raises PlaneError when a port cannot be had, also when another process of ours has it.
    """
    listener = _listening(host, tcp_port) if tcp_port is not None else None
    try:
        return replace(_open_datagrams(host, port, receive_bytes, send_bytes), listener=listener)
    except BaseException:
        if listener is not None:
            listener.close()
        raise


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        hold_little(made)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        made.bind((host, port))
        made.listen(BACKLOG)
    except OSError as error:
        made.close()
        raise PlaneError(f"media port {host}:{port}/tcp: {error.strerror}") from error
    return made


def hold_little(connection: socket.socket) -> None:
    """Have the kernel send at once, keep little of what it cannot send, and give up a peer that confirms nothing."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNCONFIRMED_SECONDS * 1000)


def _open_datagrams(host: str, port: int, receive_bytes: int, send_bytes: int) -> PlaneSockets:
    try:
        # Bound before it is told to share: whoever has the port already, on whatever terms, is noticed.
        main = _bound(host, port, receive_bytes, send_bytes)
    except OSError as error:
        raise PlaneError(f"media port {host}:{port}/udp: {error.strerror}") from error
    try:
        main.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        feedback = _bound(host, main.getsockname()[1], receive_bytes, send_bytes, shared=True)
    except OSError:
        return PlaneSockets(main, None)
    try:
        _attach(feedback)
    except OSError:
        # Without the filter half of all peers would land here.
        feedback.close()
        return PlaneSockets(main, None)
    return PlaneSockets(main, feedback)


def _bound(host: str, port: int, receive_bytes: int, send_bytes: int, *, shared: bool = False) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_bytes)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        tell_destinations(made)
        made.bind((host, port))
    except OSError:
        made.close()
        raise
    return made


def tell_destinations(opened: socket.socket) -> None:
    """Have the kernel say of each datagram to which of our addresses it was sent."""
    if opened.family == socket.AF_INET6:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        opened.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)


def _attach(member: socket.socket) -> None:
    """Have the kernel choose among the sockets of a port, in the order in which they were bound, by the filter."""
    code = b"".join(struct.pack("=HBBI", *step) for step in _FEEDBACK_LAST)
    steps = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("@HP", len(_FEEDBACK_LAST), ctypes.addressof(steps))
    member.setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, program)
