"""The sockets of a plane thread: what comes in where, and who may have the port."""

from __future__ import annotations

import os
import resource
import select
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from media.plane.names import PlaneError
from media.plane.sockets import PlaneSockets, open_sockets
from tests.patience import PATIENCE_S

BUFFER_BYTES = 1 << 20
FEEDBACK = (b"\x8f\xcd\x00\x05", b"\xaf\xcd\x00\x05")
# NACK, picture loss, sender report, receiver report, RTP, STUN, DTLS; and what is too short to be told apart.
OTHERS = (
    b"\x81\xcd\x00\x05",
    b"\x81\xce\x00\x05",
    b"\x80\xc8\x00\x05",
    b"\x81\xc9\x00\x05",
    b"\x8f\x60\x00\x05",
    b"\x00\x01\x00\x05",
    b"\x16\xfe\xfd\x00",
    b"\x8f",
    b"",
)


@contextmanager
def no_more_than_one_descriptor() -> Iterator[None]:
    """Let the process open one more descriptor, not two."""
    spare = os.open("/dev/null", os.O_RDONLY)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    os.close(spare)
    resource.setrlimit(resource.RLIMIT_NOFILE, (spare + 1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def received(one: socket.socket, count: int) -> list[bytes]:
    got: list[bytes] = []
    while len(got) < count:
        assert select.select([one], [], [], PATIENCE_S)[0], f"{got} came, {count} were due"
        got.append(one.recv(100))
    return got


def send_everything(sockets: PlaneSockets, host: str) -> None:
    """From several ports: were it the kernel's own choice, some of each kind would land on each side."""
    for _ in range(8):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as peer:
            for datagram in (*FEEDBACK, *OTHERS):
                peer.sendto(datagram, (host, sockets.port))


@pytest.mark.parametrize(
    ("bound", "reached"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::1", "::1"), ("::", "::1"), ("::", "127.0.0.1")],
)
def test_only_transport_feedback_comes_in_at_the_side(bound: str, reached: str) -> None:
    with closing(open_sockets(bound, 0, BUFFER_BYTES, BUFFER_BYTES)) as sockets:
        assert sockets.feedback is not None
        send_everything(sockets, reached)
        assert received(sockets.feedback, 8 * len(FEEDBACK)) == list(FEEDBACK) * 8
        assert received(sockets.main, 8 * len(OTHERS)) == list(OTHERS) * 8


def test_without_a_second_socket_everything_comes_in_at_the_front() -> None:
    with no_more_than_one_descriptor():
        sockets = open_sockets("127.0.0.1", 0, BUFFER_BYTES, BUFFER_BYTES)
    with closing(sockets):
        assert sockets.feedback is None
        send_everything(sockets, "127.0.0.1")
        assert received(sockets.main, 8 * 11) == [*FEEDBACK, *OTHERS] * 8


@pytest.mark.parametrize("host", ["127.0.0.1", "::", "0.0.0.0"])
def test_port_of_another_node_cannot_be_shared(host: str) -> None:
    with (
        closing(open_sockets(host, 0, BUFFER_BYTES, BUFFER_BYTES)) as sockets,
        pytest.raises(PlaneError, match=str(sockets.port)),
    ):
        open_sockets(host, sockets.port, BUFFER_BYTES, BUFFER_BYTES)


def test_port_is_free_again_after_the_end() -> None:
    with closing(open_sockets("127.0.0.1", 0, BUFFER_BYTES, BUFFER_BYTES)) as sockets:
        port = sockets.port
    with closing(open_sockets("127.0.0.1", port, BUFFER_BYTES, BUFFER_BYTES)) as again:
        assert again.port == port and again.feedback is not None
