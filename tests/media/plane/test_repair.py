"""What makes up for losses before anybody asks, at the socket: former sounds beside each, parities beside pictures."""

from __future__ import annotations

import pytest

from media.rtp.flexfec import Recovery, parse, without_wide_number
from media.rtp.red import parse as parse_red
from tests.media.plane.packets import Packet, continuous, nack, picture, rtp, sequences
from tests.media.plane.peers import CM, GCM, TWCC, Peer, Stage

RED, FEC, FEC_SSRC = 63, 49, 1002
WIDE_ID = 4
#: Extension kind as `PlaneTransport` wants it
PLAYOUT = 9


def sound(number: int) -> bytes:
    return rtp(number, bytes([number & 0xFF]) * (20 + number % 7), payload_type=111, timestamp=number * 960, ssrc=55)


def listener(stage: Stage, *, red: int = RED) -> tuple[Peer, Peer]:
    """A publisher of sound, and who hears it."""
    publisher, viewer, track = stage.peer(), stage.peer(send_ids={TWCC: WIDE_ID}), stage.track(video=False)
    publisher.publish(track)
    route = viewer.watch(track, red_payload_type=red)
    route.repair(redundancy=2)
    assert route.has_red == bool(red)
    return publisher, viewer


def blocks(packet: Packet) -> list[tuple[int, int]]:
    """Return (first byte, timestamp units before) of a packet of sound."""
    assert packet.payload_type == RED
    found = parse_red(packet.payload)
    assert {block.payload_type for block in found} == {109}
    return [(block.payload[0], block.before) for block in found]


def test_each_sound_brings_those_before_it_as_far_as_they_came(stage: Stage) -> None:
    publisher, viewer = listener(stage)
    publisher.send(*(sound(number) for number in (1, 2, 3, 5, 6)))
    heard = viewer.wait_packets(5)
    assert [blocks(packet) for packet in heard] == [
        [(1, 0)],
        [(1, 960), (2, 0)],
        [(1, 1920), (2, 960), (3, 0)],
        [(3, 1920), (5, 0)],
        [(5, 960), (6, 0)],
    ]
    assert sequences(heard) == [100, 101, 102, 104, 105]


def test_large_sounds_leave_no_room_for_those_before_them(stage: Stage) -> None:
    publisher, viewer = listener(stage)
    sizes = (900, 1300, 80, 200, 1300)
    for number, size in enumerate(sizes):
        publisher.send(rtp(number, bytes([number]) * size, payload_type=111, timestamp=number * 960, ssrc=55))
    heard = viewer.wait_packets(len(sizes))
    assert [blocks(packet) for packet in heard] == [
        [(0, 0)],
        [(1, 0)],
        [(0, 1920), (2, 0)],
        [(2, 960), (3, 0)],
        [(4, 0)],
    ]
    assert max(len(packet.clear) for packet in heard) <= 1500


def test_who_has_not_agreed_to_it_gets_each_sound_once(stage: Stage) -> None:
    publisher, viewer = listener(stage, red=0)
    publisher.send(*(sound(number) for number in range(3)))
    assert {packet.payload_type for packet in viewer.wait_packets(3)} == {109}


def test_sound_from_before_a_pause_is_not_sent_behind_it(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track(video=False)
    publisher.publish(track)
    route = viewer.watch(track, red_payload_type=RED)
    route.repair(redundancy=3)
    publisher.send(sound(1))
    viewer.wait_packets(1)
    route.set(paused=True)
    stage.unapplied = True
    publisher.send(sound(2), sound(3))
    stage.settle()
    route.set(paused=False)
    stage.unapplied = True
    publisher.send(sound(4), sound(5))
    heard = viewer.wait_packets(3)
    assert [blocks(packet) for packet in heard[1:]] == [[(4, 0)], [(4, 960), (5, 0)]]


def test_former_sounds_are_told_over_the_edges_of_numbers_and_timestamps(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track(video=False)
    publisher.publish(track)
    route = viewer.watch(track, first_sequence=65_534, first_timestamp=2**32 - 960, red_payload_type=RED)
    route.repair(redundancy=2)
    stage.unapplied = True
    for index in range(6):
        timestamp = 2**32 - 1920 + 960 * index
        publisher.send(rtp(65_533 + index, bytes([index]) * 20, payload_type=111, timestamp=timestamp, ssrc=55))
    heard = viewer.wait_packets(6)
    assert [blocks(packet) for packet in heard[:2]] == [[(0, 0)], [(0, 960), (1, 0)]]
    assert [blocks(packet) for packet in heard[2:]] == [
        [(index - 2, 1920), (index - 1, 960), (index, 0)] for index in range(2, 6)
    ]
    assert continuous(sequences(heard), 65_534)
    assert [packet.timestamp for packet in heard] == [(960 * index - 960) & 0xFFFFFFFF for index in range(6)]


@pytest.mark.parametrize("profile", [GCM, CM])
@pytest.mark.parametrize("told", [True, False], ids=["with wide numbers", "without"])
def test_parities_make_again_what_is_lost(stage: Stage, profile: str, told: bool) -> None:
    publisher, track = stage.peer(), stage.track()
    viewer = stage.peer(profile=profile, send_ids={TWCC: WIDE_ID} if told else {})
    publisher.publish(track)
    route = viewer.watch(track, first_sequence=65_530, fec_payload_type=FEC, fec_ssrc=FEC_SSRC)
    assert route.has_flexfec
    route.repair(percent=25, group_s=0.0)
    stage.unapplied = True
    publisher.send(*picture(0, 0, key=True, count=16))
    came = viewer.wait_packets(20)
    media = [packet for packet in came if packet.ssrc == 1000]
    parities = [packet for packet in came if packet.ssrc == FEC_SSRC]
    assert len(parities) == 4 and {packet.payload_type for packet in parities} == {FEC}
    assert continuous(sequences(media), 65_530) and continuous(sequences(parities), parities[0].sequence)
    recovery = Recovery()
    plain = {packet.sequence: without_wide_number(packet.clear, WIDE_ID) for packet in media}
    lost = [packet.sequence for packet in media[4:8]]
    for packet in media:
        if packet.sequence not in lost:
            recovery.packet(plain[packet.sequence])
    made = [again for packet in parities for again in recovery.parity(packet.payload)]
    assert sorted(made) == sorted(plain[number] for number in lost)


def test_what_parities_make_good_is_not_sent_again(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track()
    publisher.publish(track)
    route = viewer.watch(track, fec_payload_type=FEC, fec_ssrc=FEC_SSRC)
    route.repair(percent=25, group_s=0.0)
    stage.unapplied = True
    publisher.send(*picture(0, 0, key=True, count=4))
    (parity,) = (packet for packet in viewer.wait_packets(5) if packet.ssrc == FEC_SSRC)
    assert parse(parity.payload).covers == (100, 101, 102, 103)
    viewer.send(nack(1000, [101]))
    viewer.settle()
    assert route.stats()["resends"] == 0
    viewer.send(nack(1000, [102]))
    assert viewer.wait_packets(6)[-1].original == 102


def test_viewer_is_told_how_long_pictures_shall_wait_and_when_no_longer(stage: Stage) -> None:
    publisher, track = stage.peer(), stage.track()
    viewer, other = stage.peer(send_ids={TWCC: WIDE_ID, PLAYOUT: 6}), stage.peer(send_ids={PLAYOUT: 6})
    publisher.publish(track)
    route, _ = viewer.watch(track), other.watch(track)

    def told(number: int) -> bytes | None:
        stage.unapplied = True
        publisher.send(*picture(number, number, key=True, count=1))
        return viewer.wait_packets(number + 1)[-1].extensions.get(6)

    assert told(0) is None
    route.repair(wait_ms=700)
    assert told(1) == (70 << 12 | 0xFFF).to_bytes(3)
    route.repair()
    assert told(2) == (0xFFF).to_bytes(3) == told(3)  # it would keep to the last word
    assert all(6 not in packet.extensions for packet in other.wait_packets(4))


@pytest.mark.parametrize("profile", [GCM, CM])
def test_pictures_parities_and_answers_go_over_the_edge_of_their_numbers(stage: Stage, profile: str) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(profile=profile), stage.track()
    publisher.publish(track)
    route = viewer.watch(track, first_sequence=65_534, fec_payload_type=FEC, fec_ssrc=FEC_SSRC)
    route.repair(percent=25, group_s=0.0)
    stage.unapplied = True
    publisher.send(*picture(0, 65_533, key=True, count=16))
    viewer.wait_packets(20)
    lost = [65_534, 65_535, 0, 1]
    # Of each parity's packets the first that is asked for is thought to be made again.
    viewer.send(nack(1000, lost))
    viewer.settle()
    viewer.send(nack(1000, lost))
    came = viewer.wait_packets(24)
    assert [packet.original for packet in came if packet.ssrc == 1001] == lost
    for ssrc in (1000, 1001, FEC_SSRC):
        assert continuous(sequences(packet for packet in came if packet.ssrc == ssrc), 65_534)


def test_numbers_that_make_no_sense_are_refused(stage: Stage) -> None:
    viewer, track = stage.peer(), stage.track()
    route = viewer.watch(track, fec_payload_type=FEC, fec_ssrc=FEC_SSRC)
    for options in ({"redundancy": 4}, {"redundancy": -1}, {"percent": 101}, {"percent": -1}, {"wait_ms": 10_001}):
        with pytest.raises(ValueError, match="0 to"):
            route.repair(**options)
