"""Fuzz the decoder of WebSocket messages: a message, something strange, or nothing; never anything else."""

from __future__ import annotations

import random

import msgspec
import pytest

from dispatch.acts import chair, consultation  # noqa: F401
from dispatch.acts.base import ACTS
from dispatch.errors import Invalid
from signaling.ws.connection import decoded
from signaling.ws.messages import Do, NotUnderstood, Strange, decode
from tests.fuzz.effort import SEED, rounds

pytestmark = pytest.mark.fuzz

CORPUS = (
    b'{"t":"hello","versions":[1,2],"token":"abc","device":"tab","resume":{"epoch":"e","topics":{"overview":1}}}',
    b'{"t":"watch","topic":"consultation:01J0"}',
    b'{"t":"act","id":"7","name":"consultation.create","params":{"title":"\xe9\x98\xb2\xe6\xb1\x9b","unit":"u"}}',
    b'{"t":"act","id":"8","name":"participant.mute","params":{"consultation":"c","participant":"p","sound":true}}',
    b'{"t":"offer","id":"9","sdp":"v=0\\r\\n","lines":[{"mid":"0","send":{"source":"s","kind":"video","name":"n"}}]}',
    b'{"t":"quality","rtt_ms":1.5,"lines":[{"mid":"0","loss":0.1,"jitter_ms":1e2,"bitrate_bps":1e6,"fps":25}]}',
    b'{"t":"ping","at":12345678901234567890}',
    b'{"t":"newer","id":"x","deep":[[[{"a":null}]]]}',
)
PIECES = (
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"\\",
    b"\\ud800",
    b"\xff",
    b"\x00",
    b"1e999",
    b"-",
    b"9" * 400,
    b"null",
    b":",
    b",",
)


def mutate(rng: random.Random, message: bytes) -> bytes:
    data = bytearray(message)
    for _ in range(rng.randint(1, 4)):
        where = rng.randrange(len(data) + 1)
        match rng.randrange(5):
            case 0:
                data[where:where] = rng.choice(PIECES)
            case 1:
                data[where:where] = rng.choice(PIECES) * rng.choice((1, 100, 20_000))
            case 2:
                del data[where : where + rng.randrange(1, 20)]
            case 3 if data:
                data[where % len(data)] = rng.randrange(256)
            case _:
                other = rng.choice(CORPUS)
                data[where:] = other[rng.randrange(len(other)) :]
    return bytes(data)


def test_mutated_messages_are_messages_or_refused() -> None:
    rng = random.Random(SEED)
    seen = {"message": 0, "strange": 0, "nothing": 0, "act": 0, "invalid": 0}
    for _ in rounds(20):
        for _ in range(200):
            data = mutate(rng, rng.choice(CORPUS))
            try:
                message = decode(data)
            except Strange as strange:
                seen["strange"] += 1
                assert len(strange.id) <= 64 and len(str(strange)) <= 300
            except NotUnderstood:
                seen["nothing"] += 1
            else:
                seen["message"] += 1
                if isinstance(message, Do) and message.name in ACTS:
                    try:
                        act = decoded(ACTS[message.name], message.params)
                    except Invalid as invalid:
                        seen["invalid"] += 1
                        assert invalid.code == "invalid-value"
                    else:
                        seen["act"] += 1
                        msgspec.json.encode(act)
    assert all(seen.values()), seen
