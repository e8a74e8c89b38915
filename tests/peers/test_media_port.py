"""What a peer with a valid session, or a thief of its packets, may do at the media port: nothing to anybody else."""

from __future__ import annotations

import asyncio
import random
import secrets
import socket
from collections.abc import Callable, Iterator
from typing import Final, Self

import pytest

from benchmarks.machine import resident_bytes
from media.rtp import header
from signaling.client.http import HttpOptions
from signaling.client.session import SessionOptions, WhepSession, WhipSession
from signaling.client.transport import Detached
from signaling.sdp.offer import PublishTrack, offer_codecs
from tests.patience import PATIENCE_S
from tests.peers.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="package")
ROUNDS: Final = 100
BURST: Final = 40
"""Hostile datagrams between two packets of the honest publisher."""
PAYLOAD_OCTETS: Final = 100
#: Far less than the hostile datagrams together, or than libsrtp would keep for each of their SSRCs.
ALLOWED_OCTETS: Final = 1 << 20


def sound(ssrc: int) -> PublishTrack:
    return PublishTrack("audio", offer_codecs("audio", ["opus"]), "s", "a", "unit@node", ssrc=ssrc)


def packet(sequence: int, ssrc: int, payload: bytes, payload_type: int) -> bytes:
    timestamp = 960 * sequence & 0xFFFFFFFF
    return header.build(payload, payload_type=payload_type, sequence=sequence & 0xFFFF, timestamp=timestamp, ssrc=ssrc)


class Publisher:
    """A session of sound whose packets the test protects and sends itself."""

    def __init__(self, session: WhipSession) -> None:
        self.payload_type = session.media[0].codecs[0].codec.payload_type
        self.far: Detached = session.detach()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.far.socket.close()

    def protected(self, sequence: int, ssrc: int, payload: bytes) -> bytes:
        return self.far.tx.protect(packet(sequence, ssrc, payload, self.payload_type))

    def send(self, datagram: bytes) -> None:
        self.far.socket.send(datagram)


def ssrc_flood(hostile: Publisher, chance: random.Random) -> Iterator[bytes]:
    """Authentic packets and forged ones, each of an SSRC of its own."""
    while True:
        yield hostile.protected(1, chance.getrandbits(32), b"x" * PAYLOAD_OCTETS)
        yield packet(1, chance.getrandbits(32), b"x" * PAYLOAD_OCTETS, hostile.payload_type)


def replays(hostile: Publisher, chance: random.Random) -> Iterator[bytes]:
    """The same authentic packets again and again, in any order."""
    kept = [hostile.protected(number, 70, b"again") for number in range(50)]
    while True:
        yield chance.choice(kept)


def lies(hostile: Publisher, chance: random.Random) -> Iterator[bytes]:
    """Authentic packets cut anywhere, or with a first byte or an extension length that lies."""
    for number in range(1_000_000):
        true = hostile.protected(number, 71, chance.randbytes(PAYLOAD_OCTETS))
        yield true[: chance.randrange(len(true))]
        yield bytes([0x80 | chance.randrange(64)]) + true[1:]
        yield bytes([0x90]) + true[1:12] + b"\xbe\xde" + chance.randbytes(2) + true[12:]


def garbage(hostile: Publisher, chance: random.Random) -> Iterator[bytes]:
    """Authentic protection around headers that lie, and around RTCP that is none."""
    for number in range(1_000_000):
        body = bytearray(packet(number, 72, chance.randbytes(PAYLOAD_OCTETS), hostile.payload_type))
        body[0] |= 0x20
        body[-1] = chance.choice((0, 200, 255))
        yield hostile.far.tx.protect(bytes(body))
        words = chance.randrange(1, 20)
        yield hostile.far.tx.protect_rtcp(
            bytes([0x80 | chance.randrange(32), 200 + number % 8, 0, 99])
            + (1).to_bytes(4, "big")
            + chance.randbytes(4 * words)
        )


def rtcp_ssrc_flood(hostile: Publisher, chance: random.Random) -> Iterator[bytes]:
    """Authentic RTCP, each compound of an SSRC of its own."""
    while True:
        yield hostile.far.tx.protect_rtcp(b"\x80\xc9\x00\x01" + chance.randbytes(4))


@pytest.mark.parametrize(
    "attack",
    [ssrc_flood, replays, lies, garbage, rtcp_ssrc_flood],
    ids=lambda attack: attack.__name__,
)
async def test_a_peer_with_a_session_disturbs_nobody_and_leaves_nothing(
    server: Server, attack: Callable[[Publisher, random.Random], Iterator[bytes]]
) -> None:
    assert server.process is not None
    options = SessionOptions(HttpOptions(server.token, server.folder / "tls/ca.pem"))
    got: asyncio.Queue[bytes] = asyncio.Queue()
    source = f"honest-{attack.__name__}"
    async with (
        WhipSession(f"{server.url}/whip/{source}", [sound(50)], options) as honest_session,
        WhipSession(f"{server.url}/whip/hostile-{attack.__name__}", [sound(60)], options) as hostile_session,
        WhepSession(f"{server.url}/whep/{source}", ("audio",), options, got.put_nowait),
    ):
        with (
            Publisher(honest_session) as honest,
            Publisher(hostile_session) as hostile,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as thief,
        ):
            thief.connect(("127.0.0.1", server.media_port))
            lines, resident = len(server.log().splitlines()), 0
            datagrams = attack(hostile, random.Random(1))
            sent, seen = [], []
            for number in range(ROUNDS):
                for _ in range(BURST):
                    hostile.send(next(datagrams))
                sent.append(secrets.token_bytes(PAYLOAD_OCTETS))
                datagram = honest.protected(number, 50, sent[-1])
                honest.send(datagram)
                # A thief on the way: the same packet again, from its own address and from the publisher's.
                thief.send(datagram)
                honest.send(datagram)
                async with asyncio.timeout(PATIENCE_S):
                    seen.append(header.parse(await got.get()))
                if number == ROUNDS // 4:
                    resident = resident_bytes(server.process.pid)
            assert resident_bytes(server.process.pid) - resident < ALLOWED_OCTETS
            assert got.empty()
            assert server.log_from(lines) == []
    assert [item.payload for item in seen] == sent
    assert [(item.sequence - seen[0].sequence) & 0xFFFF for item in seen] == list(range(ROUNDS))
    assert len({item.ssrc for item in seen}) == 1
