"""ClientHellos as OpenSSL's own client sends them, whole and in fragments, and what a liar makes of them."""

from __future__ import annotations

import random
import socket
import subprocess
from typing import Final

from tests.patience import PATIENCE_S

_RECORD: Final = 13
"Bytes of a DTLS record's header; the handshake message begins behind it (RFC 6347 section 4.3.1)."
_FRAGMENT: Final = _RECORD + 12
"Where a handshake fragment's body begins (section 4.2.2)."
#: Names long enough that one datagram of the smallest MTU cannot hold the message.
_MANY_NAMES: Final = ",".join("x" * 200 for _ in range(3))


def captured(*options: str) -> list[bytes]:
    """Return the datagrams of the first flight of `openssl s_client` with these options."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(PATIENCE_S)
        command = ["openssl", "s_client", "-dtls1_2", "-use_srtp", "SRTP_AEAD_AES_128_GCM"]
        command += ["-connect", f"127.0.0.1:{udp.getsockname()[1]}", *options]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as client:
            flight = [udp.recv(2048)]
            while sum(_body_bytes(datagram) for datagram in flight) < _message_bytes(flight[0]):
                flight.append(udp.recv(2048))
            client.kill()
    return flight


def whole() -> bytes:
    """Return a ClientHello in one datagram."""
    (datagram,) = captured()
    return datagram


def fragments() -> list[bytes]:
    """Return a ClientHello that took several datagrams."""
    flight = captured("-mtu", "256", "-alpn", _MANY_NAMES)
    assert len(flight) > 1
    return flight


def another(hello: bytes, chance: random.Random) -> bytes:
    """Return the hello of another client: with a random of its own."""
    at = _FRAGMENT + 2
    return hello[:at] + chance.randbytes(32) + hello[at + 32 :]


def torn(hello: bytes, chance: random.Random) -> bytes:
    """Return the hello cut anywhere, or with a length that lies: of record, message, fragment or session id."""
    if chance.random() < 0.5:
        return hello[: chance.randrange(1, len(hello))]
    at, size = chance.choice(((11, 2), (14, 3), (19, 3), (22, 3), (_FRAGMENT + 34, 1)))
    return hello[:at] + chance.randbytes(size) + hello[at + size :]


def _message_bytes(datagram: bytes) -> int:
    return int.from_bytes(datagram[_RECORD + 1 : _RECORD + 4], "big")


def _body_bytes(datagram: bytes) -> int:
    return int.from_bytes(datagram[_FRAGMENT - 3 : _FRAGMENT], "big")
