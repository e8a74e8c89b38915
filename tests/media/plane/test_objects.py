"""Lives of the plane's objects: counted, freed in any order while packets flow, nothing left and nothing grown."""

import gc
import os
import random
import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.plane.memory import live_objects
from media.plane.names import PlaneError
from media.plane.objects import PlanePublication, PlaneRoute, PlaneTrack
from media.plane.srtp import SrtpKeys
from media.plane.tapring import DROP_OLDEST, TapRingView
from media.plane.thread import PlaneThread
from media.plane.transport import PlaneTransport
from tests.media.plane.packets import VP8, nack, pli, rtp, rtx, vp8
from tests.media.plane.peers import (
    AUDIO_ROUTE,
    AUDIO_TYPES,
    CM,
    GCM,
    KEY_BYTES,
    VIDEO_ROUTE,
    VIDEO_TYPES,
    Closable,
    Peer,
    Received,
    Stage,
    staged,
)
from tests.patience import PATIENCE_S, wait_until

NOTHING = {"transport": 0, "track": 0, "publication": 0, "route": 0, "tap": 0, "mirror": 0}


class Traffic:
    """One publisher's packets, for whoever listens; asks and repairs too."""

    def __init__(self, stage: Stage) -> None:
        self.publisher: Peer = stage.peer()
        self.number = 0

    def flow(self, count: int = 3) -> None:
        self.number += count
        for number in range(self.number - count, self.number):
            packet = rtp(number, vp8(number, key=number % 4 == 0), timestamp=number * 3000, marker=number % 3 == 0)
            if number % 7:
                self.publisher.send(packet)
            else:
                self.publisher.send(rtx(number, packet, ssrc=78))

    def ask(self, viewer: Peer) -> None:
        viewer.send(nack(1000, range(self.number - 20, self.number)), pli(1000))


def test_objects_are_counted_while_they_live() -> None:
    assert live_objects() == NOTHING
    with staged() as stage:
        publisher, viewer, track = stage.peer(), stage.peer(), stage.track()
        publication, route = publisher.publish(track), viewer.watch(track)
        stage.tap(track, TapRingView(65_536, DROP_OLDEST))
        other = stage.track(plane=stage.another())
        stage.mirror(track, other)
        assert live_objects() == {"transport": 2, "track": 2, "publication": 1, "route": 1, "tap": 1, "mirror": 1}
        route.close()
        publication.close()
        wait_until(
            lambda: not stage.events() and live_objects()["route"] == live_objects()["publication"] == 0, "freed"
        )
    assert live_objects() == NOTHING


def test_a_thread_frees_what_was_never_closed() -> None:
    plane = PlaneThread(0, "127.0.0.1", 0)
    transport, track = PlaneTransport(plane), PlaneTrack(plane, True)
    publication = PlanePublication(transport, track, mid=b"0", payload_types=VIDEO_TYPES)
    route = PlaneRoute(
        track, transport, ssrc=1, payload_types=VIDEO_ROUTE, clock_rate=90_000, first_timestamp=0, first_sequence=0
    )
    plane.close()
    assert live_objects() == NOTHING
    for thing in (route, publication, track, transport):
        thing.close()
    assert (route.stats()["packets"], publication.stats()[0]["packets"]) == (0, 0)


@pytest.mark.parametrize(
    "make",
    [
        lambda plane, transport, track: PlaneTransport(plane),
        lambda plane, transport, track: PlaneTrack(plane, True),
        lambda plane, transport, track: PlanePublication(transport, track, mid=b"", payload_types=AUDIO_TYPES),
        lambda plane, transport, track: PlaneRoute(
            track, transport, ssrc=1, payload_types={}, clock_rate=1, first_timestamp=0, first_sequence=0
        ),
    ],
)
def test_nothing_can_be_made_on_a_closed_thread(
    make: Callable[[PlaneThread, PlaneTransport, PlaneTrack], Closable],
) -> None:
    plane = PlaneThread(0, "127.0.0.1", 0)
    transport, track = PlaneTransport(plane), PlaneTrack(plane, True)
    plane.close()
    with pytest.raises(PlaneError, match="closed"):
        make(plane, transport, track)
    assert live_objects() == NOTHING


def test_closed_handles_take_no_more_orders(stage: Stage) -> None:
    peer, track = stage.peer(), stage.track()
    route = peer.watch(track)
    route.close()
    track.close()
    peer.transport.close()
    keys = peer.keys
    assert keys is not None
    orders: list[Callable[[], None]] = [
        lambda: route.set(paused=True),
        track.want_keyframe,
        lambda: peer.transport.validate(peer.address),
        lambda: peer.transport.select(peer.address),
        lambda: peer.transport.send(b"x", peer.address),
        lambda: peer.transport.add_ufrag(b"x"),
        lambda: peer.transport.remove_ufrag(b"x"),
        lambda: peer.transport.set_keys(keys),
    ]
    for order in orders:
        with pytest.raises(PlaneError, match="closed"):
            order()
    for thing in (route, track, peer.transport):
        thing.close()


def test_objects_of_two_threads_cannot_be_joined(stage: Stage) -> None:
    other = stage.another()
    transport, track, far = stage.peer().transport, stage.track(), stage.track(plane=other)
    with pytest.raises(PlaneError, match="different plane threads"):
        PlanePublication(transport, far, mid=b"", payload_types=AUDIO_TYPES)
    with pytest.raises(PlaneError, match="different plane threads"):
        PlaneRoute(far, transport, ssrc=1, payload_types={}, clock_rate=1, first_timestamp=0, first_sequence=0)
    with pytest.raises(PlaneError, match="two plane threads"):
        stage.mirror(track, track)


@pytest.mark.parametrize(
    "make",
    [
        lambda peer, track: PlaneTransport(peer.plane, send_ids={200: 1}),
        lambda peer, track: PlaneTransport(peer.plane, send_ids={-1: 1}),
        lambda peer, track: PlaneTransport(peer.plane, receive_ids={10: 1}),
        lambda peer, track: peer.publish(track, payload_types=((96, 12, 90_000, 0),)),
        lambda peer, track: peer.publish(track, payload_types=((128, VP8, 90_000, 0),)),
        lambda peer, track: peer.watch(track, payload_types={12: (100, 101)}),
        lambda peer, track: peer.watch(track, payload_types={VP8: (100, 128)}),
        lambda peer, track: peer.watch(track, payload_types={VP8: (-1, 101)}),
    ],
)
def test_numbers_that_are_no_places_in_the_plane_are_refused(
    stage: Stage, make: Callable[[Peer, PlaneTrack], Closable]
) -> None:
    peer, track = stage.peer(), stage.track()
    before = live_objects()
    with pytest.raises(ValueError):
        make(peer, track)
    assert live_objects() == before
    peer.watch(track)


def test_too_large_a_datagram_is_refused_at_once(stage: Stage) -> None:
    with pytest.raises(ValueError, match="larger"):
        stage.peer().transport.send(bytes(1601), ("127.0.0.1", 9))


def test_keys_may_be_replaced_while_packets_flow(stage: Stage) -> None:
    """A peer that starts its session anew: the old contexts must outlive the thread's last use of them."""
    traffic, viewer, track = Traffic(stage), stage.peer(), stage.track()
    traffic.publisher.publish(track)
    viewer.watch(track)
    for _ in range(50):
        traffic.flow(5)
        viewer.transport.set_keys(SrtpKeys(GCM, os.urandom(KEY_BYTES[GCM]), os.urandom(KEY_BYTES[GCM])))
        gc.collect(0)
    stage.settle()
    viewer.new_keys()
    assert viewer.keys is not None
    viewer.transport.set_keys(viewer.keys)
    stage.settle()
    viewer.read()
    before = len(viewer.received.packets)
    traffic.flow(8)
    viewer.wait(lambda got: len(got.packets) > before, "packets under the newest keys")


class Visitors:
    """Viewers of picture and sound who come, watch for a moment, and go."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.socket = stage.peer()
        self.picture, self.voice = stage.track(), stage.track(video=False)
        self.traffic = Traffic(stage)
        self.feeding: list[Closable] = []

    def feed(self) -> None:
        """The publisher's two lines leave and come anew."""
        self.starve()
        transport = self.traffic.publisher.transport
        self.feeding = [
            PlanePublication(transport, self.picture, mid=b"v", payload_types=VIDEO_TYPES),
            PlanePublication(transport, self.voice, mid=b"a", payload_types=AUDIO_TYPES),
        ]

    def starve(self) -> None:
        for thing in self.feeding:
            thing.close()

    def visit(self, number: int) -> None:
        """One viewer's whole life, with packets before and after its first command is applied."""
        transport = PlaneTransport(self.stage.plane, send_ids={5: 4})
        transport.add_ufrag(b"user%d" % number)
        transport.validate(self.socket.address)
        transport.select(self.socket.address)
        profile = GCM if number % 2 else CM
        transport.set_keys(SrtpKeys(profile, os.urandom(KEY_BYTES[profile]), os.urandom(KEY_BYTES[profile])))
        routes = [
            PlaneRoute(
                track,
                transport,
                ssrc=1 + at,
                payload_types=VIDEO_ROUTE if track.is_video else AUDIO_ROUTE,
                clock_rate=90_000,
                first_timestamp=0,
                first_sequence=0,
            )
            for at, track in enumerate((self.picture, self.voice))
        ]
        if number % 10 == 0:
            self.feed()
        self.traffic.flow(2)
        self.stage.commanded()
        self.traffic.flow(4)
        if number % 2:
            self.stage.settle()  # half of them leave with packets on the way, the others have been served
        leaving: list[Closable] = [*routes, transport]
        for thing in leaving if number % 3 else leaving[::-1]:
            thing.close()
        if number % 16 == 0:
            self.stage.settle()
            self.stage.events()

    def rest(self) -> tuple[int, int, dict[str, int]]:
        """Wait until all have gone; return resident bytes, open descriptors, living objects."""
        self.stage.settle()
        for peer in (self.socket, self.traffic.publisher):
            peer.read()
            peer.received = Received()
        wait_until(lambda: not self.stage.events() and live_objects()["transport"] == 3, "all viewers gone")
        return resident_bytes(), len(os.listdir("/proc/self/fd")), live_objects()


def resident_bytes() -> int:
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def grown_by_silent_publications() -> None:
    """Print by how many bytes 120 streams grow a fresh process; one that ran before has old memory to use again."""
    with staged() as stage:
        publisher, track = stage.peer(), stage.track()
        before = resident_bytes()
        for number in range(40):
            publisher.publish(track, mid=b"%d" % number, rids=[b"a", b"b", b"c"])
        stage.commanded()
        print(resident_bytes() - before)


def test_caches_cost_no_memory_before_packets_come() -> None:
    code = "from tests.media.plane.test_objects import grown_by_silent_publications as run; run()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True, timeout=PATIENCE_S)
    # AddressSanitizer writes to all that it clears.
    assert int(done.stdout) < (256 << 20 if "asan" in os.environ.get("LD_PRELOAD", "") else 8 << 20)


def test_a_thousand_viewers_come_and_go_and_memory_stays_flat() -> None:
    """While packets flow, with keys and two tracks each; every tenth time the publisher comes anew."""
    with staged() as stage:
        visitors = Visitors(stage)
        for number in range(250):
            visitors.visit(number)
        resident, descriptors, alive = visitors.rest()
        for number in range(250, 1250):
            visitors.visit(number)
        resident_after, descriptors_after, alive_after = visitors.rest()
        # AddressSanitizer keeps freed memory back on purpose, up to 256 MB.
        allowed = 256 << 20 if "asan" in os.environ.get("LD_PRELOAD", "") else 2 << 20
        assert resident_after - resident < allowed
        assert (descriptors_after, alive_after) == (descriptors, alive)
        assert stage.plane.counters()["sent_packets"] > 2000
        visitors.starve()


@settings(max_examples=150)
@given(seed=st.integers(0, 2**32 - 1), threads=st.sampled_from([1, 1, 2]))
def test_objects_may_go_in_any_order_under_traffic(seed: int, threads: int) -> None:
    chance = random.Random(seed)
    with staged() as stage:
        traffic = Traffic(stage)
        tracks = [stage.track() for _ in range(2)]
        viewers = [stage.peer(profile=chance.choice((GCM, CM))) for _ in range(3)]
        things: list[Closable] = [*tracks, traffic.publisher.transport, *(viewer.transport for viewer in viewers)]
        things += [traffic.publisher.publish(track, mid=b"%d" % at) for at, track in enumerate(tracks)]
        rival = stage.peer()
        things += [rival.transport, rival.publish(chance.choice(tracks))]
        things += [viewer.watch(track, ssrc=1000 * (at + 1)) for viewer in viewers for at, track in enumerate(tracks)]
        things += [stage.tap(track, TapRingView(65_536, DROP_OLDEST)) for track in tracks]
        if threads == 2:
            far = stage.another()
            viewer = stage.peer(plane=far)
            track = stage.track(plane=far)
            things += [track, viewer.transport, viewer.watch(track), stage.mirror(tracks[0], track)]
            viewers.append(viewer)
            del track
        del tracks
        chance.shuffle(things)
        traffic.flow(8)
        # Nobody but the plane keeps them alive: what it still touched would be freed memory.
        stage.owned.clear()
        while things:
            thing = things.pop()
            traffic.flow(chance.randrange(4))
            if chance.random() < 0.3:
                traffic.ask(chance.choice(viewers))
            if chance.random() < 0.2:
                for route in things:
                    if isinstance(route, PlaneRoute):
                        route.set(paused=chance.random() < 0.5, layer=chance.randrange(3))
            thing.close()
            del thing
            if chance.random() < 0.3:
                stage.events()
        traffic.flow(8)
        wait_until(lambda: not stage.events() and not any(live_objects()[kind] for kind in ("track", "route")), "freed")
    assert live_objects() == NOTHING
