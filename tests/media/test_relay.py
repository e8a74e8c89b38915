"""The relay over its threads: where transports go, and tracks that follow their publisher from thread to thread."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise

import pytest
import structlog

from config import Media
from media import relay as relay_module
from media.plane.memory import live_objects
from media.plane.names import PlaneError
from media.plane.thread import DatagramReceived, PlaneEvent
from media.plane.transport import PlaneTransport
from media.relay import PublicationFormat, Relay, RelayTrack, RouteFormat
from signaling.ice.stun import build_request
from tests.media.plane.packets import rtp, vp8
from tests.media.plane.peers import VIDEO_ROUTE, VIDEO_TYPES, Peer, Stage
from tests.media.plane.tapped import Tapped
from tests.media.standstill import standing_still
from tests.patience import PATIENCE_S, wait_until
from tests.ports import free_ports

PUBLISHED = PublicationFormat(mid=b"0", payload_types=VIDEO_TYPES)
WATCHED = RouteFormat(ssrc=1000, rtx_ssrc=1001, payload_types=VIDEO_ROUTE, clock_rate=90_000)


def settings(threads: int = 2, port: int = 0) -> Media:
    return Media(bind="127.0.0.1", port=port, threads=threads)


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


@pytest.fixture
def relay(stage: Stage) -> Relay:
    """A relay of two threads, which the stage ends."""
    relay = Relay(settings())
    relay.open()
    for thread in relay.threads:
        thread.events()
    stage.threads += relay.threads
    return relay


def test_threads_take_ports_in_a_row() -> None:
    first = free_ports(2)
    with closing(Relay(settings(port=first))) as relay:
        relay.open()
        assert [thread.port for thread in relay.threads] == [first, first + 1]


def test_port_that_is_taken_is_named_and_the_others_are_given_back() -> None:
    first = free_ports(2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", first + 1))
        with closing(Relay(settings(port=first))) as relay, pytest.raises(PlaneError, match=str(first + 1)):
            relay.open()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
            again.bind(("127.0.0.1", first))


def test_close_may_come_twice_and_before_open() -> None:
    relay = Relay(settings())
    relay.close()
    before = live_objects(), threading.active_count()
    relay.open()
    relay.close()
    relay.close()
    assert (live_objects(), threading.active_count()) == before


def test_transports_go_where_fewest_are(relay: Relay) -> None:
    first = relay.choose_thread()
    relay.occupy(first)
    second = relay.choose_thread()
    assert second is not first
    relay.occupy(second)
    relay.occupy(second)
    assert relay.choose_thread() is first
    relay.vacate(second)
    relay.vacate(second)
    assert relay.choose_thread() is second


def test_viewers_stay_with_their_publisher_until_its_thread_has_clearly_more_to_do(relay: Relay) -> None:
    home, other = relay.threads
    for _ in range(8):
        assert relay.choose_thread(home) is home
        relay.occupy(home)
    assert relay.choose_thread(home) is home
    relay.occupy(home)
    assert relay.choose_thread(home) is other


def test_thread_that_stands_still_is_known_and_so_is_its_going_on(relay: Relay) -> None:
    stuck, other = relay.threads
    with standing_still(stuck):
        wait_until(lambda: not relay.is_turning(stuck), "the standstill is noticed")
        assert relay.is_turning(other) and not relay.all_turning
    wait_until(lambda: relay.all_turning, "it goes on")


def test_thread_that_was_only_late_gets_the_benefit(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "STILL_SECONDS", 0.0)
    monkeypatch.setattr(relay_module, "_BENEFIT_SECONDS", 2.0)
    # Idle, so it goes round a few times a second only: between two questions it has not.
    assert [relay.is_turning(relay.threads[0]) for _ in range(3)] == [True] * 3


async def test_events_reach_the_listener_until_close() -> None:
    relay = Relay(settings(1))
    relay.open()
    seen: asyncio.Queue[PlaneEvent] = asyncio.Queue()
    relay.start(seen.put_nowait)
    transport = PlaneTransport(relay.threads[0])
    transport.add_ufrag(b"ours")
    check = build_request(bytes(12), username=b"ours:theirs", key=b"k" * 24, priority=1, tie_breaker=1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.sendto(check, ("127.0.0.1", relay.threads[0].port))
        async with asyncio.timeout(PATIENCE_S):
            event = await seen.get()
        assert isinstance(event, DatagramReceived)
        assert (event.kind, event.transport, event.data) == ("stun", transport, check)
        assert event.remote == peer.getsockname()
    transport.close()
    relay.close()


async def test_fault_of_the_listener_costs_one_event_only(stage: Stage, relay: Relay) -> None:
    thread = relay.threads[0]
    transport = stage.own(PlaneTransport(thread))
    transport.add_ufrag(b"ours")
    checks = [
        build_request(bytes(11) + bytes([number]), username=b"ours:theirs", key=b"k" * 24, priority=1, tie_breaker=1)
        for number in range(2)
    ]
    heard: list[bytes] = []

    def listener(event: PlaneEvent) -> None:
        assert isinstance(event, DatagramReceived)
        heard.append(event.data)
        raise RuntimeError("a bug that nobody knows yet")

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        stage.commanded()
        for check in checks:
            peer.sendto(check, ("127.0.0.1", thread.port))
        wait_until(lambda: thread.counters()["received_packets"] >= 2, "both checks are in")
        stage.commanded()
        with structlog.testing.capture_logs() as events:
            relay.start(listener)
        assert heard == checks
        assert [(one["event"], one["exc_info"]) for one in events] == [("plane_event_failed", True)] * 2


class Source:
    """A relayed track with publishers and viewers on threads of the test's choice."""

    def __init__(self, stage: Stage, relay: Relay) -> None:
        self.stage = stage
        self.relay = relay
        self.track = RelayTrack(relay, is_video=True)
        self.sequence = 1
        stage.own(self.track)

    def publisher(self, thread: int) -> Peer:
        peer = self.stage.peer(plane=self.relay.threads[thread])
        self.stage.own(self.track.publish(peer.transport, PUBLISHED))
        return peer

    def viewer(self, thread: int) -> Peer:
        peer = self.stage.peer(plane=self.relay.threads[thread])
        self.stage.own(self.track.route(peer.transport, WATCHED))
        return peer

    def picture(self, peer: Peer, ssrc: int, *, key: bool = False) -> None:
        self.sequence += 1
        peer.send(rtp(self.sequence, vp8(self.sequence, key=key), timestamp=3000 * self.sequence, ssrc=ssrc))


@pytest.mark.parametrize("thread", [0, 1])
def test_viewers_of_every_thread_get_the_packets_once(stage: Stage, relay: Relay, thread: int) -> None:
    source = Source(stage, relay)
    early = [source.viewer(0), source.viewer(1)]
    publisher = source.publisher(thread)
    late = [source.viewer(0), source.viewer(1)]
    for number in range(5):
        source.picture(publisher, 77, key=number == 0)
    for viewer in (*early, *late):
        packets = viewer.wait_packets(5)
        assert {packet.ssrc for packet in packets} == {1000}
        assert [packet.sequence - packets[0].sequence for packet in packets] == [0, 1, 2, 3, 4]


def test_source_moves_to_the_thread_of_its_next_publisher_and_back(stage: Stage, relay: Relay) -> None:
    source = Source(stage, relay)
    viewers = [source.viewer(0), source.viewer(1)]
    wanted = 0
    for turn, thread in enumerate((0, 1, 1, 0)):
        publisher = source.publisher(thread)
        assert source.track.home is relay.threads[thread]
        for number in range(3):
            source.picture(publisher, 100 + turn, key=number == 0)
        wanted += 3
        for viewer in viewers:
            packets = viewer.wait_packets(wanted)
            steps = [after.sequence - before.sequence for before, after in pairwise(packets)]
            assert set(steps) == {1}


@pytest.mark.parametrize("thread", [None, 0, 1])
def test_a_tap_reads_on_while_the_publisher_moves(stage: Stage, relay: Relay, thread: int | None) -> None:
    source = Source(stage, relay)
    tapped = Tapped()
    stage.own(source.track.tap(tapped.ring, thread=None if thread is None else relay.threads[thread]))
    wanted = []
    for turn, home in enumerate((0, 1, 1, 0)):
        publisher = source.publisher(home)
        for number in range(3):
            source.picture(publisher, 100 + turn, key=number == 0)
            wanted.append((100 + turn, source.sequence))
        wait_until(lambda: len(tapped.packets()) == len(wanted), "the tap has all packets")
    stage.settle()
    assert [(record.ssrc, record.sequence) for record in tapped.packets()] == wanted


def test_packets_of_the_replaced_publisher_reach_nobody(stage: Stage, relay: Relay) -> None:
    source = Source(stage, relay)
    viewers = [source.viewer(0), source.viewer(1)]
    old = source.publisher(0)
    source.picture(old, 5, key=True)
    for viewer in viewers:
        viewer.wait_packets(1)
    new = source.publisher(1)
    source.picture(new, 6, key=True)
    for viewer in viewers:
        viewer.wait_packets(2)
    source.picture(old, 5)
    stage.settle()
    assert [len(viewer.settle().packets) for viewer in viewers] == [2, 2]


def test_keyframe_wish_of_a_viewer_on_another_thread_reaches_the_publisher(stage: Stage, relay: Relay) -> None:
    source = Source(stage, relay)
    publisher = source.publisher(0)
    source.picture(publisher, 77, key=True)
    stage.settle()
    source.viewer(1)
    # RFC 4585: payload-specific feedback, format 1, a picture is lost.
    assert publisher.wait_control(206, 1).media_ssrc == 77
