"""What each viewer's link carries, on the real plane: three layers of a camera, and viewers of all kinds."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from media.plane.objects import PlanePublication, PlaneTrack
from media.plane.transport import PlaneTransport
from signaling.webrtc.adaptation import Adaptation, Viewer
from signaling.webrtc.measured import Measured
from signaling.webrtc.records import SourceMedia
from signaling.webrtc.taking import Sight, Taking
from tests.media.plane.packets import rtp, vp8
from tests.media.plane.peers import MID, RID, Peer, Stage, staged
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
    viewers: dict[str, tuple[PlaneTransport, dict[str, Taking]]] = field(default_factory=dict)
    silent: frozenset[int] = frozenset()
    number: int = 0
    due: float = 0.0

    def __post_init__(self) -> None:
        media = SourceMedia({}, {"video": self.publication})
        self.adaptation = Adaptation(Measured({SOURCE: media}), self._viewing)

    def _viewing(self) -> Iterator[Viewer]:
        yield from ((name, transport, taken.copy) for name, (transport, taken) in self.viewers.items())

    def view(self, peer: Peer, sight: Sight | None = None) -> Taking:
        taking = Taking(SOURCE, "video", peer.watch(self.track))
        taking.sight = sight or taking.sight
        self.viewers[f"viewer {len(self.viewers)}"] = peer.transport, {"0": taking}
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
            payload = bytearray(vp8(self.number, key=True, body=bytes([layer]) * 400 * (layer + 1)))
            payload[11:15] = struct.pack("<HH", width, height)
            names = {1: b"0", 2: b"qhf"[layer : layer + 1]}
            stamp = self.number * 6000
            self.camera.send(rtp(self.number, bytes(payload), timestamp=stamp, ssrc=90 + layer, extensions=names))
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
    adaptation = Adaptation(measured, lambda: iter([("page", page.transport, {"0": taking}.copy)]))
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


def test_layer_that_its_publisher_stops_gives_way_to_the_next(scene: Scene, stage: Stage) -> None:
    wall = stage.peer()
    scene.view(wall)
    scene.until("the wall has the largest", lambda: shown(wall) == 2)
    scene.silent = frozenset({2})
    scene.until("the next goes on", lambda: shown(wall) == 1)


def _now_us() -> int:
    return time.monotonic_ns() // 1000
