"""Repair of what a publisher sends: NACK and RTX towards us, and keyframes where nothing can be repaired."""

from collections.abc import Callable

import pytest

from tests.media.plane.packets import PSFB, RTPFB, rtp, rtx, vp8
from tests.media.plane.peers import TWCC, VIDEO_TYPES, Peer, Received, Stage
from tests.patience import wait_until


def payloads(viewer: Peer) -> list[bytes]:
    return [packet.payload for packet in viewer.settle().packets]


def test_without_nack_a_keyframe_is_asked_for_without_waiting_for_what_nobody_sends(stage: Stage) -> None:
    """Counted by the plane's own clock: transport feedback goes out every 100 ms, a hole grows old in a second."""
    publisher, track = stage.peer(receive_ids={TWCC: 5}), stage.track()
    publisher.publish(track, nack=False)

    def send(number: int) -> None:
        publisher.send(rtp(number, vp8(key=number == 0), extensions={5: number.to_bytes(2, "big")}))

    send(0)
    publisher.wait_control(RTPFB, 15)
    before = len(publisher.received.control)
    number = 5
    while not any(item.kind == PSFB for item in publisher.received.control):
        send(number)
        heard = len(publisher.received.control)
        publisher.wait(
            lambda got: any(item.kind in (RTPFB, PSFB) for item in got.control[heard:]),  # noqa: B023
            "feedback on it",
        )
        number += 1
    feedback = [item for item in publisher.received.control[before:] if (item.kind, item.count) == (RTPFB, 15)]
    assert len(feedback) < 4


def test_what_is_lost_towards_us_is_asked_for_and_restored_by_rtx(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track()
    publication = publisher.publish(track)
    viewer.watch(track, first_sequence=65_533)
    packets = [rtp(65_530 + number, vp8(number, key=number == 0, body=b"%d" % number)) for number in range(12)]
    lost = [3, 5, 6, 8]
    publisher.send(*(packet for number, packet in enumerate(packets) if number not in lost))
    wanted = {(65_530 + number) & 0xFFFF for number in lost}
    asked: set[int] = set()

    def all_asked(got: Received) -> bool:
        """Whether all were, in one question or, when a tick came in between, in several."""
        for item in got.control:
            if (item.kind, item.count) == (RTPFB, 1):
                assert item.media_ssrc == 77
                asked.update(item.nacked())
        return asked >= wanted

    publisher.wait(all_asked, "NACKs for all that is lost")
    assert asked == wanted
    publisher.send(*(rtx(index, packets[number], ssrc=78) for index, number in enumerate(lost)))
    got = viewer.wait_packets(12)
    by_number = {(packet.sequence - 65_533) & 0xFFFF: packet.payload for packet in got}
    assert by_number == {number: packet[12:] for number, packet in enumerate(packets)}
    stats = publication.stats()[0]
    assert (stats["recovered"], stats["lost"], stats["expected"]) == (4, 0, 12)
    assert stats["nacks"] >= 4
    assert stage.drops == {}


def test_a_packet_that_comes_both_ways_is_forwarded_once(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track()
    publisher.publish(track)
    viewer.watch(track)
    packets = [rtp(number, vp8(number, key=number == 0)) for number in range(6)]
    publisher.send(*packets[:2], *packets[3:], packets[2], rtx(0, packets[2], ssrc=78), rtx(1, packets[4], ssrc=78))
    publisher.settle()
    assert len(payloads(viewer)) == 6
    assert stage.drops == {"duplicate": 2}


def test_without_nack_in_the_description_nothing_is_asked(stage: Stage) -> None:
    publisher, track = stage.peer(), stage.track()
    publication = publisher.publish(track, nack=False)
    publisher.send(rtp(0, vp8(key=True)), rtp(5, vp8()), rtp(6, vp8()))
    wait_until(lambda: publication.stats()[0]["keyframe_requests"] > 0, "a keyframe is asked for instead")
    assert publication.stats()[0]["nacks"] == 0
    assert [item for item in publisher.settle().control if item.kind == RTPFB and item.count == 1] == []


@pytest.mark.parametrize(
    ("packet", "drops"),
    [
        (lambda: rtx(9, rtp(40_000, b"far"), ssrc=78), {"too_old": 1}),
        (lambda: rtp(9, b"", ssrc=78, payload_type=97), {}),
        (lambda: rtp(9, b"\0", ssrc=78, payload_type=97), {}),
        (lambda: rtp(9, b"", ssrc=78, payload_type=97, padding=200), {}),
        (lambda: rtx(9, rtp(1, b"x"), ssrc=78, payload_type=103), {"payload_type": 1}),
        (lambda: rtx(9, rtp(1, b"x"), ssrc=77), {"payload_type": 1}),
        (lambda: rtp(2, vp8(2), ssrc=78), {"payload_type": 1}),
    ],
    ids=["far away", "empty", "one byte", "only padding", "of another format", "on the media's own SSRC", "media"],
)
def test_an_odd_retransmission_is_no_packet(stage: Stage, packet: Callable[[], bytes], drops: dict[str, int]) -> None:
    publisher, viewer, track = stage.peer(profile="", plain=True), stage.peer(), stage.track()
    publication = publisher.publish(track, payload_types=VIDEO_TYPES[:2])
    viewer.watch(track)
    publisher.send(rtp(0, vp8(key=True)), rtp(1, vp8(1)), rtx(8, rtp(0, vp8(key=True)), ssrc=78))
    publisher.settle()
    before = publication.stats()[0]["packets"]
    publisher.send(packet())
    publisher.settle()
    assert publication.stats()[0]["packets"] == before == 2
    assert stage.drops == {"duplicate": 1, **drops}
    assert len(payloads(viewer)) == 2


def test_a_retransmission_before_its_stream_is_nothing(stage: Stage) -> None:
    publisher, track = stage.peer(), stage.track()
    publication = publisher.publish(track)
    publisher.send(rtx(0, rtp(5, vp8(key=True)), ssrc=78))
    publisher.settle()
    assert publication.stats()[0]["packets"] == 0
    publisher.send(rtp(6, vp8(6, key=True)))
    publisher.settle()
    assert publication.stats()[0]["packets"] == 1
