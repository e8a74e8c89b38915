"""Mutated and random datagrams into the STUN filter."""

import random

import pytest
from aioice import stun

from media.plane.stunfilter import VERDICTS, filter_stun, kind_of_datagram
from tests.fuzz.effort import SEED, rounds

pytestmark = pytest.mark.fuzz


def seed_messages() -> list[bytes]:
    seeds = []
    for message_class in stun.Class:
        message = stun.Message(stun.Method.BINDING, message_class)
        message.attributes["USERNAME"] = "local:remote"
        message.attributes["PRIORITY"] = 7
        message.add_message_integrity(b"key")
        seeds.append(bytes(message))
    return seeds


def mutated(source: random.Random, packet: bytes) -> bytes:
    data = bytearray(packet)
    for _ in range(source.randrange(1, 6)):
        verb = source.randrange(4)
        if verb == 0 and data:
            data[source.randrange(len(data))] = source.choice((0, 1, 4, 0x7F, 0x80, 0xFF, source.randrange(256)))
        elif verb == 1:
            del data[source.randrange(len(data) + 1) :]
        elif verb == 2:
            at = source.randrange(len(data) + 1)
            data[at:at] = source.randbytes(source.randrange(9))
        else:
            at = source.randrange(len(data) + 1)
            data += data[at : at + source.randrange(40)]
    if source.random() < 0.5 and len(data) >= 20:
        data[2:4] = (len(data) - 20 & 0xFFFF).to_bytes(2, "big")  # get past the length check
    return bytes(data)


def test_no_datagram_confuses_the_filter() -> None:
    source = random.Random(SEED)
    seeds = seed_messages()
    verdicts: set[int] = set()
    for _ in rounds(20):
        for _ in range(500):
            packet = mutated(source, source.choice(seeds))
            verdict, ufrag = filter_stun(packet)
            verdicts.add(verdict)
            assert verdict in VERDICTS.values(), f"FUZZ_SEED={SEED} {packet.hex()}"
            if ufrag is not None:
                assert ufrag and ufrag + b":" in packet[24:], f"FUZZ_SEED={SEED} {packet.hex()}"
            if verdict > 0:
                assert kind_of_datagram(packet) == "stun", f"FUZZ_SEED={SEED} {packet.hex()}"
    assert verdicts == set(VERDICTS.values())
