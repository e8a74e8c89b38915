"""Mutated packets of every codec into the way from packets to frames: nothing but frames and gaps, and bounded."""

from __future__ import annotations

import random

import pytest

from media.rtp import reorder
from media.rtp.frames import Frame, Gap
from media.rtp.header import PayloadError, build, parse
from media.rtp.joining import JOINERS
from media.rtp.sounds import CLOCK_RATES
from media.rtp.stream import CODECS, StreamFrames
from tests.fuzz.effort import SEED, rounds
from tests.fuzz.test_fuzz_codec import mutated
from tests.media.rtp.senders import PICTURES, ffmpeg_pictures, ffmpeg_sounds

pytestmark = pytest.mark.fuzz


def seeds(codec: str) -> list[bytes]:
    return list(ffmpeg_pictures(codec, (66, 70), 7) if codec in PICTURES else ffmpeg_sounds(codec)[:20])


def numbered(chance: random.Random, packet: bytes, number: int) -> bytes:
    """The packet with its number, most often; payload and header changed now and then."""
    parsed = parse(packet)
    payload = mutated(chance, parsed.payload) if chance.random() < 0.1 else parsed.payload
    if chance.random() < 0.02:
        payload = chance.choice((b"", b"\0", bytes(60_000), chance.randbytes(chance.randrange(50))))
    jump = chance.choice((*(0,) * 60, 1, -1, 40, -3, chance.randrange(65_536)))
    tick = chance.choice((*(0,) * 60, 1, -90_000, chance.randrange(2**32)))
    changed = build(
        payload,
        payload_type=96,
        sequence=number + jump,
        timestamp=parsed.timestamp + tick,
        ssrc=7,
        marker=parsed.marker ^ (chance.random() < 0.01),
    )
    return mutated(chance, changed) if chance.random() < 0.02 else changed


@pytest.mark.parametrize("codec", CODECS)
def test_any_packets_give_frames_and_gaps_in_order(codec: str) -> None:
    chance = random.Random(SEED)
    sound, packets = codec in CLOCK_RATES, seeds(codec)
    given_out = 0
    for _ in rounds(3, seconds=0.5):
        stream = StreamFrames(codec, hold_ns=chance.choice((0, 20_000_000, reorder.HOLD_NS)))
        now_ns, number, last = 0, chance.randrange(65_536), -1
        found: list[Frame | Gap] = []
        for packet in packets * 4:
            number += 1
            now_ns += chance.choice((0, 1_000_000, 20_000_000))
            found += stream.receive(numbered(chance, packet, number), now_ns)
        found += stream.handle_timer(now_ns + 10**12)
        assert stream.get_timer() is None
        found += stream.finish()
        for item in found:
            if isinstance(item, Gap):
                assert item.last_sequence >= item.first_sequence - 1 and (item.ticks is None or item.ticks >= 0)
                continue
            assert item.data and item.first_sequence > last
            assert item.decodable or not item.is_keyframe
            assert (item.ticks > 0) is sound
            last, given_out = item.last_sequence, given_out + 1
        counts = stream.frame_counts
        assert counts.frames == sum(isinstance(item, Frame) for item in found)
    assert given_out > 20, "the fuzzer reaches the frames"


@pytest.mark.parametrize("codec", JOINERS)
def test_any_payloads_join_to_a_picture_or_are_refused(codec: str) -> None:
    chance = random.Random(SEED)
    payloads = [parse(packet).payload for packet in seeds(codec)]
    joined = refused = 0
    for done in rounds(500, seconds=0.5):
        joiner = JOINERS[codec]([b"\x67x", b"\x68x"] if done % 3 else [])
        at, count = chance.randrange(len(payloads)), chance.randrange(1, 8)
        some = [mutated(chance, payload) or b"\0" for payload in payloads[at : at + count]]
        for payload in some:
            assert joiner.starts(payload) in (True, False)
        try:
            picture = joiner.join(some, after_gap=chance.random() < 0.5)
        except PayloadError:
            refused += 1
            continue
        if picture is not None:
            joined += 1
            assert picture.data and len(picture.data) <= 2 * sum(map(len, some)) + 100
            assert picture.size is None or picture.is_keyframe or codec == "VP9"
    assert joined > 20 < refused, "the fuzzer reaches both"
