"""Forwarding at the socket: exact bytes to every viewer, numbers that never break, resending, what may not be sent."""

import itertools
import time

import pytest

from media.plane.names import codec_number
from tests.media.plane.packets import (
    VP8,
    continuous,
    extension_block,
    h264,
    picture,
    picture_ids,
    pictures,
    rtp,
    sequences,
    vp8,
)
from tests.media.plane.peers import CAPTURE_TIME, CM, GCM, LEVEL, MID, RID, ROTATION, TWCC, Peer, Stage, staged


@pytest.mark.parametrize("profile", [GCM, "SRTP_AEAD_AES_256_GCM", CM, "SRTP_AES128_CM_SHA1_32"])
def test_every_viewer_gets_every_payload_byte_for_byte(stage: Stage, profile: str) -> None:
    publisher, track = stage.peer(profile=profile), stage.track()
    publisher.publish(track)
    viewers = [stage.peer(profile=profile) for _ in range(20)]
    for viewer in viewers:
        viewer.watch(track)
    payloads = [h264(key=index == 0, body=bytes([0x80, index]) * (50 + 7 * index)) for index in range(40)]
    for index, payload in enumerate(payloads):
        publisher.send(rtp(500 + index, payload, timestamp=index // 4 * 3000, payload_type=102, marker=index % 4 == 3))
    publisher.settle()
    for viewer in viewers:
        got = viewer.wait_packets(40)
        assert [packet.payload for packet in got] == payloads
        assert sequences(got) == list(range(100, 140))
        assert [packet.timestamp for packet in got] == [5000 + index // 4 * 3000 for index in range(40)]
        assert [packet.marker for packet in got] == [index % 4 == 3 for index in range(40)]
        assert {(packet.ssrc, packet.payload_type) for packet in got} == {(1000, 104)}
    assert stage.drops == {}


@pytest.mark.parametrize("first_in", [0, 65_400, 65_534])
@pytest.mark.parametrize("first_out", [0, 65_300, 65_535])
def test_numbers_go_over_their_edges_in_order(stage: Stage, first_in: int, first_out: int) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track()
    publisher.publish(track)
    viewer.watch(track, first_sequence=first_out, first_timestamp=0xFFFFFFFF - 6000)
    for index in range(100):
        payloads = picture(32_700 + index, first_in + 3 * index, key=index == 0)
        publisher.send(*payloads)
    got = viewer.wait_packets(300)
    assert continuous(sequences(got), first_out)
    assert [packet.timestamp for packet in got] == [
        (0xFFFFFFFF - 6000 + index // 3 * 3000) & 0xFFFFFFFF for index in range(300)
    ]
    assert picture_ids(got) == [(32_700 + index) & 0x7FFF for index in range(100)]
    assert stage.drops == {}


def test_a_stream_outlives_two_rollovers_of_its_sequence_number() -> None:
    with staged() as stage:
        publisher, viewer, track = stage.peer(), stage.peer(), stage.track(video=False)
        publisher.publish(track)
        viewer.watch(track, first_sequence=60_000)
        for start in range(30_000, 30_000 + 40_000, 400):
            for sequence in range(start, start + 400):
                # Only 1 of 16 packets is sent: the rest is lost on the way, far from the limit of a jump.
                if sequence % 16 == 0:
                    publisher.send(rtp(sequence, b"sound", timestamp=sequence * 960, payload_type=111))
        for start in range(70_000, 70_000 + 100_000, 16):
            publisher.send(rtp(start, b"sound", timestamp=start * 960, payload_type=111))
            if start % 1600 == 0:
                publisher.settle()
        publisher.settle()
        got = viewer.read().packets
        assert continuous([packet.sequence // 16 for packet in got[:1]], got[0].sequence // 16)
        assert len(got) == publisher.sent
        assert all((b.sequence - a.sequence) & 0xFFFF == 16 for a, b in itertools.pairwise(got))
        assert viewer.received.refused == []


def test_holes_stay_holes_and_a_late_packet_takes_its_own_place(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track()
    publisher.publish(track)
    viewer.watch(track, first_sequence=65_530)
    packets = pictures(0, 5, first_sequence=65_529)
    late = packets.pop(7)
    publisher.send(*packets)
    publisher.settle()
    publisher.send(late)
    got = viewer.wait_packets(15)
    assert got[-1].sequence == (65_530 + 7) & 0xFFFF
    assert got[-1].payload == late[12:]
    assert sorted((sequence - 65_530) & 0xFFFF for sequence in sequences(got)) == list(range(15))


@pytest.mark.parametrize(("profile", "late_by"), [(GCM, 511), (CM, 511), (GCM, 512)])
def test_a_packet_as_late_as_the_cache_reaches_is_still_sent(stage: Stage, profile: str, late_by: int) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(profile=profile), stage.track()
    publisher.publish(track)
    viewer.watch(track)
    packets = [rtp(number, vp8(number, key=number == 0)) for number in range(late_by + 2)]
    publisher.send(packets[0], *packets[2:])
    viewer.wait_packets(late_by + 1)
    publisher.send(packets[1])
    publisher.settle()
    got = viewer.settle().packets
    if late_by < 512:
        assert (got[-1].sequence, got[-1].payload) == (101, packets[1][12:])
        assert stage.drops == {}
    else:
        assert len(got) == late_by + 1
        assert stage.drops == {"too_old": 1}


def test_a_duplicate_is_forwarded_once(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(profile="", plain=True), stage.peer(), stage.track()
    publisher.publish(track)
    viewer.watch(track)
    packets = pictures(0, 2)
    publisher.send(*packets, *packets)
    publisher.settle()
    viewer.settle()
    assert continuous(sequences(viewer.received.packets), 100)
    assert len(viewer.received.packets) == 6
    assert stage.drops == {"duplicate": 6}


# --- bursts, padding, segmentation ------------------------------------------------------------------------------------


def test_packets_of_a_picture_are_padded_to_one_size_and_leave_segmented() -> None:
    with staged(flush_us=100_000) as stage:
        publisher, viewer, track = stage.peer(), stage.peer(), stage.track()
        publisher.publish(track)
        viewer.watch(track)
        bodies = [bytes([0x80]) + b"x" * (900 + spread) for spread in (0, 1, 24, 13, 2, 25, 25)]
        for number, body in enumerate(bodies):
            publisher.send(rtp(number, h264(key=number == 0, body=body), payload_type=102, marker=number == 6))
        got = viewer.wait_packets(7)
        assert [packet.payload[1:] for packet in got] == bodies
        # 25 bytes short of the longest is too much to fill up.
        assert [packet.padding for packet in got] == [0, 24, 1, 12, 23, 0, 0]
        assert len({len(packet.raw) for packet in got[1:]}) == 1
        stage.settle()
        counters = stage.plane.counters()
        reports = counters["sent_packets"] - 7
        assert counters["sent_messages"] <= 2 + reports
        assert viewer.transport.stats()["segmentation"]


def test_without_segmentation_the_same_bytes_leave_one_by_one() -> None:
    with staged(gso=False, flush_us=100_000) as stage:
        publisher, viewer, track = stage.peer(), stage.peer(), stage.track()
        publisher.publish(track)
        viewer.watch(track)
        packets = pictures(0, 10)
        publisher.send(*packets)
        assert [packet.payload for packet in viewer.wait_packets(30)] == [packet[12:] for packet in packets]
        stage.settle()
        counters = stage.plane.counters()
        assert counters["sent_messages"] == counters["sent_packets"]
        assert counters["send_calls"] < counters["sent_packets"]


def test_a_picture_without_its_marker_leaves_after_the_flush_time() -> None:
    with staged(flush_us=1000) as stage:
        publisher, viewer, track = stage.peer(), stage.peer(), stage.track()
        publisher.publish(track)
        viewer.watch(track)
        publisher.send(*picture(0, 0, key=True)[:2])
        assert sequences(viewer.wait_packets(2)) == [100, 101]


@pytest.mark.parametrize("leap", [511, 512, 1024])
def test_a_leap_of_the_numbers_does_not_overwrite_a_burst_that_waits(leap: int) -> None:
    with staged(flush_us=50_000) as stage:
        publisher, viewer, track = stage.peer(), stage.peer(), stage.track()
        publisher.publish(track)
        viewer.watch(track)
        packets = picture(0, 0, key=True, count=2)[:1] + picture(1, leap, count=1)
        publisher.send(*packets)
        got = viewer.wait_packets(2)
        assert [packet.payload for packet in got] == [packet[12:] for packet in packets]
        assert sequences(got) == [100, 100 + leap]
        assert stage.drops == {}


def test_a_burst_longer_than_the_plane_collects_loses_nothing(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track()
    publisher.publish(track)
    viewer.watch(track)
    packets = picture(0, 65_500, key=True, count=200)
    publisher.send(*packets)
    assert [packet.payload for packet in viewer.wait_packets(200)] == [packet[12:] for packet in packets]


def test_the_largest_payload_passes_and_a_larger_one_is_counted(stage: Stage) -> None:
    publisher, viewer = (stage.peer(profile="", plain=True) for _ in range(2))
    track = stage.track(video=False)
    publisher.publish(track)
    viewer.watch(track)
    publisher.send(rtp(1, b"a" * 1460, payload_type=111), rtp(2, b"b" * 1461, payload_type=111))
    publisher.send(rtp(3, b"", payload_type=111))
    publisher.settle()
    viewer.settle()
    assert [packet.payload for packet in viewer.received.packets] == [b"a" * 1460, b""]
    assert stage.drops == {"too_large": 1}


# --- starting, stopping, switching ------------------------------------------------------------------------------------


def test_a_viewer_starts_at_a_keyframe(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track()
    publisher.publish(track)
    viewer.watch(track)
    publisher.send(*picture(1, 3), *picture(2, 6), *picture(3, 9, key=True), *picture(4, 12))
    got = viewer.wait_packets(6)
    assert picture_ids(got) == [3, 4]
    assert continuous(sequences(got), 100)


def test_nothing_leaves_before_the_viewer_has_address_and_keys(stage: Stage) -> None:
    publisher, track = stage.peer(), stage.track()
    publisher.publish(track)
    no_keys, no_address = stage.peer(connect=False), stage.peer(connect=False)
    for viewer in (no_keys, no_address):
        viewer.watch(track)
    no_keys.transport.validate(no_keys.address)
    no_keys.transport.select(no_keys.address)
    assert no_address.keys is not None
    no_address.transport.set_keys(no_address.keys)
    publisher.send(*pictures(0, 3))
    publisher.settle()
    for viewer in (no_keys, no_address):
        got = viewer.settle()
        assert not got.packets and not got.refused and not got.control
        assert viewer.transport.stats()["sent_packets"] == 0
    no_keys.connect()
    no_address.transport.validate(no_address.address)
    no_address.transport.select(no_address.address)
    publisher.send(*pictures(3, 1))
    for viewer in (no_keys, no_address):
        assert continuous(sequences(viewer.wait_packets(3)), 100)
    assert stage.drops == {}


def test_pause_stops_packets_and_resume_continues_at_a_keyframe(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track()
    publisher.publish(track)
    route = viewer.watch(track, first_sequence=65_533)
    publisher.send(*pictures(0, 2))
    viewer.wait_packets(6)
    route.set(paused=True)
    stage.settle()
    publisher.send(*picture(2, 6), *picture(3, 9, key=True))
    publisher.settle()
    route.set(paused=False)
    stage.settle()
    publisher.send(*picture(4, 12), *picture(5, 15, key=True), *picture(6, 18))
    got = viewer.wait_packets(12)
    assert continuous(sequences(got), 65_533)
    assert [packet.payload[5:] for packet in got[6:]] == [
        packet[12 + 5 :] for packet in picture(5, 15, key=True) + picture(6, 18)
    ]
    assert picture_ids(got) == [0, 1, 2, 3]
    stamps = [packet.timestamp for packet in got]
    assert all(0 <= b - a < 90_000 for a, b in itertools.pairwise(stamps))
    assert stamps[6] > stamps[5]


def test_sound_pauses_and_resumes_without_a_keyframe(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track(video=False)
    publisher.publish(track)
    route = viewer.watch(track)
    for number in range(30):
        if number in (10, 20):
            publisher.settle()
            route.set(paused=number == 10)
            stage.settle()
        publisher.send(rtp(number, bytes([number]), timestamp=number * 960, payload_type=111))
    got = viewer.wait_packets(20)
    assert [packet.payload[0] for packet in got] == [*range(10), *range(20, 30)]
    assert continuous(sequences(got), 100)
    assert stage.drops == {}


def test_a_publisher_that_comes_back_continues_the_viewers_stream(stage: Stage) -> None:
    viewer, track = stage.peer(), stage.track()
    viewer.watch(track, first_sequence=65_000)
    expected = 0
    for start in (0, 40_000, 65_500):
        publisher = stage.peer()
        publication = publisher.publish(track)
        publisher.send(*pictures(start % 0x7FFF, 4, first_sequence=start, ssrc=start + 5))
        expected += 12
        got = viewer.wait_packets(expected)
        publication.close()
        publisher.transport.close()
    assert continuous(sequences(got), 65_000)
    assert continuous(picture_ids(got), 0)
    assert all(a.timestamp <= b.timestamp for a, b in itertools.pairwise(got))
    assert {packet.ssrc for packet in got} == {1000}


def test_what_waits_of_a_replaced_publication_does_not_take_the_viewers_back() -> None:
    # Longer than a machine stands still: the second must come before the first one's beginning is let go.
    flush_s = 1.0
    with staged(flush_us=int(flush_s * 1_000_000)) as stage:
        first, second, viewer, track = stage.peer(), stage.peer(), stage.peer(), stage.track()
        first.publish(track)
        viewer.watch(track)
        first.send(*pictures(0, 1)[:2])
        stage.settle()
        second.publish(track)
        second.send(*pictures(0, 1, ssrc=88))
        viewer.wait_packets(3)
        # Until the first one's unfinished keyframe may wait no longer, and for some pictures after that.
        flushed = time.monotonic() + 1.2 * flush_s
        for number in itertools.count(1):
            second.send(*picture(number, 3 * number, ssrc=88))
            viewer.wait_packets(3 * number + 3)
            if time.monotonic() > flushed:
                break
        assert continuous(sequences(viewer.received.packets), 100)


def test_the_newest_publication_feeds_the_track_and_when_it_ends_the_one_before(stage: Stage) -> None:
    first, second, viewer, track = stage.peer(), stage.peer(), stage.peer(), stage.track()
    first.publish(track)
    viewer.watch(track)
    first.send(*pictures(0, 1))
    viewer.wait_packets(3)
    newer = second.publish(track)
    second.send(*pictures(100, 1))
    first.send(*picture(1, 3))
    stage.settle()
    viewer.wait_packets(6)
    assert first.transport.stats()["drops"] == {"replaced": 3}
    newer.close()
    first.send(*picture(2, 6), *picture(3, 9, key=True))
    assert continuous(sequences(viewer.wait_packets(9)), 100)
    assert first.transport.stats()["drops"] == {"replaced": 3}


def simulcast(publisher: Peer, number: int, *, key: bool, named: bool) -> None:
    """One picture in three layers, each with numbers of its own; RIDs only while `named`, as browsers do."""
    for layer, rid in enumerate((b"q", b"h", b"f")):
        extensions = {1: b"0", 2: rid} if named else {}
        for index in range(2):
            publisher.send(
                rtp(
                    1000 * layer + 2 * number + index,
                    vp8(500 * layer + number, key=key, first=index == 0, body=bytes([layer, number, index]) * 30),
                    timestamp=0x40000000 * layer + number * 3000,
                    ssrc=9000 + layer,
                    marker=index == 1,
                    extensions=extensions,
                )
            )


def test_a_layer_switch_waits_for_its_keyframe_and_keeps_the_stream_continuous(stage: Stage) -> None:
    publisher, track = stage.peer(receive_ids={MID: 1, RID: 2}), stage.track()
    publication = publisher.publish(track, rids=[b"q", b"h", b"f"])
    viewers = [stage.peer() for _ in range(3)]
    routes = [viewer.watch(track, layer=layer) for layer, viewer in enumerate(viewers)]
    for number in range(4):
        simulcast(publisher, number, key=number == 0, named=number < 2)
    publisher.settle()
    assert [layer["ssrc"] for layer in publication.stats()] == [9000, 9001, 9002]
    routes[0].set(layer=2)
    stage.settle()
    for number in range(4, 8):
        simulcast(publisher, number, key=number == 6, named=False)
    publisher.settle()
    for layer, viewer in enumerate(viewers):
        # Of the picture in which the new layer has its keyframe, the old layer came first and was sent.
        seen = 9 if layer == 0 else 8
        got = viewer.wait_packets(2 * seen)
        assert [packet.payload[-3] for packet in got] == ([0] * 14 + [2] * 4 if layer == 0 else [layer] * 16)
        assert continuous(sequences(got), 100)
        stamps = [packet.timestamp for packet in got]
        assert all(0 <= b - a < 45_000 for a, b in itertools.pairwise(stamps))
        assert len(set(stamps)) == seen
        first = picture_ids(got)[0]
        assert picture_ids(got) == list(range(first, first + seen))
    assert stage.drops == {}


def test_a_codec_the_viewer_did_not_negotiate_is_not_sent(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track()
    publisher.publish(track)
    route = viewer.watch(track, payload_types={VP8: (100, 101)})
    publisher.send(*pictures(0, 1))
    publisher.send(rtp(3, h264(key=True), payload_type=102), rtp(4, h264(), payload_type=102))
    publisher.send(*picture(2, 5, key=True))
    publisher.settle()
    got = viewer.settle().packets
    assert {packet.payload_type for packet in got} == {100}
    assert len(got) == 6
    assert route.stats()["drops"] == 2
    assert viewer.transport.stats()["drops"] == {"route_codec": 2}


# --- header extensions ------------------------------------------------------------------------------------------------


def test_extensions_are_forwarded_under_the_viewers_own_ids(stage: Stage) -> None:
    publisher = stage.peer(receive_ids={LEVEL: 1, ROTATION: 3, CAPTURE_TIME: 14, TWCC: 5})
    some, none = stage.peer(send_ids={LEVEL: 7, ROTATION: 2, CAPTURE_TIME: 9, TWCC: 4}), stage.peer()
    track = stage.track()
    publisher.publish(track)
    some.watch(track)
    none.watch(track)
    stamp = bytes(range(8))
    sent = [
        {1: b"\x9e", 3: b"\x02", 14: stamp + b"offset!!", 5: b"\0\1", 12: b"unknown"},
        {},
        {3: b"\x01"},
        {14: stamp[:7]},
    ]
    for number, extensions in enumerate(sent):
        publisher.send(rtp(number, h264(key=number == 0), payload_type=102, extensions=extensions))
    got = some.wait_packets(4)
    numbers = [int.from_bytes(packet.extensions.pop(4), "big") for packet in got]
    assert continuous(numbers, numbers[0])
    assert [packet.extensions for packet in got] == [{7: b"\x9e", 2: b"\x02", 9: stamp}, {}, {2: b"\x01"}, {}]
    assert [packet.extensions for packet in none.wait_packets(4)] == [{}] * 4


def test_two_byte_elements_are_read_and_lying_lengths_end_the_search(stage: Stage) -> None:
    publisher, viewer = stage.peer(receive_ids={ROTATION: 3, LEVEL: 1}), stage.peer(send_ids={ROTATION: 2, LEVEL: 1})
    track = stage.track()
    publisher.publish(track)
    viewer.watch(track)
    plain = rtp(0, h264(key=True), payload_type=102)
    two = b"\x10\x00\x00\x01" + b"\x03\x01\x02\x00"
    lying = extension_block({1: b"\x05"})[:4] + b"\x10\x07\x3f\x01"
    for number, block in enumerate((two, lying)):
        packet = bytearray(plain[:12] + block + plain[12:])
        packet[0] |= 0x10
        packet[3] = number
        publisher.send(bytes(packet))
    got = viewer.wait_packets(2)
    assert [packet.extensions for packet in got] == [{2: b"\x02"}, {1: b"\x07"}]


def test_payload_type_0_is_one_like_the_others(stage: Stage) -> None:
    """PCMU's by RFC 3551: browsers, telephones and cameras use it."""
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track(video=False)
    pcmu = codec_number("PCMU")
    publisher.publish(track, payload_types=((0, pcmu, 8_000, 0),))
    viewer.watch(track, payload_types={pcmu: (0, 0)}, clock_rate=8_000)
    publisher.send(*(rtp(number, b"sound", payload_type=0) for number in range(3)))
    assert [packet.payload_type for packet in viewer.wait_packets(3)] == [0, 0, 0]
