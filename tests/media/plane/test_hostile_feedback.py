"""Viewers who lie, at the socket: what they say is bounded and counted, and nobody else's stream knows of it.

One liar and one other viewer watch the same picture with parities. Between pictures the liar says whatever it likes,
hundreds of times; the other must get every packet and every parity, and nothing more.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Sequence

import pytest

from media.plane.objects import RESENDS_A_SECOND
from media.plane.transport import LEAST_BPS, START_BPS
from tests.media.plane.packets import (
    PSFB,
    RTPFB,
    Packet,
    continuous,
    fir,
    h264,
    nack,
    pli,
    report_block,
    rr,
    rtcp,
    rtp,
    sequences,
)
from tests.media.plane.peers import TWCC, Peer, Stage, staged

PICTURES = 20
COUNT = 4
LIES = 10
"told after each picture, of datagrams"
LIAR, OTHER = 1000, 2000
FEC = 49
INTERVAL_S = 0.5
"between two requests for a keyframe"
BUSIEST_S = 0.065
"the shortest stretch of which the estimate believes what was delivered"


def told(base: int, ticks: Sequence[int | None], *, reference: int = 0, number: int = 0) -> bytes:
    """Feedback from `base` on: of each packet how many 250 us it came after the one before, None: it did not come."""
    chunks, deltas = b"", b""
    for at in range(0, len(ticks), 7):
        bits = sum((tick is not None) << 13 - 2 * place for place, tick in enumerate(ticks[at : at + 7]))
        chunks += struct.pack("!H", 0xC000 | bits)
    for tick in ticks:
        deltas += b"" if tick is None else struct.pack("!h", tick)
    content = chunks + deltas
    head = struct.pack("!IIHHI", 1, LIAR, base & 0xFFFF, len(ticks), (reference & 0xFFFFFF) << 8 | number & 0xFF)
    return rtcp(RTPFB, 15, head + content + bytes(-len(content) % 4))


# Each lie is given the first wide number of the last picture's packets, how many there were, and the turn.
Lie = Callable[[int, int, int], list[bytes]]


def far_apart(base: int, count: int, turn: int) -> list[bytes]:
    """Each packet 64 s and more after the one before, by the reference and by the deltas."""
    return [
        told(base + at, [32767], reference=1000 * (LIES * turn + at), number=LIES * turn + at) for at in range(count)
    ]


def backwards(base: int, count: int, turn: int) -> list[bytes]:
    return [
        told(base + at, [-32768], reference=-1000 * (LIES * turn + at), number=LIES * turn + at) for at in range(count)
    ]


def to_and_fro(base: int, count: int, turn: int) -> list[bytes]:
    return [told(base, [32767, -32768] * (count // 2), reference=turn, number=turn)] * LIES


def half_the_clock_away(base: int, count: int, turn: int) -> list[bytes]:
    """As far as 24 bits of 64 ms can say, again and again."""
    return [
        told(base + at, [0], reference=(LIES * turn + at) * 0x7FFFFF, number=LIES * turn + at) for at in range(count)
    ]


def all_at_once(base: int, count: int, turn: int) -> list[bytes]:
    """Every packet within the same quarter of a millisecond, always the same."""
    return [told(base, [0] * count, reference=7, number=turn)] * LIES


def everything_at_last(base: int, count: int, turn: int) -> list[bytes]:
    """Nothing for a while, then all that was sent since in one moment."""
    everything = base + count - 1
    return [told(1, [0] * everything, reference=7)] * LIES if turn % 5 == 4 else []


def nothing_came(base: int, count: int, turn: int) -> list[bytes]:
    return [told(base, [None] * count, reference=turn, number=turn)] * LIES


def one_came(base: int, count: int, turn: int) -> list[bytes]:
    return [told(base, [0] + [None] * (count - 1), reference=turn, number=turn)] * LIES


def never_sent(base: int, count: int, turn: int) -> list[bytes]:
    """Ahead of what was sent, from before the first, and round all numbers."""
    ahead = base + count
    ranges = [(ahead, 1), (ahead + 100, 5), (ahead + 0x7FFF, 5), (ahead - 1, 2), (0, 1), (0, 5), (-100, 5)]
    return [told(first, [0] * length) for first, length in ranges] + [
        rtcp(RTPFB, 15, struct.pack("!IIHHIHHHH", 1, LIAR, first, 0xFFFF, 0, *[0x1FFF] * 4)) for first in (0, 1, ahead)
    ]


def every_packet_missing(base: int, count: int, turn: int) -> list[bytes]:
    """Asks for all numbers that there are, those never sent too."""
    return [nack(LIAR, range(first, first + 250)) for first in range(LIES * turn * 250, LIES * (turn + 1) * 250, 250)]


def what_was_sent_missing(base: int, count: int, turn: int) -> list[bytes]:
    return [nack(LIAR, range(100, 100 + COUNT * (turn + 1)))] * LIES


def parities_missing(base: int, count: int, turn: int) -> list[bytes]:
    return [nack(LIAR + 2, range(65536 - 250, 65536)), nack(LIAR + 2, range(250)), nack(LIAR + 1, range(250))] * 3


def no_picture(base: int, count: int, turn: int) -> list[bytes]:
    return [pli(LIAR), fir(LIAR, turn), pli(LIAR) * 50, b"".join(fir(LIAR, number) for number in range(50))] * 3


def of_others(base: int, count: int, turn: int) -> list[bytes]:
    """About the other's streams, the publisher's, and the other's numbers."""
    found = []
    for ssrc in (OTHER, OTHER + 1, OTHER + 2, 77):
        found += [nack(ssrc, range(100, 350)), pli(ssrc), fir(ssrc, turn)]
        found += [rr(9, report_block(ssrc, fraction=255, lost=99)), told(base, [0] * count, number=turn)]
    return found


LIARS: dict[Lie, set[str]] = {
    far_apart: set(),
    backwards: set(),
    to_and_fro: set(),
    half_the_clock_away: set(),
    all_at_once: set(),
    everything_at_last: set(),
    nothing_came: set(),
    one_came: set(),
    never_sent: {"rtcp_malformed"},
    every_packet_missing: {"resend_gone"},
    what_was_sent_missing: set(),
    parities_missing: set(),
    no_picture: set(),
    of_others: set(),
}
"""Which of the liar's own packets are counted as drops, beside what a full link and too many questions lead to."""


class Scene:
    """A publisher, a liar and another viewer."""

    def __init__(self, stage: Stage) -> None:
        self.publisher, track = stage.peer(), stage.track()
        self.publication = self.publisher.publish(track)
        self.liar, self.other = (stage.peer(send_ids={TWCC: 4}) for _ in range(2))
        self.routes = [
            viewer.watch(track, ssrc=ssrc, fec_payload_type=FEC, fec_ssrc=ssrc + 2)
            for viewer, ssrc in ((self.liar, LIAR), (self.other, OTHER))
        ]
        for route in self.routes:
            route.repair(percent=25, group_s=0.0)
        self.payloads: list[bytes] = []

    def send_picture(self) -> None:
        """Send one picture, and see that the other has it with its parity before anything else happens."""
        number = len(self.payloads) // COUNT
        for index in range(COUNT):
            self.payloads.append(h264(key=number == 0, body=bytes([0x80, number, index]) * 100))
            self.publisher.send(
                rtp(
                    COUNT * number + index,
                    self.payloads[-1],
                    timestamp=3000 * number,
                    payload_type=102,
                    marker=index == COUNT - 1,
                )
            )
        self.other.wait_packets((COUNT + 1) * (number + 1))

    @property
    def requests(self) -> int:
        return sum(item.kind == PSFB for item in self.publisher.read().control)


def of(packets: Sequence[Packet], ssrc: int) -> list[Packet]:
    return [packet for packet in packets if packet.ssrc == ssrc]


def assert_undisturbed(scene: Scene) -> None:
    """Assert that the other has what the publisher sent, one parity a picture, and no word that it did not say."""
    got = scene.other.settle().packets
    media, parities = of(got, OTHER), of(got, OTHER + 2)
    assert [packet.payload for packet in media] == scene.payloads
    assert continuous(sequences(media), 100)
    assert len(parities) == len(scene.payloads) // COUNT == len(got) - len(media)
    assert [int.from_bytes(packet.extensions[4], "big") for packet in got] == list(range(1, len(got) + 1))
    stats, route = scene.other.transport.stats(), scene.routes[1].stats()
    assert scene.other.transport.estimate is None
    assert (stats["feedback_received"], stats["feedback_lost"], stats["drops"]) == (0, 0, {})
    assert (route["resends"], route["remote_lost"], route["drops"]) == (0, 0, 0)
    assert scene.publisher.transport.stats()["drops"] == {}


def assert_bounded(liar: Peer, scene: Scene, seconds: float) -> None:
    """Assert that the liar got what the source sends, parities as agreed, and as many repairs as anybody may have."""
    got = liar.settle().packets
    assert {packet.ssrc for packet in got} <= {LIAR, LIAR + 1, LIAR + 2}
    media = of(got, LIAR)
    assert {packet.payload for packet in media} <= set(scene.payloads) and len(media) <= len(scene.payloads)
    assert continuous(sequences(media), 100)
    assert [int.from_bytes(packet.extensions[4], "big") for packet in got] == list(range(1, len(got) + 1))
    assert len(of(got, LIAR + 2)) <= len(media) // COUNT + 1
    assert len(of(got, LIAR + 1)) <= RESENDS_A_SECOND * (1 + seconds)
    estimate = liar.transport.estimate
    if estimate is not None:
        most_bps = max(START_BPS, sum(len(packet.raw) for packet in got) * 8 / BUSIEST_S)
        assert LEAST_BPS <= estimate["bps"] <= most_bps and LEAST_BPS <= estimate["settled_bps"] <= most_bps
        assert 0 <= estimate["loss"] <= 1 and estimate["queue_ms"] >= 0


@pytest.mark.parametrize("lie", LIARS, ids=lambda lie: lie.__name__.replace("_", " "))
def test_whatever_a_viewer_claims_is_bounded_and_no_other_is_the_worse_for_it(lie: Lie) -> None:
    with staged(keyframe_interval_ms=int(1000 * INTERVAL_S)) as stage:
        began = time.monotonic()
        scene = Scene(stage)
        for turn in range(PICTURES):
            before = len(scene.liar.received.packets)
            scene.send_picture()
            count = len(scene.liar.settle().packets) - before
            # What waits for room has no number yet.
            if count:
                scene.liar.send(*lie(before + 1, count, turn))
        stage.settle()
        scene.send_picture()
        assert_undisturbed(scene)
        assert_bounded(scene.liar, scene, time.monotonic() - began)
        assert scene.requests <= 1 + (time.monotonic() - began) / INTERVAL_S
        assert set(scene.liar.transport.stats()["drops"]) - {"link_full", "resend_rate"} == LIARS[lie]
