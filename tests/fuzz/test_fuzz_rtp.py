"""Mutated RTP into the plane's header reader, as bytes and, authentic, at a live plane thread.

Under AddressSanitizer
one byte too many ends the process.
"""

import random
import struct

import pytest
from pylibsrtp import Error as SrtpError

from media.plane import rtp as reader
from tests.fuzz.effort import SEED, rounds
from tests.media.plane.packets import extension_block, h264, rtp, vp8
from tests.media.plane.peers import CAPTURE_TIME, LEVEL, MID, REPAIRED_RID, RID, ROTATION, TWCC, Peer, staged

pytestmark = pytest.mark.fuzz

IDS = {MID: 1, RID: 2, REPAIRED_RID: 3, LEVEL: 4, TWCC: 5, ROTATION: 6, CAPTURE_TIME: 7}
KINDS = {identifier: kind for kind, identifier in IDS.items()}
USUAL = {1: 96, 2: 97, 3: 102, 4: 103, 5: 111, 6: 96, 7: 96, 8: 97}


def elements(chance: random.Random) -> bytes:
    """A header extension, most often well formed."""
    found = {
        chance.randint(1, 14): chance.choice((b"0", b"a", b"b", b"zz", chance.randbytes(chance.randint(1, 16))))
        for _ in range(chance.randrange(5))
    }
    block = bytearray(extension_block(found))
    if chance.random() < 0.3:
        block[chance.randrange(len(block))] = chance.randrange(256)
    if chance.random() < 0.1:
        block[:2] = struct.pack("!H", chance.choice((0x1000, 0x100F, 0, 0xFFFF)))
    return bytes(block)


def payload_for(chance: random.Random, payload_type: int, number: int) -> bytes:
    """Mostly what the payload type says, so that packets get as far as the viewer."""
    picture = vp8(number, key=chance.random() < 0.3, first=chance.random() < 0.7, tl0=number)
    if chance.random() < 0.7:
        repaired = struct.pack("!H", (number - chance.randrange(30)) & 0xFFFF)
        return {96: picture, 97: repaired + picture, 102: h264(key=chance.random() < 0.3)}.get(payload_type, b"sound")
    length = chance.choice((0, 1, 2, 3, 5, 40, 1200))
    return chance.choice((b"", picture[: chance.randrange(8)], chance.randbytes(length)))


def packet(chance: random.Random, numbers: dict[int, int]) -> bytes:
    """RTP that goes some way into the plane: plausible numbers, payloads of every codec, any lie."""
    ssrc = chance.choice(tuple(USUAL)) if chance.random() < 0.97 else chance.randrange(2**32)
    numbers[ssrc] = numbers.get(ssrc, chance.choice((0, 65_500))) + chance.choice((1,) * 20 + (0, 2, 40, 600))
    payload_type = USUAL.get(ssrc, 96) if chance.random() < 0.9 else chance.choice((*USUAL.values(), 0, 35, 127))
    payload = payload_for(chance, payload_type, numbers[ssrc])
    data = bytearray(
        rtp(
            numbers[ssrc],
            payload,
            timestamp=chance.choice((numbers[ssrc] * 3000, chance.randrange(2**32))),
            ssrc=ssrc,
            payload_type=payload_type,
            marker=chance.random() < 0.5,
            padding=chance.choice((0, 0, 0, 1, 5, 200)),
        )
    )
    if chance.random() < 0.4:
        data[0] |= 0x10
        data[12:12] = elements(chance)
    if chance.random() < 0.1:
        count = chance.randrange(16)
        data[0] = data[0] & 0xF0 | count
        data[12:12] = chance.randbytes(4 * count)
    if chance.random() < 0.1:
        data[-1] = chance.randrange(256)
    return bytes(data[:1340])


def mutate(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(changed) or 1)
        if chance.random() < 0.6 and changed:
            changed[at] = chance.choice((0, 1, 0x7F, 0x80, 0xBE, 0xFF, chance.randrange(256)))
        elif chance.random() < 0.5:
            del changed[at : at + chance.randint(1, 12)]
        else:
            changed[at:at] = chance.randbytes(chance.randint(1, 8))
    return bytes(changed)


def test_the_reader_gives_an_answer_for_any_bytes() -> None:
    chance = random.Random(SEED)
    numbers: dict[int, int] = {}
    accepted = refused = 0
    for _ in rounds(10, seconds=1.0):
        for _ in range(200):
            data = mutate(packet(chance, numbers), chance)
            found = reader.parse(data, chance.random() < 0.5, KINDS)
            if isinstance(found, tuple):
                accepted += 1
                assert found[0]["payload"] in data
                assert all(value in data for value in found[1].values())
            else:
                refused += 1
                assert -4 <= found <= -1
    assert accepted > 100 < refused


def well_protected(peer: Peer, data: bytes) -> bytes:
    """Protect what libsrtp on our side takes; the rest goes as it is."""
    try:
        return peer.protect(data)
    except SrtpError:
        return data


def calm(publisher: Peer, viewer: Peer, number: int) -> None:
    """The stream beside the fuzzed one: its next packet arrives."""
    publisher.send(rtp(number, b"%d" % number, payload_type=111))
    assert viewer.wait_packets(number + 1)[-1].payload == b"%d" % number


def test_authentic_packets_of_any_content_leave_a_live_plane_well() -> None:
    """Valid SRTP around them: nothing but the plane's own checks stands in the way."""
    chance = random.Random(SEED)
    numbers: dict[int, int] = {}
    with staged(keyframe_interval_ms=50) as stage:
        fuzzed, plain = stage.peer(receive_ids=IDS), stage.peer(receive_ids=IDS, profile="", plain=True)
        viewer = stage.peer(send_ids={kind: identifier for kind, identifier in IDS.items() if kind > 3})
        ssrc = 1000
        for publisher in (fuzzed, plain):
            tracks = [stage.track(), stage.track(), stage.track(video=False)]
            publisher.publish(tracks[0], mid=b"0", rids=[b"a", b"b"])
            publisher.publish(tracks[1], mid=b"a", ssrcs=[(1, 2), (3, 4)])
            publisher.publish(tracks[2], mid=b"b")
            for track in tracks:
                viewer.watch(track, ssrc=ssrc, layer=chance.randrange(2))
                ssrc += 2
        quiet, listener, voice = stage.peer(), stage.peer(), stage.track(video=False)
        quiet.publish(voice)
        listener.watch(voice)
        for turn in rounds(80, seconds=1.0):
            for _ in range(100):
                data = packet(chance, numbers)
                plain.send_raw(mutate(data, chance) if chance.random() < 0.3 else data)
                fuzzed.send_raw(well_protected(fuzzed, data))
            calm(quiet, listener, turn)
            viewer.settle()
            assert not viewer.received.refused
            del viewer.received.packets[:], viewer.received.wire[:], viewer.received.control[:]
        counters = stage.plane.counters()
        assert counters["sent_packets"] > 10 * turn
        assert quiet.transport.stats()["drops"] == listener.transport.stats()["drops"] == {}
        assert {"not_published", "ssrc_limit", "payload_type"} <= set(counters["drops"])
