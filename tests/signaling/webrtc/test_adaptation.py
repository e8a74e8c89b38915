"""What each viewer's link carries, on the real plane: three layers of a camera, and viewers of all kinds."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from aiortc.codecs.vpx import VpxPayloadDescriptor

from media.plane.objects import TEMPORAL_ALL, PlanePublication, PlaneTrack
from media.plane.twcc import Recorder
from signaling.webrtc.adaptation import Adaptation
from signaling.webrtc.measured import Measured
from signaling.webrtc.records import SourceMedia
from signaling.webrtc.taking import Sight, Taking
from tests.media.plane.packets import PSFB, continuous, picture_ids, rtp, sequences, vp8
from tests.media.plane.peers import MID, RID, TWCC, Peer, Stage, staged
from tests.media.plane.test_backlog import VIEWER_NS, is_full
from tests.media.plane.test_temporal import payload
from tests.patience import wait_until

SIZES = ((320, 180), (640, 360), (1280, 720))
FRAME_S = 1 / 15
SOURCE = "camera"


@dataclass
class Scene:
    """A camera that sends q, h and f of some 50, 100 and 150 kb/s as long as something is waited for."""

    camera: Peer
    track: PlaneTrack
    publication: PlanePublication
    viewers: list[str] = field(default_factory=list)
    silent: frozenset[int] = frozenset()
    number: int = 0
    due: float = 0.0

    def __post_init__(self) -> None:
        media = SourceMedia({}, {"video": self.publication})
        self.adaptation = Adaptation(Measured({SOURCE: media}), lambda: self.camera.stage.plane.links_filled)

    def view(self, peer: Peer, sight: Sight | None = None) -> Taking:
        taking = Taking(SOURCE, "video", peer.watch(self.track))
        taking.sight = sight or taking.sight
        self.viewers.append(f"viewer {len(self.viewers)}")
        self.adaptation.add(self.viewers[-1], peer.transport, {"0": taking}.copy)
        return taking

    def see(self, taking: Taking, sight: Sight) -> None:
        """Let a viewer show a picture otherwise."""
        taking.sight = sight
        for viewer in self.viewers:
            self.adaptation.soon(viewer)

    def turn(self) -> None:
        """Send a picture of each layer when it is time, and look at the links."""
        now = time.monotonic()
        if now < self.due:
            return
        self.due = now + FRAME_S
        for layer, (width, height) in enumerate(SIZES):
            if layer in self.silent:
                continue
            key = bytearray(vp8(self.number, key=True, body=bytes([layer]) * 400 * (layer + 1)))
            key[11:15] = struct.pack("<HH", width, height)
            names = {1: b"0", 2: b"qhf"[layer : layer + 1]}
            stamp = self.number * 6000
            self.camera.send(rtp(self.number, bytes(key), timestamp=stamp, ssrc=90 + layer, extensions=names))
        self.number += 1
        self.adaptation.look(time.monotonic_ns() // 1000)

    def until(self, what: str, condition: Callable[[], bool]) -> None:
        def holds() -> bool:
            self.turn()
            return condition()

        wait_until(holds, what)


@pytest.fixture
def stage() -> Iterator[Stage]:
    with staged() as stage:
        yield stage


@pytest.fixture
def scene(stage: Stage) -> Scene:
    camera, track = stage.peer(receive_ids={MID: 1, RID: 2}), stage.track()
    return Scene(camera, track, camera.publish(track, rids=[b"q", b"h", b"f"]))


def shown(peer: Peer) -> int:
    """The layer of the picture that came last, -1 before any."""
    packets = peer.read().packets
    return packets[-1].payload[-1] if packets else -1


def test_who_tells_nothing_of_its_link_gets_the_layer_that_is_shown_and_no_larger(scene: Scene, stage: Stage) -> None:
    tile, wall = stage.peer(), stage.peer()
    scene.view(tile, Sight(320, 180))
    scene.view(wall)
    scene.until("the wall has the largest", lambda: shown(wall) == 2)
    assert shown(tile) == 0


def test_what_rules_cut_stays_cut_whatever_the_link_carries(scene: Scene, stage: Stage) -> None:
    wall = stage.peer()
    taking = scene.view(wall)
    taking.allow(False)
    scene.until("the layers are known", lambda: len(scene.adaptation.measured.layers(SOURCE, _now_us())) == 3)
    other = stage.peer()
    scene.view(other)
    scene.until("others have the largest", lambda: shown(other) == 2)
    assert shown(wall) == -1
    taking.allow(True)
    scene.until("it flows again", lambda: shown(wall) == 2)


def test_who_shows_nothing_is_sent_nothing_until_it_does(scene: Scene, stage: Stage) -> None:
    page, wall = stage.peer(), stage.peer()
    taking = scene.view(page, Sight(0, 0))
    scene.view(wall)
    scene.until("it is not sent", lambda: not taking.shown)
    stage.settle()
    before = len(page.read().packets)
    scene.until("others go on", lambda: shown(wall) == 2)
    assert len(page.read().packets) == before
    scene.see(taking, Sight(640, 360))
    scene.until("it is sent the middle", lambda: shown(page) == 1)


def test_layers_that_nobody_takes_are_not_needed_after_a_while_and_needed_again_at_once(
    scene: Scene, stage: Stage
) -> None:
    taking = scene.view(stage.peer(), Sight(640, 360))
    scene.until("it has the middle", lambda: taking.layer == 1)
    scene.until("the largest is not needed", lambda: scene.adaptation.measured.unneeded == {SOURCE: frozenset({2})})
    # Its publisher does as it is told: what it would cost is known all the same.
    scene.silent = frozenset({2})
    scene.see(taking, Sight(1280, 720))
    scene.until("it is needed", lambda: scene.adaptation.measured.unneeded == {})
    assert taking.layer == 2


def test_low_frame_rate_takes_the_lowest_rung_until_it_is_no_longer_asked_for(stage: Stage) -> None:
    camera, track, page = stage.peer(), stage.track(), stage.peer()
    publication = camera.publish(track)
    taking = Taking(SOURCE, "video", page.watch(track))
    measured = Measured({SOURCE: SourceMedia({}, {"video": publication})})
    adaptation = Adaptation(measured, lambda: stage.plane.links_filled)
    adaptation.add("page", page.transport, {"0": taking}.copy)
    number = 0

    def came() -> list[int]:
        """Send the next picture, look at the link, and give the temporal ids of what came."""
        nonlocal number
        key = number % 8 == 0
        # Every picture above the lowest rung says that one may go up at it.
        rung = 0 if key else number % 2
        head = bytes([0x90, 0xE0, 0x80 | number >> 8 & 0x7F, number & 0xFF, number & 0xFF, rung << 6 | rung << 5])
        body = b"\x10\x02\x00\x9d\x01\x2a\x40\x01\xb4\x00" if key else b"\x11\x02\x00"
        camera.send(rtp(number, head + body + bytes(30), timestamp=number * 6000))
        number += 1
        adaptation.look(number * 500_000)
        stage.settle()
        return [packet.payload[5] >> 6 for packet in page.read().packets[-8:]]

    wait_until(lambda: 1 in came(), "all frames")
    taking.sight = Sight(640, 360, slow=True)
    wait_until(lambda: len(rungs := came()) == 8 and not any(rungs), "the lowest rung only")
    taking.sight = Sight(640, 360)
    wait_until(lambda: 1 in came(), "all frames again")


def test_low_frame_rate_of_what_has_no_rungs_is_its_smallest_layer(scene: Scene, stage: Stage) -> None:
    page, wall = stage.peer(), stage.peer()
    scene.view(page, Sight(1280, 720, slow=True))
    scene.view(wall)
    scene.until("others have the largest", lambda: shown(wall) == 2)
    assert shown(page) == 0


class Stepped:
    """A camera whose every picture is of four packets, in libvpx's three rungs, and a page that tells of its link."""

    def __init__(self, stage: Stage) -> None:
        self.camera, self.page, track = stage.peer(), stage.peer(send_ids={TWCC: 4}), stage.track()
        publication = self.camera.publish(track)
        self.taking = Taking(SOURCE, "video", self.page.watch(track))
        self.measured = Measured({SOURCE: SourceMedia({}, {"video": publication})})
        self.adaptation = Adaptation(self.measured, lambda: stage.plane.links_filled)
        self.adaptation.add("page", self.page.transport, self.taken)
        self.number = 0
        self.looks = self.told_ns = 0

    def taken(self) -> dict[str, Taking]:
        self.looks += 1
        return {"0": self.taking}

    def show(self, pictures: int) -> None:
        made: list[bytes] = []
        for number in range(self.number, self.number + pictures):
            for index in range(4):
                key, tl0 = number == 0, number // 4 & 0xFF
                body = payload(number, first=index == 0, key=key, body=bytes(30), tl0=tl0)
                made.append(rtp(4 * number + index, body, timestamp=6000 * number, marker=index == 3))
        self.camera.send(*made)
        self.number += pictures

    def is_told(self) -> bool:
        """Have the page tell that its link is full, of pictures that left in one go."""
        before = len(self.page.settle().packets)
        self.told_ns = time.monotonic_ns()
        self.show(16)
        self.page.wait_packets(before + 64)
        return is_full(self.page)

    def is_drained(self) -> bool:
        """Have the page tell that nothing waits any more."""
        before = len(self.page.settle().packets)
        arrival_ns, recorder = VIEWER_NS + time.monotonic_ns() - self.told_ns, Recorder()
        self.show(4)
        for packet in self.page.settle().packets[before:]:
            recorder.record(int.from_bytes(packet.extensions[4], "big"), arrival_ns)
        if told := recorder.build():
            self.page.send(told)
            self.page.settle()
        return not self.page.transport.drains

    def look(self) -> None:
        self.adaptation.look(_now_us())

    def asked(self) -> int:
        return sum(item.kind == PSFB and item.count == 1 for item in self.camera.read().control)


def test_full_link_has_few_frames_before_it_has_none(stage: Stage) -> None:
    scene = Stepped(stage)
    page, taking = scene.page, scene.taking

    def measured() -> bool:
        scene.show(4)
        scene.look()
        layers = scene.measured.layers(SOURCE, _now_us())
        return bool(layers) and len(layers[0].rungs) == 3

    wait_until(measured, "all rungs are measured")
    assert taking.temporal == TEMPORAL_ALL and not taking.thinned

    wait_until(scene.is_told, "its link is known to be full")
    before = len(page.settle().packets)
    scene.look()
    assert (taking.temporal, taking.held, taking.thinned) == (0, False, True)
    stage.settle()
    asked = scene.asked()
    scene.show(32)
    got = page.wait_packets(before + 32)
    # Another reader than ours says what came.
    pictures = [packet for packet in got[before:] if packet.marker]
    read = [VpxPayloadDescriptor.parse(packet.payload)[0] for packet in pictures]
    assert [one.tid for one in read] == [(0, 0)] * 8
    assert {late.timestamp - early.timestamp & 0xFFFFFFFF for early, late in pairwise(pictures)} == {4 * 6000}
    assert continuous(picture_ids(got), 0) and continuous(sequences(got), 100)
    assert scene.asked() == asked, "fewer frames need no keyframe"
    taking.sight = Sight(1920, 1080, slow=True)
    scene.adaptation.soon("page")
    scene.look()
    assert not taking.thinned, "its viewer wants no more"
    assert not scene.adaptation.report("page").is_short


def test_link_that_rests_is_looked_at_as_soon_as_it_is_full(stage: Stage) -> None:
    scene = Stepped(stage)

    def rests() -> bool:
        scene.show(1)
        before = scene.looks
        scene.look()
        return before == scene.looks > 0

    wait_until(rests, "it has what it wants")
    rested_us, before = _now_us(), scene.looks
    scene.adaptation.look(rested_us)

    wait_until(scene.is_told, "its link is known to be full")
    assert scene.looks == before
    scene.adaptation.look(rested_us + 50_000)
    assert scene.looks > before


def test_link_whose_queue_has_gone_is_looked_at_at_once(stage: Stage) -> None:
    scene = Stepped(stage)
    # What it has is all that it wants, so that nothing else makes it be looked at.
    scene.taking.sight = Sight(1920, 1080, slow=True)
    scene.show(1)
    wait_until(scene.is_told, "its link is known to be full")
    looked_us = _now_us()
    for later_us in (0, 10_000, 20_000):
        before = scene.looks
        scene.adaptation.look(looked_us + later_us)
    assert scene.page.transport.drains and scene.looks == before
    wait_until(scene.is_drained, "its queue has gone")
    scene.adaptation.look(looked_us + 30_000)
    assert scene.looks > before


def test_layer_that_its_publisher_stops_gives_way_to_the_next(scene: Scene, stage: Stage) -> None:
    wall = stage.peer()
    scene.view(wall)
    scene.until("the wall has the largest", lambda: shown(wall) == 2)
    scene.silent = frozenset({2})
    scene.until("the next goes on", lambda: shown(wall) == 1)


def _now_us() -> int:
    return time.monotonic_ns() // 1000
