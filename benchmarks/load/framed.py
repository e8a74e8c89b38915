"""A TCP connection with the verbs of a UDP socket, as far as `dial` uses them: ICE-TCP framing (RFC 4571)."""

from __future__ import annotations

import socket

Address = tuple[str, int]


class FramedSocket:
    """Connected to the server's TCP port; passes for a UDP socket whose peer is at `address`, its UDP candidate."""

    def __init__(self, address: Address, tcp_port: int) -> None:
        self._address = address
        self.socket = socket.create_connection((address[0], tcp_port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def sendto(self, datagram: bytes, address: Address) -> None:
        """Send a packet, whatever the address."""
        self.socket.sendall(len(datagram).to_bytes(2, "big") + datagram)

    def recvfrom(self, most: int) -> tuple[bytes, Address]:
        """Read exactly one packet, so that whoever takes the socket over begins with a whole one."""
        length = int.from_bytes(self.socket.recv(2, socket.MSG_WAITALL), "big")
        return self.socket.recv(length, socket.MSG_WAITALL)[:most], self._address

    def connect(self, address: Address) -> None:
        """It is."""

    def fileno(self) -> int:
        """For poll."""
        return self.socket.fileno()

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()
