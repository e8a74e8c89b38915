"""Tracks across two plane threads: the same bytes, repair there, keyframe requests back, publishers that move."""

import itertools
from collections.abc import Iterator
from functools import partial

import pytest

from config import Media
from media.plane.memory import live_objects
from media.plane.objects import PlanePublication, PlaneRoute
from media.plane.thread import PlaneEvent
from media.relay import PublicationFormat, Relay, RelayTrack, RouteFormat
from tests.media.plane.packets import PSFB, Packet, nack, pli, rtp, sr, vp8
from tests.media.plane.peers import (
    AUDIO_TYPES,
    LEVEL,
    MID,
    RID,
    VIDEO_ROUTE,
    VIDEO_TYPES,
    Closable,
    Peer,
    Stage,
    staged,
)
from tests.media.plane.test_report import ALLOWED_S, WrongClock, capture_error_s
from tests.patience import wait_until
from tests.ports import free_ports


def numbers(packets: list[Packet]) -> list[int]:
    return [packet.sequence for packet in packets]


class Bridged:
    """A publisher and a viewer on the near thread, a viewer on the far one."""

    def __init__(self, stage: Stage, *, video: bool = True, **options: object) -> None:
        self.far_plane = stage.another()
        self.publisher = stage.peer(receive_ids={MID: 1, RID: 2, LEVEL: 3})
        self.here, self.there = stage.peer(send_ids={LEVEL: 4}), stage.peer(plane=self.far_plane, send_ids={LEVEL: 5})
        self.near, self.far = stage.track(video=video), stage.track(video=video, plane=self.far_plane)
        types = VIDEO_TYPES if video else AUDIO_TYPES
        self.publication = self.publisher.publish(self.near, payload_types=types, **options)
        self.mirror = stage.mirror(self.near, self.far)
        self.near_route, self.far_route = self.here.watch(self.near), self.there.watch(self.far)


def test_both_threads_send_the_same_bytes(stage: Stage) -> None:
    bridged = Bridged(stage)
    packets = [
        rtp(65_500 + number, vp8(number, key=number == 0, body=bytes(number * 5)), timestamp=number * 3000)
        for number in range(100)
    ]
    bridged.publisher.send(*packets)
    for viewer in (bridged.here, bridged.there):
        got = viewer.wait_packets(100)
        assert [packet.payload for packet in got] == [packet[12:] for packet in packets]
        assert numbers(got) == list(range(100, 200))
        assert [packet.timestamp for packet in got] == [5000 + number * 3000 for number in range(100)]
    assert stage.drops == bridged.far_plane.counters()["drops"] == {}


def test_sound_crosses_with_its_level(stage: Stage) -> None:
    bridged = Bridged(stage, video=False)
    for number in range(200):
        bridged.publisher.send(rtp(number, bytes([number]), payload_type=111, extensions={3: bytes([number & 0x7F])}))
    for viewer, identifier in ((bridged.here, 4), (bridged.there, 5)):
        got = viewer.wait_packets(200)
        assert [packet.payload[0] for packet in got] == list(range(200))
        assert [packet.extensions[identifier][0] for packet in got] == [number & 0x7F for number in range(200)]


def test_a_nack_is_answered_on_the_far_thread(stage: Stage) -> None:
    bridged = Bridged(stage)
    packets = [rtp(number, vp8(number, key=number == 0)) for number in range(20)]
    bridged.publisher.send(*packets)
    bridged.there.wait_packets(20)
    bridged.there.send(nack(1000, [103, 111]))
    again = bridged.there.wait_packets(22)[20:]
    assert [(packet.ssrc, packet.original) for packet in again] == [(1001, 103), (1001, 111)]
    assert [packet.payload[2:] for packet in again] == [packets[3][12:], packets[11][12:]]
    assert bridged.far_route.stats()["resends"] == 2
    assert len(bridged.here.settle().packets) == 20


def test_a_hole_that_is_filled_late_is_filled_on_both_threads(stage: Stage) -> None:
    bridged = Bridged(stage)
    packets = [rtp(number, vp8(number, key=number == 0)) for number in range(20)]
    late = packets.pop(10)
    bridged.publisher.send(*packets, late)
    for viewer in (bridged.here, bridged.there):
        got = viewer.wait_packets(20)
        assert sorted(numbers(got)) == list(range(100, 120))
        assert next(packet for packet in got if packet.sequence == 110).payload == late[12:]


def test_a_keyframe_request_crosses_back_and_is_collected() -> None:
    with staged(keyframe_interval_ms=10_000) as stage:
        bridged = Bridged(stage)
        bridged.publisher.send(rtp(0, vp8(0, key=True)))
        bridged.there.wait_packets(1)
        for _ in range(20):
            bridged.there.send(pli(1000))
            bridged.here.send(pli(1000))
        wait_until(lambda: bridged.publication.stats()[0]["keyframe_requests"] >= 1, "the publisher was asked")
        stage.settle()
        assert bridged.publication.stats()[0]["keyframe_requests"] == 1
        assert bridged.publisher.wait_control(PSFB, 1).media_ssrc == 77


def test_a_far_viewer_who_comes_later_has_a_keyframe_asked_for(stage: Stage) -> None:
    bridged = Bridged(stage)
    bridged.publisher.send(rtp(0, vp8(0, key=True)))
    bridged.there.wait_packets(1)
    asked = bridged.publication.stats()[0]["keyframe_requests"]
    late = stage.peer(plane=bridged.far_plane)
    late.watch(bridged.far)
    wait_until(lambda: bridged.publication.stats()[0]["keyframe_requests"] > asked, "asked for the late viewer")
    bridged.publisher.send(rtp(1, vp8(1, key=True)))
    assert numbers(late.wait_packets(1)) == [100]


def test_mirrors_that_begin_while_packets_flow_wake_both_threads(stage: Stage) -> None:
    """Either thread may write to the other before that one watches the ring."""
    publisher, near, far_plane = stage.peer(), stage.track(), stage.another()
    publication = publisher.publish(near)
    watcher = stage.peer(plane=far_plane)
    publisher.send(rtp(0, vp8(0, key=True)))
    numbers = itertools.count(1)

    def comes(ssrc: int) -> bool:
        number = next(numbers)
        publisher.send(rtp(number, vp8(number, key=True)))
        # No faster than they are read: what the kernel drops by the thousand no SRTP receiver catches up with.
        stage.wait_read()
        return any(packet.ssrc == ssrc for packet in watcher.read().packets)

    for turn in range(60):
        far = stage.track(plane=far_plane)
        route = watcher.watch(far, ssrc=10_000 + 2 * turn)
        mirror = stage.mirror(near, far)
        stage.unapplied = False  # packets flow while the threads learn of it
        wait_until(partial(comes, 10_000 + 2 * turn), f"a packet over mirror {turn}")
        watcher.received.packets.clear()
        route.close()
        mirror.close()
        far.close()
    assert publication.stats()[0]["packets"] > 60


def test_layers_are_switched_on_the_far_thread_alone(stage: Stage) -> None:
    bridged = Bridged(stage, rids=[b"a", b"b"])

    def both_layers(number: int, *, key: bool) -> None:
        for layer in range(2):
            bridged.publisher.send(
                rtp(
                    number,
                    vp8(number, key=key, body=bytes([layer])),
                    timestamp=number * 3000 + layer * 0x10000000,
                    ssrc=500 + layer,
                    extensions={1: b"0", 2: b"ab"[layer : layer + 1]},
                )
            )

    both_layers(0, key=True)
    both_layers(1, key=False)
    bridged.there.wait_packets(2)
    bridged.far_route.set(layer=1)
    stage.settle()
    both_layers(2, key=False)
    both_layers(3, key=True)
    both_layers(4, key=False)
    got = bridged.there.wait_packets(6)
    assert [packet.payload[-1] for packet in got] == [0, 0, 0, 0, 1, 1]
    assert numbers(got) == list(range(100, 106))
    assert all(0 <= b.timestamp - a.timestamp < 45_000 for a, b in itertools.pairwise(got))
    assert [packet.payload[-1] for packet in bridged.here.wait_packets(5)] == [0] * 5


def test_the_far_threads_reports_tell_capture_too(stage: Stage) -> None:
    bridged = Bridged(stage)
    camera = WrongClock(bridged.publisher, 4000.0, base=7)
    camera.picture(key=True)
    camera.reports()
    camera.picture()
    bridged.there.wait_packets(2)
    assert abs(capture_error_s(bridged.there, camera)) < ALLOWED_S


def test_a_restarted_publisher_continues_on_the_far_thread(stage: Stage) -> None:
    bridged = Bridged(stage)
    bridged.publisher.send(*(rtp(number, vp8(number, key=number == 0)) for number in range(5)))
    bridged.there.wait_packets(5)
    bridged.publication.close()
    other = stage.peer()
    other.publish(bridged.near)
    other.send(*(rtp(40_000 + number, vp8(number, key=number == 0), ssrc=4) for number in range(5)))
    for viewer in (bridged.here, bridged.there):
        assert numbers(viewer.wait_packets(10)) == list(range(100, 110))


def test_a_far_thread_that_cannot_keep_up_loses_its_own_viewers_packets(stage: Stage) -> None:
    """The far thread is ended while packets go on: its ring fills, the near viewers notice nothing."""
    bridged = Bridged(stage, video=False)
    stage.settle()
    bridged.far_plane.close()
    for start in range(0, 1000, 100):
        bridged.publisher.send(*(rtp(number, b"sound", payload_type=111) for number in range(start, start + 100)))
        bridged.here.wait_packets(start + 100)
    assert stage.drops == {"bridge_full": 1000 - 512}


@pytest.mark.parametrize("order", list(itertools.permutations(range(5)))[::7])
def test_ends_may_close_in_any_order_while_packets_cross(order: tuple[int, ...]) -> None:
    with staged() as stage:
        bridged = Bridged(stage)
        things: list[Closable] = [bridged.mirror, bridged.near, bridged.far, bridged.publication, bridged.far_route]
        for number, index in enumerate(order):
            bridged.publisher.send(*(rtp(10 * number + at, vp8(at, key=at == 0)) for at in range(10)))
            bridged.there.send(nack(1000, range(100, 110)), pli(1000))
            things[index].close()
        stage.settle()
    assert not any(live_objects().values())


def test_a_mirror_of_a_closed_thread_lets_go_of_the_other(stage: Stage) -> None:
    bridged = Bridged(stage)
    stage.settle()
    bridged.far_plane.close()
    bridged.mirror.close()
    stage.settle()
    wait_until(lambda: not stage.events() and live_objects()["mirror"] == 0, "the mirror is back")
    bridged.publisher.send(*(rtp(number, vp8(number, key=number == 0)) for number in range(600)))
    assert numbers(bridged.here.wait_packets(600)) == list(range(100, 700))
    assert stage.drops == {}, "more than the ring to the other thread would have held"


# --- the relay over two threads ---------------------------------------------------------------------------------------


PUBLICATION = PublicationFormat(mid=b"0", payload_types=VIDEO_TYPES)
ROUTE = RouteFormat(ssrc=1000, rtx_ssrc=1001, payload_types=VIDEO_ROUTE, clock_rate=90_000)


class Node:
    """A relay of two threads with a stage's tools; the stage's own thread is only for its barrier."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.relay = Relay(Media())
        self.track = RelayTrack(self.relay, is_video=True)
        self.publications: list[PlanePublication] = []
        self.routes: list[PlaneRoute] = []

    def open(self) -> None:
        """Take the stage's threads instead of fixed ports."""
        self.relay.threads = [self.stage.plane, self.stage.another()]
        self.relay._transports = {0: 0, 1: 0}

    def publisher(self, thread: int) -> Peer:
        peer = self.stage.peer(plane=self.relay.threads[thread])
        self.publications.append(self.stage.own(self.track.publish(peer.transport, PUBLICATION)))
        return peer

    def viewer(self, thread: int) -> Peer:
        peer = self.stage.peer(plane=self.relay.threads[thread])
        self.routes.append(self.stage.own(self.track.route(peer.transport, ROUTE)))
        return peer

    def close(self) -> None:
        things: list[Closable] = [*self.publications, *self.routes, self.track]
        for thing in things:
            thing.close()


@pytest.fixture
def node(stage: Stage) -> Iterator[Node]:
    made = Node(stage)
    made.open()
    yield made
    made.close()


def pictures(peer: Peer, first: int, count: int, start: int = 0) -> None:
    peer.send(*(rtp(first + at, vp8(at, key=at == 0), timestamp=start + at * 3000) for at in range(count)))


def test_a_relay_track_reaches_viewers_on_both_threads(node: Node) -> None:
    publisher = node.publisher(0)
    viewers = [node.viewer(thread) for thread in (0, 1, 1, 0)]
    pictures(publisher, 0, 30)
    for viewer in viewers:
        got = viewer.wait_packets(30)
        assert numbers(got) == [(got[0].sequence + at) & 0xFFFF for at in range(30)]
    assert node.track.home is node.relay.threads[0]


def test_viewers_who_came_first_are_fed_by_a_publisher_on_any_thread(node: Node) -> None:
    viewers = [node.viewer(thread) for thread in (0, 1)]
    publisher = node.publisher(1)
    pictures(publisher, 5, 10)
    for viewer in viewers:
        assert len(viewer.wait_packets(10)) == 10


def test_a_publisher_that_moves_between_threads_keeps_every_viewers_stream_whole(node: Node) -> None:
    viewers = [node.viewer(thread) for thread in (0, 1)]
    expected = 0
    for turn, thread in enumerate((0, 1, 1, 0, 1)):
        publisher = node.publisher(thread)
        node.stage.settle()
        pictures(publisher, 1000 * turn, 10, start=turn * 77_777)
        expected += 10
        for viewer in viewers:
            got = viewer.wait_packets(expected)
            assert numbers(got) == [(got[0].sequence + at) & 0xFFFF for at in range(expected)]
            assert all(((b.timestamp - a.timestamp) & 0xFFFFFFFF) < 1 << 31 for a, b in itertools.pairwise(got))
        assert node.track.home is node.relay.threads[thread]
        if turn % 2:
            node.publications[-2].close()
    # The replaced ones are still there and still send: nobody hears them.
    publisher.send(sr(77, 1 << 32, 0))
    for peer in node.stage.peers:
        if peer not in viewers and peer is not publisher:
            pictures(peer, 20_000, 3)
    node.stage.settle()
    for viewer in viewers:
        viewer.settle()
        assert len(viewer.received.packets) == expected


def test_a_far_viewers_wish_follows_the_publisher_that_moved(node: Node) -> None:
    viewer = node.viewer(0)
    publishers: list[Peer] = []
    for thread in (0, 1, 0):
        publisher = node.publisher(thread)
        publishers.append(publisher)
        node.stage.settle()
        pictures(publisher, 0, 1)
        viewer.wait(lambda got: bool(got.packets), "the first picture")
        for peer in publishers:
            peer.settle().control.clear()
        viewer.send(pli(1000))
        assert publisher.wait_control(PSFB, 1).media_ssrc == 77
        asked = [peer for peer in publishers if any(item.kind == PSFB for item in peer.settle().control)]
        assert asked == [publisher]
        viewer.received.packets.clear()
        node.publications[-1].close()


async def test_a_relay_hands_events_of_all_threads_to_one_loop() -> None:
    events: list[PlaneEvent] = []
    first = free_ports(2)
    relay = Relay(Media(bind="127.0.0.1", port=first, threads=2))
    relay.open()
    try:
        relay.start(events.append)
        assert [thread.port for thread in relay.threads] == [first, first + 1]
        for _ in range(9):
            relay.occupy(relay.threads[0])
        assert relay.choose_thread() is relay.threads[1]
        assert relay.choose_thread(relay.threads[0]) is relay.threads[1]
        relay.vacate(relay.threads[0])
        assert relay.choose_thread(relay.threads[0]) is relay.threads[0]
    finally:
        relay.close()
        relay.close()
    assert events == []
