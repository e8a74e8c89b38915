"""The nonce rule (RFC 7714 section 8.1, RFC 3711 section 9.1), whatever happens to a viewer's stream.

Under GCM no two different protected byte strings may ever share (SSRC, ROC, sequence). Under AES-CM a repeated number
must carry the same payload, so that the key stream is never used for two texts. Publisher and viewer do at random what
real ones do and what they should not: loss, reordering, duplicates, RTX, jumps, layer switches, pauses, NACK storms.
"""

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.plane.names import PlaneError
from media.plane.objects import PlanePublication, PlaneRoute
from media.plane.srtp import SrtpKeys
from tests.media.plane.packets import nack, pictures, rtp, rtx, vp8
from tests.media.plane.peers import CM, GCM, Peer, Stage, staged

EDGES = (0, 1, 30_000, 32_760, 65_000, 65_500, 65_535)
TAG_BYTES = 10
HEADER_BYTES = 12


class Ledger:
    """Every protected packet of a viewer, by the nonce it used: SSRC and 48-bit index (RFC 3711 section 3.3.1)."""

    def __init__(self, profile: str) -> None:
        self.profile = profile
        self.highest: dict[int, int] = {}
        self.seen: dict[tuple[int, int], bytes] = {}
        self.repeated = 0
        self.reused: list[str] = []
        "what breaks the rule"

    def index_of(self, ssrc: int, sequence: int) -> int:
        highest = self.highest.get(ssrc, sequence)
        index = highest + ((sequence - highest + 0x8000) & 0xFFFF) - 0x8000
        self.highest[ssrc] = max(highest, index)
        return index

    def enter(self, datagram: bytes) -> None:
        ssrc, sequence = int.from_bytes(datagram[8:12], "big"), int.from_bytes(datagram[2:4], "big")
        before = self.seen.setdefault((ssrc, self.index_of(ssrc, sequence)), datagram)
        if before is datagram:
            return
        self.repeated += 1
        if self.profile == GCM:
            if before != datagram:
                self.reused.append(f"one nonce, two packets: SSRC {ssrc}, sequence {sequence}")
        else:
            first, second = self._encrypted(before), self._encrypted(datagram)
            shared = min(len(first), len(second))
            if first[:shared] != second[:shared]:
                self.reused.append(f"one key stream, two texts: SSRC {ssrc}, sequence {sequence}")

    @staticmethod
    def _encrypted(datagram: bytes) -> bytes:
        start = HEADER_BYTES
        if datagram[0] & 0x10:
            start += 4 + 4 * int.from_bytes(datagram[14:16], "big")
        return datagram[start:-TAG_BYTES]


class Scene:
    """A simulcast publisher and a viewer who watches one of its layers."""

    def __init__(self, stage: Stage, profile: str, repair: bool, first_in: int, first_out: int, seed: int) -> None:
        self.stage = stage
        self.chance = random.Random(seed)
        self.track = stage.track()
        self.viewer = stage.peer(profile=profile, send_ids={5: 4} if seed % 2 else {})
        self.ledger = Ledger(profile)
        self.route: PlaneRoute = self.viewer.watch(
            self.track,
            first_sequence=first_out,
            rtx_ssrc=1001 if repair else 0,
            payload_types={3: (100, 101 if repair else 0)},
        )
        self.picture = first_in
        self.layer = 0
        self.paused = False
        self.entered = 0
        self.refused = 0
        self.drops: dict[str, int] = {}
        self.withheld: list[bytes] = []
        self.recent: list[bytes] = []
        self.new_publisher(first_in)

    def new_publisher(self, first_in: int) -> None:
        # Without encryption, because SRTP would not let it do half of what follows.
        self.publisher: Peer = self.stage.peer(profile="", plain=True, receive_ids={1: 1, 2: 2})
        self.publication: PlanePublication = self.publisher.publish(self.track, rids=[b"a", b"b"])
        self.next = [first_in, (first_in + 32_000) & 0xFFFF]
        self.rtx_next = [0, 0]
        self.withheld.clear()
        self.recent.clear()

    def send(self, packet: bytes) -> None:
        self.publisher.send(packet)
        self.recent = [*self.recent[-60:], packet]

    def pictures(self, count: int, key: bool = False) -> None:
        """Some pictures of both layers; of their packets some are lost, late, doubled, or without a marker."""
        for _ in range(count):
            self.picture += 1
            key = key or self.chance.random() < 0.15
            for layer in range(2):
                size = self.chance.choice((1, 2, 3, 7))
                for index in range(size):
                    body = self.chance.randbytes(30 + self.chance.choice((0, 0, 1, 2, 30)))
                    packet = rtp(
                        self.next[layer],
                        vp8(self.picture, key=key, first=index == 0, body=body, tl0=self.picture),
                        timestamp=self.picture * 3000,
                        marker=index == size - 1 and self.chance.random() < 0.9,
                        ssrc=2000 + layer,
                        extensions={1: b"0", 2: b"ab"[layer : layer + 1]},
                    )
                    self.next[layer] = (self.next[layer] + 1) & 0xFFFF
                    if self.chance.random() < 0.15:
                        self.withheld.append(packet)
                    else:
                        self.send(packet)
            key = False

    def late(self) -> None:
        """What was held back comes now, in any order, some of it as RTX as well."""
        self.chance.shuffle(self.withheld)
        for packet in self.withheld[:20]:
            layer = packet[11] & 1
            if self.chance.random() < 0.5:
                original = packet[:12] + packet[12 + 4 + 4 * int.from_bytes(packet[14:16], "big") :]
                self.publisher.send(
                    rtx(
                        self.rtx_next[layer],
                        bytes([original[0] & 0xEF]) + original[1:],
                        ssrc=3000 + layer,
                        extensions={1: b"0", 3: b"ab"[layer : layer + 1]},
                    )
                )
                self.rtx_next[layer] += 1
            if self.chance.random() < 0.7:
                self.send(packet)
        del self.withheld[:20]

    def duplicates(self) -> None:
        for packet in self.chance.sample(self.recent, min(8, len(self.recent))):
            self.publisher.send(packet)

    def jump(self) -> None:
        """The publisher's numbers leap, forwards or backwards."""
        leap = self.chance.choice((40, 512, 1024, 2_900, 10_000, 16_384, 32_767, 32_769, 50_000, 65_000))
        self.next = [(number + leap) & 0xFFFF for number in self.next]
        self.pictures(2, key=True)

    def switch(self) -> None:
        self.layer ^= 1
        self.route.set(layer=self.layer, paused=self.paused)

    def pause(self) -> None:
        self.paused = not self.paused
        self.route.set(layer=self.layer, paused=self.paused)

    def storm(self) -> None:
        """Ask for the last numbers again and again, and for some that never were."""
        self.look()
        newest = self.viewer.received.packets[-1].sequence if self.viewer.received.packets else 0
        for start in (newest - 60, newest - 5, newest - 600, newest + 3):
            self.viewer.send(nack(1000, range(start, start + 60)))

    def comes_back(self) -> None:
        """The publisher vanishes; another takes its place, before or after the first is gone."""
        old_publication, old_transport = self.publication, self.publisher.transport
        if self.chance.random() < 0.5:
            old_publication.close()
        self.new_publisher(self.chance.choice(EDGES))
        self.pictures(1)
        self.stage.settle()
        old_publication.close()
        old_transport.close()
        self.pictures(1, key=True)

    def look(self) -> None:
        """Let the plane catch up, and enter everything the viewer got."""
        got = self.viewer.settle()
        for datagram in got.wire:
            self.ledger.enter(datagram)
        self.entered += len(got.wire)
        self.refused += len(got.refused)
        got.wire.clear()
        got.refused.clear()
        del got.packets[:-1]

    def steps(self) -> dict[str, Callable[[], None]]:
        return {
            "pictures": lambda: self.pictures(self.chance.randint(1, 12)),
            "keyframe": lambda: self.pictures(2, key=True),
            "late": self.late,
            "duplicates": self.duplicates,
            "jump": self.jump,
            "switch": self.switch,
            "pause": self.pause,
            "storm": self.storm,
            "comes back": self.comes_back,
            "look": self.look,
        }


STEPS = (
    "pictures",
    "keyframe",
    "late",
    "duplicates",
    "jump",
    "switch",
    "pause",
    "storm",
    "comes back",
    "look",
)


def run(profile: str, repair: bool, first_in: int, first_out: int, seed: int, steps: list[str]) -> Scene:
    with staged(max_ssrcs=16) as stage:
        scene = Scene(stage, profile, repair, first_in, first_out, seed)
        does = scene.steps()
        assert set(does) == set(STEPS)
        scene.pictures(2, key=True)
        for step in steps:
            does[step]()
        scene.look()
        scene.drops = scene.viewer.transport.stats()["drops"]
    return scene


@settings(max_examples=300)
@given(
    profile=st.sampled_from([GCM, CM]),
    repair=st.booleans(),
    first_in=st.sampled_from(EDGES),
    first_out=st.sampled_from(EDGES),
    seed=st.integers(0, 2**32 - 1),
    steps=st.lists(st.sampled_from(STEPS), min_size=4, max_size=25),
)
def test_no_nonce_protects_two_texts(
    profile: str, repair: bool, first_in: int, first_out: int, seed: int, steps: list[str]
) -> None:
    scene = run(profile, repair, first_in, first_out, seed, steps)
    assert scene.ledger.reused == []
    # The plane itself never tries: libsrtp's refusal would lose the packet.
    assert "protect" not in scene.drops
    if profile == GCM:
        assert scene.refused == 0


def test_the_scene_does_what_it_is_meant_to() -> None:
    """Else the property would hold for want of traffic."""
    calm = ["pictures", "late", "pictures", "storm", "switch", "keyframe", "pause", "pictures", "pause", "keyframe"]
    steps = [step for part in calm * 3 for step in (part, "look")]
    gcm = run(GCM, True, 65_500, 65_500, 1, steps)
    assert gcm.entered > 200
    assert {ssrc for ssrc, _ in gcm.ledger.seen} == {1000, 1001}
    assert gcm.ledger.repeated == 0
    cm = run(CM, False, 65_500, 65_500, 1, steps)
    assert cm.entered > 200
    assert cm.ledger.repeated > 20


def test_the_ledger_tells_reuse_from_repetition() -> None:
    first = bytes(2) + b"\0\1" + bytes(8) + b"text one" + bytes(10)
    second = bytes(2) + b"\0\1" + bytes(8) + b"text two" + bytes(10)
    for profile in (GCM, CM):
        ledger = Ledger(profile)
        ledger.enter(first)
        ledger.enter(bytes(bytearray(first)))  # received once more
        assert (ledger.repeated, ledger.reused) == (1, [])
        ledger.enter(second)
        assert (ledger.repeated, len(ledger.reused)) == (2, 1)
    wrapped = Ledger(GCM)
    for number in (65_535, 0, 65_535):
        wrapped.enter(bytes(2) + number.to_bytes(2, "big") + bytes(8) + b"same")
    assert wrapped.repeated == 1
    assert {index for _, index in wrapped.seen} == {65_535, 65_536}


# --- SSRCs and keys --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", [GCM, CM])
def test_an_ssrc_that_was_sent_is_no_other_routes_until_the_keys_are_new(stage: Stage, profile: str) -> None:
    """A second route would begin anew with its numbers, the repair stream at 0: the nonces of the first."""
    publisher, viewer, track = stage.peer(), stage.peer(profile=profile), stage.track()
    publisher.publish(track)
    first = viewer.watch(track, 1000)
    publisher.send(*pictures(0, 2))
    viewer.wait_packets(6)
    for closed in (False, True):
        for ssrc, repair in ((1000, 0), (1001, 0), (5, 1000), (5, 1001)):
            with pytest.raises(PlaneError, match="SSRC"):
                viewer.watch(track, ssrc, rtx_ssrc=repair)
        if not closed:
            first.close()
            stage.settle()
    viewer.new_keys()
    assert viewer.keys is not None
    viewer.transport.set_keys(viewer.keys)
    viewer.watch(track, 1000)
    stage.settle()
    publisher.send(*pictures(2, 2))
    assert {packet.ssrc for packet in viewer.wait_packets(12)[6:]} == {1000}
    assert viewer.transport.stats()["drops"] == {}


def test_a_route_keeps_its_ssrcs_when_the_keys_are_renewed(stage: Stage) -> None:
    viewer, track = stage.peer(), stage.track()
    route = viewer.watch(track, 1000)
    viewer.new_keys()
    assert viewer.keys is not None
    viewer.transport.set_keys(viewer.keys)
    for _ in range(2):
        with pytest.raises(PlaneError, match="SSRC"):
            viewer.watch(track, 1000, rtx_ssrc=0)
        route.close()


def test_an_ssrc_that_never_met_a_key_is_free_again(stage: Stage) -> None:
    publisher, track = stage.peer(), stage.track()
    publisher.publish(track)
    viewers = [stage.peer(profile="", plain=True), stage.peer(connect=False)]
    for viewer in viewers:
        for _ in range(3):
            viewer.watch(track).close()
        viewer.watch(track)
    viewers[1].connect()
    publisher.send(*pictures(0, 2))
    for viewer in viewers:
        assert [(packet.ssrc, packet.sequence) for packet in viewer.wait_packets(6)] == [
            (1000, number) for number in range(100, 106)
        ]


def test_one_ssrc_cannot_carry_pictures_and_their_repair(stage: Stage) -> None:
    viewer, track = stage.peer(), stage.track()
    with pytest.raises(PlaneError, match="SSRC"):
        viewer.watch(track, 1000, rtx_ssrc=1000)
    viewer.watch(track, 1000, rtx_ssrc=1001)


def test_a_transport_takes_no_more_routes_than_it_can_find_by_their_ssrcs(stage: Stage) -> None:
    """One more would be fed, but its viewer's requests would be heard by nobody."""
    viewer, track = stage.peer(max_routes=2), stage.track()
    first = viewer.watch(track, 10)
    viewer.watch(track, 20, rtx_ssrc=0)
    viewer.watch(track, 30, rtx_ssrc=0)
    with pytest.raises(PlaneError, match="limit"):
        viewer.watch(track, 40, rtx_ssrc=0)
    first.close()
    viewer.watch(track, 40)


def test_sending_keys_are_used_by_one_context_only(stage: Stage) -> None:
    """Another context with the same key would count from zero: the nonces of the first."""
    viewer, other = stage.peer(profile=CM), stage.peer(connect=False)
    key, far = bytes(range(30)), bytes(30)
    keys = SrtpKeys(CM, key, far)
    viewer.transport.set_keys(keys)
    for again in (keys, SrtpKeys(CM, key, far), SrtpKeys("SRTP_AES128_CM_SHA1_32", key, far)):
        for transport in (viewer.transport, other.transport):
            with pytest.raises(PlaneError, match="keys"):
                transport.set_keys(again)
    viewer.transport.set_keys(SrtpKeys(CM, far, key))
    with pytest.raises(PlaneError, match="keys"):
        viewer.transport.set_keys(SrtpKeys(CM, key, far))
