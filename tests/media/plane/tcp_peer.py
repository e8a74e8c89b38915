"""A peer that comes over TCP: packets framed by RFC 4571, read and written here with nothing of the plane's."""

from __future__ import annotations

import os
import socket
from typing import Any

from media.plane.thread import DatagramReceived
from tests.media.plane.peers import UNREAD_MOST, Peer, Received, Stage
from tests.media.plane.test_datagram import request


def framed(*packets: bytes) -> bytes:
    """Put each packet behind its length."""
    return b"".join(len(packet).to_bytes(2, "big") + packet for packet in packets)


def frames(data: bytes) -> tuple[list[bytes], bytes]:
    """Give the whole frames at the beginning of a stream, and what is left."""
    found = []
    while len(data) >= 2 and len(data) >= 2 + (length := int.from_bytes(data[:2], "big")):
        found.append(data[2 : 2 + length])
        data = data[2 + length :]
    return found, data


def opened(stage: Stage, receive_bytes: int = 0, port: int = 0, host: str = "127.0.0.1") -> socket.socket:
    """Open a connection to the stage's plane, or to another port, that knows nobody."""
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    if receive_bytes:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    made.connect((host, port or stage.plane.tcp_port))
    return made


class TcpPeer(Peer):
    """A peer of the stage over a connection; its first frame is a check that names it, and control takes that.

    `receive_bytes`: what the kernel keeps for it, 0 for as much as it likes.
    """

    def __init__(
        self, stage: Stage, *, connect: bool = True, receive_bytes: int = 0, port: int = 0, **options: Any
    ) -> None:
        super().__init__(stage, connect=False, **options)
        self.socket.close()
        stage.peers.append(self)
        self.ufrag = os.urandom(8).hex()
        self.transport.add_ufrag(self.ufrag.encode())
        self._rest = b""
        self.address = ("", 0)
        self.reopen(receive_bytes, port)
        if connect:
            self.check()
            self.connect()

    def reopen(self, receive_bytes: int = 0, port: int = 0) -> None:
        self.socket = opened(self.stage, receive_bytes, port, self.target[0])
        self._rest = b""

    def check(self) -> DatagramReceived:
        """Send the check and take the address that it came from."""
        self.send_raw(request(self.ufrag))
        event = self.stage.wait_event(lambda it: isinstance(it, DatagramReceived) and it.transport is self.transport)
        assert isinstance(event, DatagramReceived)
        self.address = event.remote  # type: ignore[assignment]
        return event

    def send_raw(self, *datagrams: bytes) -> None:
        if self.stage.unapplied:
            self.stage.commanded()
        for datagram in datagrams:
            self.sent += 1
            self.stage.sent[self.plane] = self.stage.sent.get(self.plane, 0) + 1
            self.socket.sendall(framed(datagram))
            if self.stage.sent[self.plane] % UNREAD_MOST == 0:
                self.stage.wait_read()

    def read(self) -> Received:
        while True:
            try:
                data = self.socket.recv(65536, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return self.received
            if not data:
                return self.received
            found, self._rest = frames(self._rest + data)
            for frame in found:
                self._take(frame, ("127.0.0.1", 0))

    def wait_closed(self) -> None:
        """Wait until the plane has closed the connection."""
        self.socket.settimeout(60.0)
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            pass
