"""Fuzz the STUN parser and both agents with mutated messages."""

from __future__ import annotations

import random

import pytest

from signaling.ice import stun
from signaling.ice.controlling import ControllingIce
from signaling.ice.lite import IceLite
from signaling.ice.types import Credentials
from tests.fuzz.effort import SEED, rounds

pytestmark = pytest.mark.fuzz

LOCAL = Credentials("server00", "s" * 24)
REMOTE = Credentials("client00", "c" * 24)


def corpus() -> list[bytes]:
    key = LOCAL.password.encode()
    requests = [
        stun.build_request(
            bytes(12),
            username=b"server00:client00",
            key=key,
            priority=1,
            tie_breaker=2,
            controlling=controlling,
            use_candidate=controlling,
        )
        for controlling in (True, False)
    ]
    return [
        *requests,
        stun.build_success(bytes(12), ("192.0.2.1", 1), key),
        stun.build_success(bytes(12), ("2001:db8::1", 1), key),
        stun.build_error(bytes(12), 420, key, (0x7001, 0x7002)),
    ]


def mutate(rng: random.Random, datagram: bytes) -> bytes:
    data = bytearray(datagram)
    for _ in range(rng.randint(1, 4)):
        where = rng.randrange(len(data) + 1)
        match rng.randrange(5):
            case 0 if data:
                data[where % len(data)] = rng.choice((0, 1, 4, 8, 0x20, 0x7F, 0x80, 0xFF, rng.randrange(256)))
            case 1:
                data[where:where] = rng.randbytes(rng.choice((1, 4, 8, 24)))
            case 2:
                del data[where : where + rng.choice((1, 4, 8))]
            case 3:
                data[where:where] = data[: rng.randrange(64)]
            case _:
                del data[where:]
    if len(data) >= 4 and rng.random() < 0.7:
        # A right length lets the mutation reach the attributes.
        data[2:4] = ((len(data) - 20) & 0xFFFF).to_bytes(2, "big")
    return bytes(data)


def test_mutated_messages_never_raise_and_never_pass() -> None:
    rng = random.Random(SEED)
    originals = corpus()
    for _ in rounds(20):
        lite = IceLite(LOCAL, REMOTE, 0.0)
        client = ControllingIce(REMOTE, LOCAL, [("192.0.2.1", 1)])
        client.start(0.0)
        for _ in range(200):
            datagram = mutate(rng, rng.choice(originals))
            outputs = lite.receive(datagram, ("192.0.2.9", 9), 1.0)
            client.receive(datagram, ("192.0.2.1", 1), 1.0)
            if lite.counters.accepted and not outputs:
                raise AssertionError(f"seed {SEED}: accepted without answer: {datagram.hex()}")
            if lite.counters.accepted:
                # Only the bytes after MESSAGE-INTEGRITY, which it does not cover, may differ.
                assert any(datagram[20:76] == o[20:76] for o in originals), f"seed {SEED}: {datagram.hex()}"
                break
        assert client.selected is None, f"seed {SEED}"
