"""Inbound RTP at the socket: who feeds what, what is refused under which count, and that refusing changes nothing."""

import os
from collections.abc import Callable

import pytest

from media.plane.thread import StreamBound
from tests.media.plane.packets import H264, OPUS, RTPFB, VP8, h264, rtp, rtx, vp8
from tests.media.plane.peers import CM, GCM, LEVEL, MID, REPAIRED_RID, RID, Peer, Stage, staged

IDS = {MID: 1, RID: 2, REPAIRED_RID: 3}


def payloads(viewer: Peer) -> list[bytes]:
    return [packet.payload for packet in viewer.settle().packets]


def sound(sequence: int, payload: bytes = b"sound", **options: object) -> bytes:
    return rtp(sequence, payload, timestamp=sequence * 960, payload_type=111, **options)  # type: ignore[arg-type]


class Pair:
    """A publisher of sound and a viewer of it: the stream that garbage must not disturb."""

    def __init__(self, stage: Stage, profile: str = GCM) -> None:
        self.stage = stage
        self.publisher, self.viewer = stage.peer(profile=profile), stage.peer()
        self.track = stage.track(video=False)
        self.publication = self.publisher.publish(self.track)
        self.viewer.watch(self.track)
        self.count = 0

    def flows(self) -> None:
        """Prove that the next packet still arrives, alone and right after the last."""
        payload = os.urandom(20)
        self.publisher.send(sound(self.count, payload))
        self.count += 1
        assert self.viewer.wait_packets(self.count)[-1].payload == payload
        assert self.viewer.received.packets[-1].sequence == 99 + self.count


# --- binding an SSRC to what it feeds ---------------------------------------------------------------------------------


def test_the_mid_decides_between_publications_that_share_payload_types(stage: Stage) -> None:
    publisher, viewer = stage.peer(receive_ids=IDS), stage.peer()
    tracks = [stage.track(), stage.track()]
    for number, track in enumerate(tracks):
        publisher.publish(track, mid=b"m%d" % number)
        viewer.watch(track, ssrc=1000 * (number + 1))
    for ssrc, mid in ((7, b"m1"), (8, b"m0")):
        publisher.send(rtp(0, vp8(key=True, body=mid), ssrc=ssrc, extensions={1: mid}))
        publisher.send(rtp(1, vp8(body=mid), ssrc=ssrc))
    got = viewer.wait_packets(4)
    assert [(packet.ssrc, packet.payload[-2:]) for packet in got] == [
        (2000, b"m1"),
        (2000, b"m1"),
        (1000, b"m0"),
        (1000, b"m0"),
    ]


def test_declared_ssrcs_decide_without_a_mid(stage: Stage) -> None:
    publisher, viewer = stage.peer(), stage.peer()
    for number in range(2):
        track = stage.track()
        publisher.publish(track, mid=b"%d" % number, ssrcs=[(50 + number, 60 + number)])
        viewer.watch(track, ssrc=1000 * (number + 1))
    lost = rtp(1, vp8(1, body=b"lost"), ssrc=51)
    publisher.send(rtp(0, vp8(key=True), ssrc=51), rtp(2, vp8(2), ssrc=51), rtp(0, vp8(key=True), ssrc=50))
    publisher.send(rtx(0, lost, ssrc=61))
    got = viewer.wait_packets(4)
    assert [packet.ssrc for packet in got] == [2000, 2000, 1000, 2000]
    assert got[-1].payload.endswith(b"lost")


def test_a_payload_type_that_only_one_publication_has_decides_last(stage: Stage) -> None:
    publisher, viewer = stage.peer(), stage.peer()
    picture, voice = stage.track(), stage.track(video=False)
    publisher.publish(picture, mid=b"v")
    publisher.publish(voice, mid=b"a")
    viewer.watch(picture)
    viewer.watch(voice, ssrc=2000)
    publisher.send(rtp(0, vp8(key=True), ssrc=1), sound(0, ssrc=2))
    assert [packet.ssrc for packet in viewer.wait_packets(2)] == [1000, 2000]


@pytest.mark.parametrize(
    ("mids", "extensions", "payload_type"),
    [
        ((b"a", b"b"), {}, 96),
        ((b"a", b"b"), {1: b"c"}, 96),
        ((b"a",), {1: b"a"}, 20),
        ((b"a",), {1: b"aa"}, 96),
    ],
    ids=["ambiguous", "unknown MID", "unknown payload type", "MID of another length"],
)
def test_an_ssrc_that_nobody_takes_is_counted(
    stage: Stage, mids: tuple[bytes, ...], extensions: dict[int, bytes], payload_type: int
) -> None:
    publisher = stage.peer(receive_ids=IDS)
    publications = [publisher.publish(stage.track(), mid=mid) for mid in mids]
    for sequence in range(3):
        publisher.send(rtp(sequence, vp8(), payload_type=payload_type, extensions=extensions))
    publisher.settle()
    assert stage.drops == {"not_published": 3}
    assert [publication.stats()[0]["ssrc"] for publication in publications] == [0] * len(mids)


def test_an_early_ssrc_is_taken_once_its_publication_is_there(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track(video=False)
    publisher.publish(stage.track())
    viewer.watch(track)
    publisher.send(sound(0))
    publisher.settle()
    publisher.publish(track, mid=b"1")
    publisher.send(sound(1, b"now"))
    assert [packet.payload for packet in viewer.wait_packets(1)] == [b"now"]
    assert stage.drops == {"not_published": 1}


def test_rids_name_layers_and_repaired_rids_their_retransmissions(stage: Stage) -> None:
    publisher, track = stage.peer(receive_ids=IDS), stage.track()
    publication = publisher.publish(track, rids=[b"lo", b"hi"])
    viewers = [stage.peer() for _ in range(2)]
    for layer, viewer in enumerate(viewers):
        viewer.watch(track, layer=layer)
    for ssrc, rid in ((12, b"hi"), (11, b"lo")):
        publisher.send(rtp(0, vp8(0, key=True, body=rid), ssrc=ssrc, extensions={1: b"0", 2: rid}))
        publisher.send(rtp(2, vp8(2, body=rid), ssrc=ssrc))
        lost = rtp(1, vp8(1, body=b"lost " + rid), ssrc=ssrc)
        publisher.send(rtx(0, lost, ssrc=ssrc + 100, extensions={1: b"0", 3: rid}))
    for viewer, rid in zip(viewers, (b"lo", b"hi"), strict=True):
        got = viewer.wait_packets(3)
        assert [packet.payload.endswith(rid) for packet in got] == [True] * 3
        assert got[2].payload.endswith(b"lost " + rid)
        assert [packet.sequence for packet in got] == [100, 102, 101]
    assert [layer["ssrc"] for layer in publication.stats()] == [11, 12]
    assert [layer["recovered"] for layer in publication.stats()] == [1, 1]
    publisher.send(rtp(0, vp8(), ssrc=13, extensions={1: b"0", 2: b"no"}), rtp(0, vp8(), ssrc=14, extensions={1: b"0"}))
    publisher.settle()
    assert stage.drops == {"not_published": 2}


def test_a_stream_that_comes_under_a_new_ssrc_continues(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track(video=False)
    publication = publisher.publish(track, ssrcs=[(1, 0)])
    viewer.watch(track, first_sequence=65_534)
    sent = []
    for ssrc, first in ((1, 65_000), (2, 10), (0xFFFFFFFF, 65_534), (1, 200)):
        for index in range(3):
            sent.append(b"%d/%d" % (ssrc, index))
            publisher.send(sound(first + index, sent[-1], ssrc=ssrc))
    got = viewer.wait_packets(12)
    assert [packet.payload for packet in got] == sent
    assert [packet.sequence for packet in got] == [(65_534 + index) & 0xFFFF for index in range(12)]
    assert publication.stats()[0]["ssrc"] == 1
    assert stage.drops == {}


def test_control_is_told_of_a_bound_stream_and_of_a_changed_codec(stage: Stage) -> None:
    publisher, track = stage.peer(), stage.track()
    publication = publisher.publish(track)
    assert publication.codec == ""
    publisher.send(rtp(0, vp8(key=True)))
    bound = stage.wait_event(lambda event: isinstance(event, StreamBound))
    assert isinstance(bound, StreamBound)
    assert bound.publication is publication
    assert publication.codec == "VP8"
    publisher.send(rtp(1, h264(key=True), payload_type=102))
    stage.wait_event(lambda event: isinstance(event, StreamBound) and event.publication is publication)
    assert publication.codec == "H264"


# --- what is refused --------------------------------------------------------------------------------------------------


def test_media_before_the_handshake_is_refused(stage: Stage) -> None:
    publisher = stage.peer(connect=False)
    publication = publisher.publish(stage.track(video=False))
    publisher.transport.validate(publisher.address)
    publisher.send(sound(0), sound(1))
    publisher.settle()
    assert publisher.transport.stats()["drops"] == stage.drops == {"no_keys": 2}
    assert publication.stats()[0]["packets"] == 0


def test_media_from_a_peer_that_publishes_nothing_is_refused(stage: Stage) -> None:
    viewer = stage.peer()
    viewer.watch(stage.track())
    viewer.send(sound(0))
    viewer.settle()
    assert stage.drops == {"not_published": 1}


def cut(packet: bytes, length: int) -> bytes:
    return packet[:length]


def with_first(packet: bytes, first: int) -> bytes:
    return bytes([first]) + packet[1:]


LYING: dict[str, Callable[[bytes, bytes], bytes]] = {
    "cut in the header": lambda protected, clear: cut(protected, 11),
    "cut to the header": lambda protected, clear: cut(protected, 12),
    "cut in the tag": lambda protected, clear: cut(protected, 30),
    "CSRCs beyond the end": lambda protected, clear: with_first(cut(protected, 40), 0x8F),
    "extension beyond the end": lambda protected, clear: with_first(protected, 0x90)[:12] + b"\xbe\xde\xff\xff",
    "extension header beyond the end": lambda protected, clear: with_first(cut(protected, 14), 0x90),
    "a changed byte": lambda protected, clear: protected[:-1] + bytes([protected[-1] ^ 1]),
    "a changed header": lambda protected, clear: with_first(protected, 0xA0),
    "no protection": lambda protected, clear: clear,
}
COUNTED = {
    "cut in the header": "unknown_datagram",
    "CSRCs beyond the end": "rtp_malformed",
    "extension beyond the end": "rtp_malformed",
    "extension header beyond the end": "rtp_malformed",
}


@pytest.mark.parametrize("profile", [GCM, CM])
@pytest.mark.parametrize("lie", LYING)
def test_a_lying_packet_is_counted_and_changes_nothing(stage: Stage, profile: str, lie: str) -> None:
    pair = Pair(stage, profile)
    pair.flows()
    before = pair.publication.stats()
    clear = sound(1, b"payload of the liar", ssrc=77)
    # Under keys of its own, so that the true sender's numbers stay unused.
    other = stage.peer(profile=profile, connect=False)
    pair.publisher.send_raw(LYING[lie](other.protect(clear), clear))
    pair.publisher.settle()
    assert pair.publisher.transport.stats()["drops"] == {COUNTED.get(lie, "authentication"): 1}
    assert stage.drops == pair.publisher.transport.stats()["drops"]
    assert pair.publication.stats() == before
    pair.flows()


def test_authentic_packets_with_false_padding_are_malformed(stage: Stage) -> None:
    pair = Pair(stage)
    pair.flows()
    for number, last in enumerate((0, 200)):
        packet = bytearray(sound(1 + number, b"false" + bytes([last])))
        packet[0] |= 0x20
        pair.publisher.send(bytes(packet))
    pair.publisher.settle()
    assert stage.drops == {"rtp_malformed": 2}
    assert pair.publication.stats()[0]["packets"] == 1


def test_a_replayed_packet_is_counted_and_changes_nothing(stage: Stage) -> None:
    pair = Pair(stage)
    protected = [pair.publisher.protect(sound(number)) for number in range(20)]
    pair.publisher.send_raw(*protected)
    pair.viewer.wait_packets(20)
    pair.count = 20
    before = pair.publication.stats()
    pair.publisher.send_raw(*protected[::-1], *protected)
    pair.publisher.settle()
    assert stage.drops == {"replay": 40}
    assert pair.publication.stats() == before
    pair.flows()


def test_a_stranger_is_refused_whatever_it_sends(stage: Stage) -> None:
    pair = Pair(stage)
    pair.flows()
    stranger = stage.peer(connect=False)
    stranger.transport.close()
    # Even the publisher's own authentic packet, from another address.
    stolen = pair.publisher.protect(sound(1))
    stranger.send_raw(stolen, sound(1), b"\xc0" + bytes(40), b"\x16\xfe\xfd" + bytes(30), b"", b"\x80")
    stage.settle()
    assert stage.drops == {"stranger": 6}
    assert pair.publisher.transport.stats()["drops"] == {}
    pair.flows()


def test_an_unknown_payload_type_on_a_known_ssrc_is_counted(stage: Stage) -> None:
    pair = Pair(stage)
    pair.flows()
    for number in (50, 96, 127):
        pair.publisher.send(rtp(number, b"x", payload_type=number))
    pair.publisher.settle()
    assert stage.drops == {"payload_type": 3}
    pair.flows()


def test_authentic_ssrcs_that_nobody_takes_do_not_disturb_the_stream() -> None:
    with staged(max_ssrcs=8) as stage:
        pair = Pair(stage)
        pair.flows()
        for ssrc in range(1000, 1100):
            pair.publisher.send(rtp(0, b"flood", payload_type=20, ssrc=ssrc))
        pair.publisher.settle()
        assert stage.drops == {"not_published": 100}
        pair.flows()


def test_forged_ssrcs_take_no_place() -> None:
    with staged(max_ssrcs=8) as stage:
        pair = Pair(stage)
        for ssrc in range(5000, 5300):
            pair.publisher.send_raw(rtp(0, os.urandom(60), ssrc=ssrc, payload_type=111))
        pair.publisher.settle()
        assert stage.drops == {"authentication": 300}
        pair.flows()


def test_numbers_out_of_reach_are_counted_one_by_one(stage: Stage) -> None:
    """On plain RTP, where no replay window comes first."""
    publisher, viewer, track = stage.peer(profile="", plain=True), stage.peer(), stage.track(video=False)
    publication = publisher.publish(track)
    viewer.watch(track)
    publisher.send(*(sound(number) for number in range(64_000, 64_080)))
    publisher.settle()
    publisher.send(sound(64_010))  # has left the cache of 64 packets of sound, but is known
    publisher.send(sound(64_079))
    publisher.send(sound(64_000 - 5000))
    publisher.send(sound(64_000 + 20_000))
    publisher.settle()
    assert stage.drops == {"duplicate": 2, "too_old": 1, "probation": 1}
    assert publication.stats()[0]["packets"] == 80
    assert len(viewer.settle().packets) == 80


def test_a_late_packet_whose_place_is_taken_is_too_old(stage: Stage) -> None:
    publisher, track = stage.peer(profile="", plain=True), stage.track(video=False)
    publication = publisher.publish(track)
    publisher.send(*(sound(number) for number in range(100) if number != 10))
    publisher.send(sound(10))
    publisher.settle()
    assert stage.drops == {"too_old": 1}
    assert publication.stats()[0]["packets"] == 99


def test_a_new_numbering_is_taken_up_once_confirmed(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(profile="", plain=True), stage.peer(), stage.track(video=False)
    publisher.publish(track)
    viewer.watch(track, first_sequence=65_530)
    publisher.send(*(sound(number) for number in range(5)))
    publisher.send(*(sound(number, b"new") for number in range(40_000, 40_005)))
    publisher.settle()
    got = viewer.settle().packets
    assert stage.drops == {"probation": 1}
    assert [packet.sequence for packet in got] == [(65_530 + number) & 0xFFFF for number in range(9)]
    assert [packet.payload for packet in got[5:]] == [b"new"] * 4


@pytest.mark.parametrize("words", [250, 300])
def test_a_huge_extension_is_skipped(stage: Stage, words: int) -> None:
    publisher, viewer = stage.peer(profile="", plain=True, receive_ids={LEVEL: 1}), stage.peer(send_ids={LEVEL: 1})
    track = stage.track(video=False)
    publisher.publish(track)
    viewer.watch(track)
    packet = bytearray(sound(0, b"small"))
    packet[0] |= 0x10
    block = b"\xbe\xde" + words.to_bytes(2, "big") + bytes(4 * words - 2) + b"\x10\x55"
    publisher.send(bytes(packet[:12]) + block + bytes(packet[12:]))
    got = viewer.wait_packets(1)
    assert (got[0].payload, got[0].extensions) == (b"small", {1: b"\x55"})


# --- sound ------------------------------------------------------------------------------------------------------------


def test_the_audio_level_follows_the_sender(stage: Stage) -> None:
    publisher, track = stage.peer(receive_ids={LEVEL: 6}), stage.track(video=False)
    publication = publisher.publish(track)
    assert publication.level_dbov == -127
    for number in range(60):
        publisher.send(sound(number, extensions={6: bytes([0x80 | 30])}))
    publisher.settle()
    assert publication.level_dbov == pytest.approx(-30, abs=0.1)
    publisher.send(sound(60, extensions={6: bytes([100])}))
    publisher.settle()
    assert -45 < publication.level_dbov < -35
    for number in range(61, 160):
        publisher.send(sound(number, extensions={6: bytes([127])}))
    publisher.settle()
    assert publication.level_dbov == pytest.approx(-127, abs=0.1)


def test_one_peers_garbage_does_not_disturb_another(stage: Stage) -> None:
    pair, noisy = Pair(stage), stage.peer()
    noisy.publish(stage.track())
    for index in range(200):
        noisy.send_raw(os.urandom(1 + index * 5))
        noisy.send(rtp(index, os.urandom(index % 60), ssrc=index % 40, payload_type=index % 64))
        if index % 10 == 0:
            pair.flows()
    stage.settle()
    pair.flows()
    assert pair.publisher.transport.stats()["drops"] == pair.viewer.transport.stats()["drops"] == {}
    assert sum(noisy.transport.stats()["drops"].values()) >= 200


def test_codecs_of_the_tests_are_those_of_the_plane() -> None:
    assert (H264, VP8, OPUS) == (1, 3, 6)


def test_ssrc_zero_is_a_stream_like_any_other(stage: Stage) -> None:
    publisher, track = stage.peer(), stage.track()
    publisher.publish(track)
    publisher.send(*(rtp(number, vp8(number, key=number == 0), ssrc=0) for number in (0, 1, 3, 4, 5)))
    asked = publisher.wait_control(RTPFB, 1)
    assert asked.media_ssrc == 0


def test_a_malformed_vp8_descriptor_is_dropped_before_it_has_a_number(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track()
    publisher.publish(track)
    viewer.watch(track)
    # The second says that a picture id follows and ends there.
    publisher.send(rtp(0, vp8(0, key=True)), rtp(1, b"\x90\x80"), rtp(2, vp8(1)))
    viewer.wait_packets(2)
    assert stage.drops == {"rtp_malformed": 1}
