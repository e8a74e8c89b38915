"""Temporal layers of VP8 left out for one viewer: numbers stay unbroken, and what passes can be decoded."""

from __future__ import annotations

import random
from dataclasses import dataclass
from fractions import Fraction

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.plane.codec import temporal
from media.plane.rewrite import RewriteView
from tests.media.plane.packets import Packet, continuous, nack, picture_ids, rtp, sequences
from tests.media.plane.peers import CM, GCM, Peer, Stage
from tests.media.plane.test_nonce import Ledger

#: Temporal id of each picture, and whether it needs the lowest ones only: libvpx's pattern of three.
PATTERN = ((0, False), (2, True), (1, True), (2, False), (0, False), (2, False), (1, False), (2, False))
SSRC = 1000


def rung(number: int) -> tuple[int, bool]:
    return PATTERN[number % len(PATTERN)]


def payload(number: int, *, first: bool = True, body: bytes = bytes(30), key: bool = False, tl0: int = 0) -> bytes:
    """A VP8 payload with PictureID, TL0PICIDX, TID and Y (RFC 7741 section 4.2)."""
    layer, opens = rung(number)
    head = bytes(
        [0x90 if first else 0x80, 0xE0, 0x80 | number >> 8 & 0x7F, number & 0xFF, tl0, layer << 6 | opens << 5]
    )
    return head + (bytes([0x10 if key else 0x11, 2, 0]) if first else b"") + body


def test_the_descriptor_tells_the_temporal_id_and_where_a_viewer_may_go_up() -> None:
    told = [temporal("VP8", payload(number)) for number in range(8)]
    assert told == list(PATTERN)
    assert temporal("VP8", payload(1, first=False)) == (2, False)
    assert temporal("VP8", b"\x90\x20\xff") == (3, True)
    for codec, data in (("H264", payload(1)), ("VP8", b""), ("VP8", b"\x10"), ("VP8", b"\x90\xe0")):
        assert temporal(codec, data) == (0, False)


@dataclass(frozen=True)
class Input:
    """A packet of the synthetic stream."""

    ext: int
    number: int
    first: bool

    @property
    def timestamp(self) -> int:
        return 3000 * self.number


class Viewer:
    """One route's numbers, as the plane uses them, and what they must keep to."""

    def __init__(self, first: int) -> None:
        self.view = RewriteView(first, 7000, 90_000)
        self.view.switch(1, 500, 0, 0)
        self.given: dict[int, tuple[Input, bool]] = {}
        self.left_out: list[Input] = []

    def take(self, packet: Input) -> None:
        layer, opens = rung(packet.number)
        key = packet.number == 0
        if self.view.leaves_out(1, packet.ext, packet.timestamp, layer, opens and packet.first, key and packet.first):
            self.left_out.append(packet)
            return
        result, sequence, timestamp = self.view.packet(1, packet.ext, packet.timestamp, packet.number)
        if result == "other_stream":
            return
        assert result == "ok" and timestamp == (7000 + packet.timestamp) & 0xFFFFFFFF
        # The extended number: what is given last is the highest, or a hole before it.
        last = self.view.last_out_ext
        out = last - ((last - sequence) & 0xFFFF)
        assert out not in self.given, "a number was given twice"
        self.given[out] = (packet, self.view.empties(layer))

    def check(self) -> None:
        for out, (packet, empty) in self.given.items():
            assert self.view.find(out & 0xFFFF) == (1, packet.ext)
            assert self.view.find_empty(out & 0xFFFF, rung(packet.number)[0]) == empty


def stream(pictures: int, chance: random.Random) -> list[Input]:
    made: list[Input] = []
    for number in range(pictures):
        for index in range(chance.choice((1, 1, 2, 3))):
            made.append(Input(500 + len(made), number, index == 0))
    return made


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), first=st.sampled_from([0, 40_000, 65_500]), loss=st.sampled_from([0.0, 0.1]))
def test_no_number_is_used_twice_and_no_more_are_missing_than_packets(seed: int, first: int, loss: float) -> None:
    """Packets come late or not at all while what passes goes up and down."""
    chance = random.Random(seed)
    viewer, sent = Viewer(first), stream(60, chance)
    order = sorted(sent[1:], key=lambda packet: packet.ext + chance.choice((0, 0, 0, chance.uniform(0, 12))))
    lost = {packet for packet in order if chance.random() < loss}
    for packet in [sent[0], *order]:
        if chance.random() < 0.05:
            viewer.view.limit(chance.choice((0, 1, 2, 7)))
        if packet not in lost:
            viewer.take(packet)
    viewer.check()
    missing = max(viewer.given) - min(viewer.given) + 1 - len(viewer.given)
    assert missing <= len(lost)


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), changes=st.lists(st.tuples(st.integers(1, 59), st.sampled_from([0, 1, 2, 7]))))
def test_in_order_numbers_are_unbroken_and_every_picture_finds_those_it_needs(
    seed: int, changes: list[tuple[int, int]]
) -> None:
    viewer, sent = Viewer(65_500), stream(60, random.Random(seed))
    limits, wanted, at = dict(changes), 7, {}
    for packet in sent:
        if packet.first and packet.number in limits:
            wanted = limits[packet.number]
            viewer.view.limit(wanted)
        at[packet.number] = wanted
        viewer.take(packet)
    assert sorted(viewer.given) == list(range(min(viewer.given), min(viewer.given) + len(viewer.given)))
    assert not any(empty for _, empty in viewer.given.values())
    passed = {packet.number for packet, _ in viewer.given.values()}
    assert passed.isdisjoint(packet.number for packet in viewer.left_out), "a picture was cut in two"
    # Down is at once; a picture passes only with the latest of the next lower id, unless it needs the lowest only.
    for number in passed - {0}:
        layer, opens = rung(number)
        assert layer <= at[number]
        if layer and not opens:
            needed = max(other for other in range(number) if rung(other)[0] == layer - 1 or other % 4 == 0)
            assert needed in passed
    if wanted == 7 and not any(number >= 40 for number in limits):
        assert passed >= set(range(56, 60)), "up again"


def test_picture_ids_go_on_behind_what_is_left_out_and_repairs_repeat_them() -> None:
    viewer = Viewer(0)
    viewer.view.limit(0)
    written = []
    for number in range(12):
        viewer.take(Input(500 + number, number, first=True))
        if rung(number)[0] == 0:
            again = viewer.view.vp8(payload(number + 32_760))
            assert again is not None
            written.append((again[2] & 0x7F) << 8 | again[3])
            sequence = viewer.view.last_out_ext & 0xFFFF
            assert viewer.view.find_vp8(sequence, payload(number + 32_760)) == again
    assert written == [32_760, 32_761, 32_762]


# --- at the socket ----------------------------------------------------------------------------------------------------


def watched(stage: Stage, profile: str = GCM) -> tuple[Peer, Peer]:
    camera, viewer, track = stage.peer(), stage.peer(profile=profile), stage.track()
    camera.publish(track)
    viewer.watch(track, ssrc=SSRC, rtx_ssrc=0 if profile == CM else SSRC + 1)
    return camera, viewer


def packets_of(number: int, first_sequence: int) -> list[bytes]:
    """A picture of two packets."""
    return [
        rtp(
            first_sequence + index,
            payload(number, first=index == 0, key=number == 0, body=bytes([number, index]) * 40, tl0=number // 4),
            timestamp=3000 * number,
            marker=index == 1,
        )
        for index in range(2)
    ]


def numbers(packets: list[Packet]) -> list[int]:
    return [packet.payload[-2] for packet in packets if packet.payload]


def test_what_comes_is_counted_by_temporal_id(stage: Stage) -> None:
    camera, viewer, track = stage.peer(), stage.peer(), stage.track()
    publication = camera.publish(track)
    viewer.watch(track)
    for number in range(8):
        camera.send(*packets_of(number, 2 * number))
    size = sum(len(packet.payload) for packet in viewer.wait_packets(16)) // 8
    (told,) = publication.stats()
    assert told["rungs"] == [(4, 2 * size, 2), (4, 2 * size, 2), (8, 4 * size, 4)]


def test_a_route_goes_down_at_once_and_up_where_the_pictures_allow_it(stage: Stage) -> None:
    camera, viewer = watched(stage)
    (route,) = stage.routes
    for number in range(32):
        if number in (5, 14, 27):
            stage.settle()
            route.set(temporal={5: 0, 14: 7, 27: 1}[number])
            stage.settle()
        camera.send(*packets_of(number, 2 * number))
    got = viewer.settle().packets
    assert numbers(got)[::2] == [0, 1, 2, 3, 4, 8, 12, 16, 18, 20, 22, 24, 25, 26, 28, 30]
    assert continuous(sequences(got), 100)
    assert continuous(picture_ids(got), 0)
    assert [packet.payload[4] for packet in got] == [number // 4 for number in numbers(got)]
    assert stage.drops == {}


@pytest.mark.parametrize("profile", [GCM, CM])
def test_what_comes_late_or_twice_breaks_neither_numbers_nor_nonces(stage: Stage, profile: str) -> None:
    camera, viewer = watched(stage, profile)
    (route,) = stage.routes
    camera.send(*packets_of(0, 0))
    viewer.wait_packets(2)
    route.set(temporal=0)
    stage.settle()
    chance = random.Random(5)
    waiting: list[bytes] = []
    for number in range(1, 60):
        waiting += packets_of(number, 2 * number)
        if number % 3 == 0:
            chance.shuffle(waiting)
            camera.send(*waiting, *chance.sample(waiting, 2))
            waiting.clear()
            # Closes all bursts, so that what comes next is seen in its order.
            stage.settle()
    camera.send(*waiting)
    ledger = Ledger(profile)
    for _ in range(2):
        got = viewer.settle()
        for sequence in range(100, got.packets[-1].sequence + 1, 7):
            viewer.send(nack(SSRC, range(sequence, sequence + 7)))
    got = viewer.settle()
    for datagram in got.wire:
        ledger.enter(datagram)
    assert ledger.reused == []
    # Under AES-CM what is asked for comes under its own number, which the viewer's SRTP has seen.
    assert len(got.refused) == ledger.repeated and (ledger.repeated > 0) == (profile == CM)
    own = {packet.sequence: packet for packet in got.packets if packet.ssrc == SSRC}
    assert sorted(own) == list(range(100, 100 + len(own))), "what came late fills its place"
    # What was on its way when the order came may still pass.
    assert {number for number in numbers(list(own.values())) if number > 3} == set(range(4, 60, 4))
    assert any(not packet.payload for packet in own.values())


@pytest.mark.parametrize("limit", [0, 1])
def test_a_decoder_shows_what_passes_as_if_all_had_come(stage: Stage, limit: int) -> None:
    """libvpx codes three temporal layers; what is left decodes to the very same pictures."""
    encoded = layered(32)
    camera, viewer = watched(stage)
    (route,) = stage.routes
    sequence = 0
    for number, data in enumerate(encoded):
        if number == 4:
            stage.settle()
            route.set(temporal=limit)
            stage.settle()
        chunks = [data[at : at + 1000] for at in range(0, len(data), 1000)]
        for index, chunk in enumerate(chunks):
            head = payload(number, first=index == 0)[:6]
            camera.send(rtp(sequence, head + chunk, timestamp=3000 * number, marker=index == len(chunks) - 1))
            sequence += 1
    got = viewer.settle().packets
    assert continuous(sequences(got), 100)
    pictures: dict[int, bytes] = {}
    for packet in got:
        number = ((packet.timestamp - got[0].timestamp) & 0xFFFFFFFF) // 3000
        pictures[number] = pictures.get(number, b"") + packet.payload[6:]
    assert list(pictures) == [number for number in range(32) if number < 4 or rung(number)[0] <= limit]
    whole = decoded(encoded)
    assert decoded(list(pictures.values())) == [whole[number] for number in pictures]


def layered(count: int) -> list[bytes]:
    """Moving pictures coded by libvpx in three temporal layers."""
    context = av.CodecContext.create("libvpx", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = 160, 96, "yuv420p"
    context.time_base, context.framerate, context.thread_count = Fraction(1, 30), Fraction(30), 1
    context.bit_rate = 400_000
    context.options = {
        "deadline": "realtime", "cpu-used": "8", "g": "1000", "error-resilient": "partitions",
        "ts-parameters": "ts_number_layers=3:ts_target_bitrate=200,300,400:ts_rate_decimator=4,2,1:ts_periodicity=4:"
        "ts_layer_id=0,2,1,2:ts_layering_mode=3",
    }  # fmt: skip
    made = []
    for number in range(count):
        frame = av.VideoFrame(160, 96, "yuv420p")
        for plane in frame.planes:
            noise = bytes((i * i * (number + 3)) >> 7 & 0xFF for i in range(997))
            plane.update((noise * (plane.buffer_size // 997 + 1))[: plane.buffer_size])
        frame.pts = number
        made += context.encode(frame)
    made += context.encode(None)
    return [bytes(packet) for packet in made]


def decoded(pictures: list[bytes]) -> list[bytes]:
    context = av.CodecContext.create("vp8", "r")
    context.thread_count = 1
    shown = [frame for data in pictures for frame in context.decode(av.Packet(data))]
    shown += context.decode(None)
    return [frame.to_ndarray().tobytes() for frame in shown]
