"""Pictures that wait for room in a viewer's link, at the socket: behind the sound, in order, and never in the way."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media.plane.twcc import Recorder
from tests.media.plane.packets import PSFB, Packet, continuous, nack, picture, rtp, sequences, vp8
from tests.media.plane.peers import CM, GCM, TWCC, Closable, Peer, Received, Stage, staged
from tests.patience import wait_until

SSRC, SOUND = 1000, 9
FIRST = 60
"number of the first picture after the link was found to be full"
VIEWER_NS = 77_000_000_000


def let_go(stage: Stage, *closed: Closable) -> None:
    """Keep no handle of what is closed: its memory goes as soon as the plane has given it back."""
    stage.owned = [thing for thing in stage.owned if thing not in closed]
    stage.settle()
    stage.events()


def is_full(viewer: Peer) -> bool:
    """Tell of what the viewer got last: half of it came without delay, the rest 100 ms later, and so for a while.

    False where that tells of no queue: on a machine that stood still the pictures did not leave together.
    """
    told, recorder = viewer.received.packets[-60:], Recorder()
    for index, packet in enumerate(told):
        late_ns = 100_000_000 if index >= 30 else 0
        recorder.record(int.from_bytes(packet.extensions[4], "big"), VIEWER_NS + index * 1_000_000 + late_ns)
        if index in (29, 44):
            viewer.send(recorder.build())
            viewer.settle()
    # A burst may wait; only what waits for longer is taken for a link that is full.
    began = time.monotonic()
    wait_until(lambda: time.monotonic() - began > 0.07, "the queue has stood for a while")
    viewer.send(recorder.build())
    viewer.settle()
    link = viewer.transport.estimate
    return link is not None and link["was_full"] and link["queue_ms"] > 80


class Scene:
    """A camera, a phone, and a viewer of both, who has got the first pictures."""

    def __init__(self, stage: Stage, profile: str = GCM) -> None:
        self.stage = stage
        self.camera, self.phone = stage.peer(), stage.peer()
        self.viewer = stage.peer(profile=profile, send_ids={TWCC: 4})
        self.track, self.sound = stage.track(), stage.track(video=False)
        self.publication = self.camera.publish(self.track)
        self.speech = self.phone.publish(self.sound)
        self.route = self.viewer.watch(self.track, ssrc=SSRC)
        self.viewer.watch(self.sound, ssrc=SOUND)
        self.next = FIRST
        self.spoken = 0
        for number in range(FIRST):
            self.camera.send(rtp(number, vp8(number, key=number == 0, body=bytes(90)), timestamp=3000 * number))
        self.viewer.wait_packets(FIRST)

    def leave(self) -> None:
        """Take all of it off the stage."""
        mine = {peer.transport for peer in (self.camera, self.phone, self.viewer)}
        routes = [route for route in self.stage.routes if route.transport in mine]
        gone = [*routes, self.publication, self.speech, self.track, self.sound, *mine]
        for thing in gone:
            thing.close()
        let_go(self.stage, *gone)
        for peer in (self.camera, self.phone, self.viewer):
            self.stage.peers.remove(peer)
            peer.socket.close()

    def show(self, number: int, packets: int, *, key: bool = False) -> list[bytes]:
        """Send a picture of packets of some 1,000 bytes."""
        made = [
            rtp(
                self.next + index,
                vp8(number, key=key, first=index == 0, body=bytes([number & 0xFF, index]) * 480),
                timestamp=number * 3000,
                marker=index == packets - 1,
            )
            for index in range(packets)
        ]
        self.next += packets
        self.camera.send(*made)
        return made

    def speak(self) -> None:
        self.phone.send(rtp(self.spoken, b"sound", timestamp=960 * self.spoken, payload_type=111))
        self.spoken += 1

    def pictures(self) -> list[Packet]:
        return [packet for packet in self.viewer.received.packets if packet.ssrc == SSRC]

    def asked(self) -> int:
        return sum(item.kind == PSFB and item.count == 1 for item in self.camera.read().control)

    def wait_pictures(self, count: int) -> list[Packet]:
        self.viewer.wait(lambda _: len(self.pictures()) >= count, f"{count} packets of pictures")
        return self.pictures()


def full_link(stage: Stage, profile: str = GCM) -> Scene:
    """A scene whose viewer has a full link: some 200 kb/s may be sent, 3,000 bytes in one go."""
    scenes: list[Scene] = []

    def found() -> bool:
        if scenes:
            scenes.pop().leave()
        scenes.append(Scene(stage, profile))
        return is_full(scenes[0].viewer)

    wait_until(found, "a link that is known to be full")
    return scenes[0]


def number_of(packet: Packet) -> int:
    """The number that `show` was given."""
    return packet.payload[-2]


def test_sound_passes_a_keyframe_that_waits_for_room(stage: Stage) -> None:
    scene = full_link(stage)
    scene.show(60, 30, key=True)
    scene.wait_pictures(FIRST + 1)
    for _ in range(3):
        scene.speak()
    got = scene.viewer.wait_packets(FIRST + 30 + 3)
    places = [index for index, packet in enumerate(got) if packet.ssrc == SOUND]
    assert max(places) < len(got) - 3
    assert continuous(sequences(scene.pictures()), 100)
    assert stage.drops == {}


@pytest.mark.parametrize("profile", [GCM, CM])
def test_what_waited_comes_whole_in_order_and_rightly_protected_and_is_repaired(stage: Stage, profile: str) -> None:
    scene = full_link(stage, profile)
    # A keyframe, because of other pictures that wait those are left out that a machine stood still for.
    sent = scene.show(60, 11, key=True)
    got = scene.wait_pictures(FIRST + 11)[FIRST:]
    assert sequences(got) == list(range(100 + FIRST, 100 + FIRST + 11))
    assert [packet.payload[5:] for packet in got] == [packet[17:] for packet in sent]
    assert [packet.marker for packet in got] == [packet[1] > 127 for packet in sent]
    assert scene.viewer.received.refused == [] and stage.drops == {}
    scene.viewer.send(nack(SSRC, [got[-1].sequence]))
    again = scene.viewer.wait_packets(FIRST + 12)[-1]
    assert (again.ssrc, again.original, again.payload[2:]) == (SSRC + 1, got[-1].sequence, got[-1].payload)


def messages(stage: Stage) -> int:
    """How many messages of pictures and sound the kernel was handed: all that were sent but for reports."""
    while True:
        before = stage.plane.counters()["sent_messages"]
        reports = sum(len(peer.settle().compounds) for peer in stage.peers)
        if stage.plane.counters()["sent_messages"] == before:
            return before - reports


def test_who_has_room_is_sent_a_picture_in_one_go() -> None:
    """One message of the kernel's, be the link unknown, known to have room, or full once with room for this."""
    with staged(flush_us=500_000) as stage:
        scene = full_link(stage)
        for other in (stage.peer(), stage.peer(send_ids={TWCC: 4})):
            other.watch(scene.track)
        scene.show(60, 1, key=True)
        scene.wait_pictures(FIRST + 1)
        before = messages(stage)
        scene.show(61, 2)
        for peer in stage.peers[2:]:
            peer.wait(lambda got: len(got.packets) % FIRST == 3, "both pictures")
        assert messages(stage) - before == 3


def test_on_overload_pictures_are_left_out_up_to_the_next_keyframe_which_is_asked_for(stage: Stage) -> None:
    scene = full_link(stage)
    scene.show(60, 2, key=True)
    for number in range(61, 71):
        scene.show(number, 5)
    wait_until(lambda: scene.asked() > 0, "a keyframe is asked for")
    lost = scene.route.stats()["drops"]
    assert stage.drops == scene.viewer.transport.stats()["drops"] == {"link_full": lost}
    scene.viewer.settle()
    left = len(scene.pictures())
    assert left + lost == FIRST + 2 + 50
    scene.show(71, 1)
    scene.show(72, 2, key=True)
    got = scene.wait_pictures(left + 2)
    assert continuous(sequences(got), 100)
    assert list(map(number_of, got[-2:])) == [72] * 2
    assert scene.route.stats()["drops"] == lost
    # Again at once: it is asked for when the pause is over.
    asked = scene.asked()
    for number in range(73, 83):
        scene.show(number, 5)
    wait_until(lambda: scene.asked() > asked, "another keyframe is asked for")


def test_a_keyframe_that_waits_already_is_gone_on_with_and_not_asked_for(stage: Stage) -> None:
    scene = full_link(stage)
    scene.show(60, 1, key=True)
    for number in range(61, 66):
        scene.show(number, 6)
    scene.show(66, 3, key=True)
    scene.viewer.wait(lambda _: number_of(scene.pictures()[-1]) == 66 and scene.pictures()[-1].marker, "the keyframe")
    got = scene.pictures()
    assert continuous(sequences(got), 100)
    assert list(map(number_of, got[-3:])) == [66] * 3
    assert scene.asked() == 0
    assert stage.drops == {"link_full": FIRST + 34 - len(got)}


def test_a_keyframe_that_has_waited_for_long_gives_way_to_a_newer_one_when_there_is_room(stage: Stage) -> None:
    scene = full_link(stage)
    scene.show(60, 1, key=True)
    before = len(scene.wait_pictures(FIRST + 1))

    def speaks() -> None:
        """Leave nothing to pictures for half a second."""
        for _ in range(300):
            scene.speak()
        scene.viewer.wait(lambda got: sum(one.ssrc == SOUND for one in got.packets) == scene.spoken, "all sounds")

    speaks()
    scene.show(61, 3, key=True)
    began = time.monotonic()
    wait_until(lambda: time.monotonic() - began > 0.3, "the keyframe has waited for some time")
    speaks()
    wait_until(lambda: scene.asked() == 1, "another one is asked for")
    scene.viewer.settle()
    assert len(scene.pictures()) == before
    scene.show(62, 3, key=True)
    got = scene.wait_pictures(before + 3)
    assert [number_of(packet) for packet in got[before:]] == [62] * 3
    assert continuous(sequences(got), 100)


def test_a_packet_whose_place_in_the_cache_was_needed_is_left_out_with_all_up_to_the_next_keyframe(
    stage: Stage,
) -> None:
    scene = full_link(stage)
    scene.show(60, 30, key=True)
    # The cache has 512 places, by number.
    scene.next += 490
    scene.show(61, 20)
    wait_until(lambda: "behind" in stage.drops, "a packet is missed")
    stage.settle()
    left = len(scene.viewer.settle().packets)
    assert stage.drops == {"behind": 1, "link_full": FIRST + 49 - left}
    scene.show(62, 2, key=True)
    assert continuous(sequences(scene.wait_pictures(left + 2)), 100)


@pytest.mark.parametrize("how", ["route", "publication", "publisher", "track", "pause"])
def test_of_what_ends_while_its_pictures_wait_no_more_leaves(stage: Stage, how: str) -> None:
    scene = full_link(stage)
    camera, track = stage.peer(), stage.track()
    camera.publish(track)
    scene.viewer.watch(track, ssrc=3000)
    scene.show(60, 30, key=True)
    scene.wait_pictures(FIRST + 1)
    ends: dict[str, Callable[[], None]] = {
        "route": scene.route.close,
        "publication": scene.publication.close,
        "publisher": scene.camera.transport.close,
        "track": scene.track.close,
        "pause": lambda: scene.route.set(paused=True),
    }
    ends[how]()
    scene.viewer.settle()
    left = len(scene.pictures())
    # It would have to wait behind what was there before.
    camera.send(*picture(0, 0, key=True))
    got = scene.viewer.wait(lambda got: sum(packet.ssrc == 3000 for packet in got.packets) == 3, "another picture")
    assert len(scene.pictures()) == left < FIRST + 30 and got.refused == []
    if how == "pause":
        scene.route.set()
        scene.show(61, 1)
        scene.show(62, 2, key=True)
        assert continuous(sequences(scene.wait_pictures(left + 2)), 100)


ACTS = ("show", "burst", "keyframe", "speak", "pause", "layer", "route", "publisher", "viewer", "ask", "settle")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(acts=st.lists(st.sampled_from(ACTS), min_size=3, max_size=25), seed=st.integers(0, 999))
def test_whatever_comes_and_goes_while_pictures_wait_numbers_stay_unbroken(acts: list[str], seed: int) -> None:
    with staged() as stage:
        Coming(stage, random.Random(seed)).run(acts)


class Coming:
    """A viewer behind a full link, whose route, publisher and transport come and go."""

    def __init__(self, stage: Stage, chance: random.Random) -> None:
        self.stage, self.chance = stage, chance
        self.scene = full_link(stage)
        self.number = FIRST
        self.paused = False
        self.ssrc = 2000

    def run(self, acts: list[str]) -> None:
        for act in acts:
            getattr(self, f"_{act}")()
        self.scene.viewer.settle()
        self._check(self.scene.viewer.read())

    @staticmethod
    def _check(got: Received) -> None:
        assert got.refused == []
        for ssrc in {packet.ssrc for packet in got.packets}:
            numbers = sequences(packet for packet in got.packets if packet.ssrc == ssrc)
            assert continuous(numbers, numbers[0])

    def _show(self) -> None:
        self.number += 1
        self.scene.show(self.number, self.chance.randint(1, 9))

    def _burst(self) -> None:
        for _ in range(self.chance.randint(1, 30)):
            self._show()

    def _keyframe(self) -> None:
        self.number += 1
        self.scene.show(self.number, self.chance.randint(1, 20), key=True)

    def _speak(self) -> None:
        self.scene.speak()

    def _pause(self) -> None:
        self.paused = not self.paused
        self.scene.route.set(paused=self.paused)

    def _layer(self) -> None:
        self.scene.route.set(paused=self.paused, layer=self.chance.randint(0, 1))

    def _route(self) -> None:
        self.scene.route.close()
        let_go(self.stage, self.scene.route)
        self.ssrc += 2
        self.scene.route = self.scene.viewer.watch(self.scene.track, ssrc=self.ssrc)
        self.paused = False

    def _publisher(self) -> None:
        old = self.scene.publication
        self.scene.camera = self.stage.peer()
        if self.chance.random() < 0.5:
            old.close()
        self.scene.publication = self.scene.camera.publish(self.scene.track)
        old.close()
        let_go(self.stage, old)

    def _viewer(self) -> None:
        """One goes with all that waits, another takes its place."""
        viewer = self.scene.viewer
        gone = [viewer.transport, *(route for route in self.stage.routes if route.transport is viewer.transport)]
        for thing in gone:
            thing.close()
        self._check(viewer.read())
        let_go(self.stage, *gone)
        self.stage.peers.remove(viewer)
        viewer.socket.close()
        self.scene = full_link(self.stage)
        self.number = FIRST
        self.paused = False

    def _ask(self) -> None:
        packets = self.scene.viewer.read().packets
        if packets:
            self.scene.viewer.send(nack(packets[-1].ssrc & ~1, [packets[-1].sequence]))

    def _settle(self) -> None:
        self.scene.viewer.settle()
