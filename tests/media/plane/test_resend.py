"""Resending at the socket: as RTX or under the same number, from what the cache holds, within bounds."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from media.plane.objects import RESENDS_A_SECOND
from tests.media.plane.packets import (
    SR,
    VP8,
    continuous,
    extension_block,
    nack,
    picture,
    pictures,
    report_block,
    rr,
    rtp,
    sequences,
    vp8,
)
from tests.media.plane.peers import CM, GCM, MID, RID, Peer, Stage
from tests.patience import wait_until


@pytest.mark.parametrize("profile", [GCM, CM, ""])
def test_what_a_viewer_lost_comes_again_as_rtx(stage: Stage, profile: str) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(profile=profile, plain=not profile), stage.track()
    publisher.publish(track)
    route = viewer.watch(track, first_sequence=65_530)
    publisher.send(*pictures(0, 4))
    first = list(viewer.wait_packets(12))
    wanted = [65_531, 65_535, 0, 3]
    viewer.send(nack(1000, wanted))
    again = viewer.wait_packets(16)[12:]
    assert [packet.original for packet in again] == wanted
    for packet in again:
        before = next(item for item in first if item.sequence == packet.original)
        assert (packet.ssrc, packet.payload_type) == (1001, 101)
        assert packet.payload[2:] == before.payload
        assert (packet.timestamp, packet.marker) == (before.timestamp, before.marker)
    assert continuous(sequences(again), again[0].sequence)
    assert route.stats()["resends"] == 4


def test_a_packet_asked_for_many_times_at_once_comes_once(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track()
    publisher.publish(track)
    route = viewer.watch(track)
    publisher.send(*pictures(0, 4))
    viewer.wait_packets(12)
    viewer.send(nack(1000, [103, 104] * 50))
    viewer.settle()
    assert [packet.original for packet in viewer.received.packets[12:]] == [103, 104]
    assert route.stats()["resends"] == 2


@pytest.mark.parametrize(("profile", "resent"), [(GCM, 0), (CM, 2), ("", 2)])
def test_without_rtx_only_a_cipher_that_bears_it_repeats_the_packet(stage: Stage, profile: str, resent: int) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(profile=profile, plain=not profile), stage.track()
    publisher.publish(track)
    route = viewer.watch(track, rtx_ssrc=0, payload_types={VP8: (100, 0)})
    publisher.send(*pictures(0, 4))
    first = list(viewer.wait_packets(12))
    viewer.send(nack(1000, [105, 106]))
    viewer.settle()
    assert route.stats()["resends"] == resent
    raw = viewer.received.refused if profile else [packet.raw for packet in viewer.received.packets[12:]]
    assert len(raw) == resent
    for number, datagram in enumerate(raw):
        before = first[5 + number].raw
        assert datagram[2:12] == before[2:12]
        tag = 10 if profile else 0
        shared = min(len(datagram), len(before)) - tag
        assert shared > 100
        assert datagram[12:shared] == before[12:shared]
    assert stage.drops == {}


def test_a_lost_packet_is_resent_from_before_a_pause(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track()
    publisher.publish(track)
    route = viewer.watch(track)
    publisher.send(*pictures(0, 2))
    viewer.wait_packets(6)
    route.set(paused=True)
    stage.settle()
    publisher.send(*picture(2, 6))
    publisher.settle()
    route.set()
    stage.settle()
    publisher.send(*picture(3, 9, key=True))
    viewer.wait_packets(9)
    viewer.send(nack(1000, [102, 107]))
    got = viewer.wait_packets(11)
    assert got[9].payload[2:] == got[2].payload
    assert got[10].payload[2:] == got[7].payload


# --- from before a switch -------------------------------------------------------------------------------------------


#: Number, timestamp and payload of the packet that came again.
Resent = tuple[int, int, bytes]


class Switched:
    """A viewer who got two pictures before a switch and two after it, and asks for some of all."""

    asked = (101, 105, 106, 111)

    def __init__(self, stage: Stage, *, far: bool = False, **published: Any) -> None:
        self.stage = stage
        self.publisher = stage.peer(receive_ids={MID: 1, RID: 2})
        self.viewer = stage.peer(plane=stage.another() if far else None)
        self.track = stage.track()
        self.publication = self.publisher.publish(self.track, **published)
        watched = stage.track(plane=self.viewer.plane) if far else self.track
        if far:
            stage.mirror(self.track, watched)
        self.route = self.viewer.watch(watched)

    def before(self, packets: list[bytes]) -> None:
        self.publisher.send(*packets)
        self.viewer.wait_packets(6)

    def after(self, publisher: Peer, packets: list[bytes]) -> list[Resent]:
        """Send what comes after; give what is resent of `asked`."""
        publisher.send(*packets)
        assert sequences(self.viewer.wait_packets(12)) == list(range(100, 112))
        self.viewer.send(nack(1000, self.asked))
        again = self.viewer.settle().packets[12:]
        return [(packet.original, packet.timestamp, packet.payload[2:]) for packet in again]

    def sent(self, numbers: Sequence[int]) -> list[Resent]:
        """Give what the viewer got under these numbers at first."""
        first = [self.viewer.received.packets[number - 100] for number in numbers]
        return [(packet.sequence, packet.timestamp, packet.payload) for packet in first]

    @property
    def drops(self) -> dict[str, int]:
        drops: dict[str, int] = self.viewer.transport.stats()["drops"]
        return drops


def layer(packets: list[bytes], rid: bytes) -> list[bytes]:
    extension = extension_block({1: b"0", 2: rid})
    return [bytes([packet[0] | 0x10]) + packet[1:12] + extension + packet[12:] for packet in packets]


both_sides = pytest.mark.parametrize("far", [False, True], ids=["near", "on another thread"])


@both_sides
def test_a_lost_packet_is_resent_from_before_another_layer(stage: Stage, far: bool) -> None:
    scene = Switched(stage, far=far, rids=[b"a", b"b"])
    scene.before(layer(pictures(0, 2), b"a"))
    scene.route.set(layer=1)
    stage.settle()
    resent = scene.after(scene.publisher, layer(pictures(2, 2, ssrc=78), b"b"))
    assert resent == scene.sent(scene.asked)
    assert scene.drops == {}


@both_sides
def test_a_lost_packet_is_resent_from_before_the_publisher_numbered_anew(stage: Stage, far: bool) -> None:
    scene = Switched(stage, far=far)
    scene.before(pictures(0, 2))
    confirming = rtp(30_000, vp8(2), timestamp=9000)
    resent = scene.after(scene.publisher, [confirming, *pictures(2, 2, first_sequence=30_001)])
    assert resent == scene.sent(scene.asked)
    assert scene.drops == {}


@both_sides
def test_a_lost_packet_is_resent_from_before_the_publisher_took_another_ssrc(stage: Stage, far: bool) -> None:
    scene = Switched(stage, far=far)
    scene.before(pictures(0, 2))
    resent = scene.after(scene.publisher, pictures(2, 2, first_sequence=7, ssrc=79))
    assert resent == scene.sent(scene.asked)
    assert scene.drops == {}


def test_a_lost_packet_is_resent_from_a_publisher_that_was_replaced_until_it_goes(stage: Stage) -> None:
    for gone in (False, True):
        scene = Switched(stage)
        scene.before(pictures(0, 2))
        other = stage.peer()
        other.publish(scene.track)
        if gone:
            scene.publication.close()
        stage.settle()
        # The same numbers as the first one's: what is resent must be the first one's packets all the same.
        resent = scene.after(other, pictures(0, 2, ssrc=79))
        assert resent == scene.sent(scene.asked[2:] if gone else scene.asked)
        assert scene.drops == ({"resend_gone": 2} if gone else {})


LONG_AGO = [packet for number in range(220) for packet in picture(number, 3 * number, key=number == 0)]
# libsrtp would refuse to protect it; a leap of the numbers makes it old while it still lies in the cache.
BEHIND_THE_WINDOW = [*pictures(0, 1), *picture(1, 2052)]


@pytest.mark.parametrize(
    ("profile", "rtx", "sent", "asked", "resent"),
    [(GCM, True, LONG_AGO, [100, 90, 5000], 0), (CM, False, BEHIND_THE_WINDOW, [100, 102, 2152], 1)],
    ids=["no longer known", "behind the cipher's window"],
)
def test_what_cannot_be_resent_is_counted_and_not_sent(
    stage: Stage, profile: str, rtx: bool, sent: list[bytes], asked: list[int], resent: int
) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(profile=profile), stage.track()
    publisher.publish(track)
    viewer.watch(track, rtx_ssrc=1001 if rtx else 0, payload_types={VP8: (100, 101 if rtx else 0)})
    publisher.send(*sent)
    viewer.wait_packets(len(sent))
    viewer.send(nack(1000, asked))
    viewer.settle()
    assert len(viewer.received.packets) == len(sent)
    assert len(viewer.received.refused) == resent  # under its own number again
    assert viewer.transport.stats()["drops"] == {"resend_gone": len(asked) - resent}


def test_a_nack_storm_is_answered_within_bounds_and_costs_nobody_else(stage: Stage) -> None:
    publisher, stormy, calm, track = stage.peer(), stage.peer(), stage.peer(), stage.track()
    publisher.publish(track)
    route = stormy.watch(track)
    calm.watch(track)
    for number in range(100):
        publisher.send(*picture(number, 3 * number, key=number == 0))
    calm.wait_packets(300)
    stormy.wait_packets(300)
    every = list(range(100, 400))
    began = time.monotonic()
    for _ in range(40):
        stormy.send(nack(1000, every), nack(1000, every[150:]))
        stormy.read()
    stormy.settle()
    # 300 at once, then what the bucket of 500 a second refills; a packet comes again after 20 ms at the earliest.
    assert 256 <= route.stats()["resends"] <= RESENDS_A_SECOND * (1 + time.monotonic() - began)
    assert stormy.transport.stats()["drops"]["resend_rate"] > 0
    publisher.send(*picture(100, 300))
    assert continuous(sequences(calm.wait_packets(303)), 100)
    assert calm.transport.stats()["drops"] == {}


def test_a_packet_is_not_resent_while_the_answer_before_may_be_on_its_way(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track()
    publisher.publish(track)
    route = viewer.watch(track)
    publisher.send(*pictures(0, 1))
    viewer.wait_packets(3)
    first = viewer.wait_control(SR)
    viewer.wait(lambda got: sum(item.kind == SR for item in got.control) == 2, "a second report")
    # The first is answered when the second is here: a round trip of a second.
    viewer.send(rr(9, report_block(1000, lsr=int.from_bytes(first.body[6:10], "big"))))
    viewer.settle()
    pause_s = 0.75 * route.stats()["rtt_ms"] / 1000
    assert pause_s > 0.6
    began = time.monotonic()
    viewer.send(nack(1000, [100]))
    while time.monotonic() < began + 0.1:
        viewer.send(nack(1000, [100]))
        viewer.settle()
    assert route.stats()["resends"] <= 1 + (time.monotonic() - began) // pause_s

    def again() -> bool:
        viewer.send(nack(1000, [100]))
        viewer.settle()
        return route.stats()["resends"] >= 2

    wait_until(again, "the packet again")
    assert time.monotonic() - began >= pause_s


def test_asking_for_what_is_gone_is_bounded_too(stage: Stage) -> None:
    """Each question costs a look into every cache of the track."""
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track()
    publisher.publish(track)
    viewer.watch(track, first_sequence=40_000)
    publisher.send(*pictures(0, 1))
    viewer.wait_packets(3)
    for turn in range(40):
        viewer.send(nack(1000, range(30_000 + 250 * turn, 30_250 + 250 * turn)))
    viewer.settle()
    drops = viewer.transport.stats()["drops"]
    assert drops["resend_gone"] + drops["resend_rate"] == 10_000
    assert drops["resend_gone"] < 5000


@pytest.mark.parametrize(
    "request_of", [lambda: nack(1001, [0]), lambda: nack(4242, [100])], ids=["of the repair stream", "of nothing"]
)
def test_a_nack_for_what_is_no_route_does_nothing(stage: Stage, request_of: Callable[[], bytes]) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track()
    publisher.publish(track)
    route = viewer.watch(track)
    publisher.send(*pictures(0, 1))
    viewer.wait_packets(3)
    viewer.send(request_of())
    viewer.settle()
    assert len(viewer.received.packets) == 3
    assert route.stats()["resends"] == 0


def test_a_route_that_is_closed_stops_and_the_others_go_on(stage: Stage) -> None:
    publisher, leaving, staying, track = stage.peer(), stage.peer(), stage.peer(), stage.track()
    publisher.publish(track)
    route = leaving.watch(track)
    staying.watch(track)
    publisher.send(*pictures(0, 1))
    leaving.wait_packets(3)
    route.close()
    stage.settle()
    wait_until(lambda: track.route_count == 1, "the route is gone")
    publisher.send(*picture(1, 3))
    staying.wait_packets(6)
    assert len(leaving.settle().packets) == 3
