"""IPv6 where the other tests have IPv4: answers from the address that was asked, segmentation, plain RTP."""

from __future__ import annotations

import pytest

from tests.media.plane.namespace import run_alone
from tests.media.plane.packets import RR, SR, h264, nack, rtp, vp8
from tests.media.plane.peers import CM, GCM, staged

PACKETS_A_PICTURE = 7


def test_answers_and_media_come_from_the_address_that_was_asked() -> None:
    found = run_alone("six")
    assert found["answered"] == found["asked"]
    assert found["media"] == [[address] for address in found["asked"]]
    assert found["drops"] == {}


@pytest.mark.parametrize(
    ("bind", "host"), [("::1", "::1"), ("::", "::1"), ("::", "127.0.0.1")], ids=["IPv6", "both, IPv6", "both, IPv4"]
)
def test_a_picture_leaves_as_one_message(bind: str, host: str) -> None:
    with staged(bind, flush_us=100_000) as stage:
        publisher, viewer, track = stage.peer(host=host), stage.peer(host=host), stage.track()
        publisher.publish(track)
        viewer.watch(track)
        publisher.send(rtp(65_535, h264(key=True), payload_type=102))
        publisher.wait_control(RR)  # the reports of this second are out: the next message is the picture
        viewer.wait_control(SR)
        viewer.settle()
        before = stage.plane.counters()
        payloads = [h264(body=b"\x80" + bytes([index]) * 900) for index in range(PACKETS_A_PICTURE)]
        for index, payload in enumerate(payloads):
            publisher.send(rtp(index, payload, payload_type=102, marker=index == PACKETS_A_PICTURE - 1))
        assert [packet.payload for packet in viewer.wait_packets(1 + PACKETS_A_PICTURE)[1:]] == payloads
        stage.settle()
        after = stage.plane.counters()
        assert after["sent_packets"] - before["sent_packets"] == PACKETS_A_PICTURE
        assert after["sent_messages"] - before["sent_messages"] == 1
        assert viewer.transport.stats()["segmentation"] and stage.drops == {}


@pytest.mark.parametrize("profile", [GCM, CM, ""])
def test_plain_rtp_latches_and_repairs(profile: str) -> None:
    with staged("::1") as stage:
        camera = stage.peer(host="::1", profile=profile, plain=True, connect=False, latch=True)
        screen = stage.peer(host="::1", profile=profile, plain=True)
        if camera.keys is not None:
            camera.transport.set_keys(camera.keys)
        track = stage.track()
        camera.publish(track)
        screen.watch(track)
        assert not camera.transport.stats()["remote"]
        packets = [rtp(number, vp8(number, key=number == 0), timestamp=number * 3000) for number in range(5)]
        camera.send(*packets)
        assert [packet.payload for packet in screen.wait_packets(5)] == [packet[12:] for packet in packets]
        assert camera.transport.stats()["remote"]
        camera.wait_control(RR)
        screen.send(nack(1000, [102]))
        assert screen.wait_packets(6)[5].original == 102
        assert stage.drops == {}
