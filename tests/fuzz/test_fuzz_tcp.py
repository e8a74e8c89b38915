"""Anything at all over TCP connections of every standing, in any pieces, while one stream over TCP must stay whole."""

import contextlib
import random
import socket

import pytest

from tests.fuzz.effort import SEED, rounds
from tests.fuzz.test_fuzz_plane import anything
from tests.media.plane.packets import picture
from tests.media.plane.peers import staged
from tests.media.plane.tcp_peer import TcpPeer, framed, opened
from tests.media.plane.test_datagram import request
from tests.patience import wait_until

pytestmark = pytest.mark.fuzz


def hostile(chance: random.Random, ufrag: str) -> bytes:
    """Frames of good and bad packets, lengths that lie, and what is no frame at all."""
    parts = []
    for _ in range(chance.randrange(1, 6)):
        packet = request(ufrag) if chance.random() < 0.4 else anything(chance, {})
        frame = framed(packet[:65_535])
        if chance.random() < 0.2:
            frame = chance.choice((b"\0\0", b"\xff\xff", chance.randbytes(2))) + frame[2:]
        parts.append(frame)
    data = b"".join(parts)
    return data[: chance.randrange(len(data) + 1)] if chance.random() < 0.3 else data


def in_pieces(chance: random.Random, connection: socket.socket, data: bytes) -> None:
    # The plane may have closed it already.
    with contextlib.suppress(ConnectionResetError, BrokenPipeError, BlockingIOError):
        while data:
            size = chance.choice((1, 2, 3, 50, 5000))
            connection.send(data[:size], socket.MSG_DONTWAIT)
            data = data[size:]


def test_hostile_bytes_end_connections_and_nothing_else() -> None:
    chance = random.Random(SEED)
    with staged(tcp_port=0, stranger_ms=200) as stage:
        publisher, viewer, victim = TcpPeer(stage), TcpPeer(stage), TcpPeer(stage)
        track = stage.track()
        publisher.publish(track)
        viewer.watch(track)
        victim.watch(track)
        stage.commanded()
        connections: list[socket.socket] = []
        for number in rounds(30):
            if len(connections) == 20:
                connections.pop(chance.randrange(20)).close()
            connections.append(opened(stage))
            for connection in chance.choices(connections, k=5):
                in_pieces(chance, connection, hostile(chance, victim.ufrag))
            stage.events()
            publisher.send(*picture(number, 3 * number, key=number == 0))
            assert len(viewer.wait_packets(3 * number + 3)) == 3 * number + 3, f"seed {SEED}"
            victim.read()
        for connection in connections:
            connection.close()
        wait_until(lambda: stage.plane.counters()["connections"] == 3, "only the peers are left")
        assert victim.received.refused == []
