"""Anything at all thrown at a live plane thread, from known and unknown addresses, while one stream must stay whole."""

import random
import socket
import struct
import time

import pytest

from media.plane.memory import live_objects
from media.plane.thread import DatagramReceived
from tests.fuzz.effort import SEED, rounds
from tests.fuzz.test_fuzz_rtp import IDS, calm, mutate, packet, well_protected
from tests.media.plane.packets import bye, fir, nack, pli, report_block, rr, rtcp, sr
from tests.media.plane.peers import CM, Received, Stage, staged
from tests.media.plane.tapped import Tapped
from tests.media.plane.test_datagram import DTLS_RECORD, request

pytestmark = pytest.mark.fuzz


def control(chance: random.Random) -> bytes:
    """A compound of real requests about real and unreal SSRCs, with random bodies among them."""
    ssrc = chance.choice((1000, 1001, 1002, 1, 2, 77, chance.randrange(2**32)))
    parts = [
        rr(5, *[report_block(ssrc, fraction=255, lost=0xFFFFFF, lsr=chance.randrange(2**32), dlsr=2**32 - 1)] * 3),
        sr(ssrc, chance.randrange(2**64), chance.randrange(2**32)),
        nack(ssrc, [chance.randrange(2**16) for _ in range(chance.randrange(1, 100))]),
        pli(ssrc),
        fir(ssrc, chance.randrange(256)),
        bye(*[ssrc] * chance.randrange(32)),
        rtcp(205, 15, struct.pack("!IIHHI", 1, ssrc, chance.randrange(2**16), chance.randrange(2**16), 7) + bytes(8)),
        rtcp(chance.randrange(192, 224), chance.randrange(32), chance.randbytes(4 * chance.randrange(1, 20))),
        rtcp(207, 0, struct.pack("!IBBHIII", 1, 5, 0, 3, ssrc, 1, 2)),
    ]
    chosen = [chance.choice(parts) for _ in range(chance.choice((1, 1, 2, 5)))]
    return b"".join(chosen)[:1300]


def anything(chance: random.Random, numbers: dict[int, int]) -> bytes:
    kind = chance.randrange(6)
    if kind == 0:
        return chance.randbytes(chance.choice((0, 1, 2, 11, 12, 13, 20, 100, 1400, 1600, 1601, 3000)))
    data = (packet(chance, numbers), control(chance), request(chance.choice(("ours", "none"))), DTLS_RECORD)[kind % 4]
    return mutate(data, chance) if chance.random() < 0.7 else data


class Crowd:
    """Addresses of every standing: strangers, peers before and after the handshake, plain senders."""

    def __init__(self, stage: Stage, chance: random.Random) -> None:
        self.chance = chance
        self.stage = stage
        self.strangers = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(5)]
        early = stage.peer(connect=False)
        early.transport.add_ufrag(b"ours")
        early.transport.validate(early.address)
        self.peers = [
            early,
            stage.peer(receive_ids=IDS),
            stage.peer(send_ids={5: 4}, profile=CM),
            stage.peer(profile="", plain=True, connect=False, latch=True, receive_ids=IDS),
        ]
        track = stage.track()
        self.tapped = Tapped()
        stage.tap(track, self.tapped.ring)
        for number, peer in enumerate(self.peers):
            peer.publish(track, mid=b"%d" % number)
            peer.watch(track, ssrc=1000 + 2 * number)

    def act(self, numbers: dict[int, int]) -> None:
        data = anything(self.chance, numbers)
        if self.chance.random() < 0.2:
            self.stage.sent[self.stage.plane] = self.stage.sent.get(self.stage.plane, 0) + 1
            self.chance.choice(self.strangers).sendto(data, ("127.0.0.1", self.stage.plane.port))
            return
        peer = self.chance.choice(self.peers)
        if self.chance.random() < 0.5 and len(data) > 11 and data[0] >> 6 == 2:
            data = well_protected(peer, data[:1340])
        peer.send_raw(data)

    def close(self) -> None:
        for stranger in self.strangers:
            stranger.close()


def test_nothing_a_peer_or_a_stranger_sends_disturbs_another_stream() -> None:
    chance = random.Random(SEED)
    numbers: dict[int, int] = {}
    with staged(max_ssrcs=12, keyframe_interval_ms=50, work_a_turn=1) as stage:
        crowd = Crowd(stage, chance)
        quiet, listener, voice = stage.peer(), stage.peer(), stage.track(video=False)
        quiet.publish(voice)
        listener.watch(voice)
        told = heard = clocks = 0
        started = time.monotonic()
        for turn in rounds(20):
            for _ in range(100):
                crowd.act(numbers)
            calm(quiet, listener, turn)
            told += sum(isinstance(event, DatagramReceived) for event in stage.events())
            heard += len(crowd.tapped.packets()) > 0
            clocks += len(crowd.tapped.clocks()) > 0
            crowd.tapped.records.clear()
            for peer in crowd.peers:
                peer.read()
                peer.received = Received()
        passed = time.monotonic() - started
        counters = stage.plane.counters()
        assert quiet.transport.stats()["drops"] == listener.transport.stats()["drops"] == {}
        assert {"stranger", "unknown_datagram", "stun_malformed", "no_keys", "authentication"} <= set(counters["drops"])
        # What reaches a worker is what its reader takes.
        assert heard and clocks
        # What reaches control is bounded by rate, whatever comes.
        assert told <= 2 * (60 + 20 * passed) + 4 * (100 + 100 * passed)
        crowd.close()
    assert not any(live_objects().values())
