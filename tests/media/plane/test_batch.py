"""Batches at the socket: runs of equal packets as one message, and what happens where kernel or path refuse that.

The padding that makes packets equal: test_forward.py.
"""

import socket
from collections.abc import Iterator

import pytest

from tests.media.plane.namespace import run_alone
from tests.media.plane.packets import RR, SR, h264, rtp, vp8
from tests.media.plane.peers import Peer, Stage, staged

SO_NO_CHECK = 11
PACKETS_A_PICTURE = 7


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A plane that waits for the marker, however slowly this process sends."""
    with staged(flush_us=100_000) as live:
        yield live


def picture(publisher: Peer, number: int, bodies: list[bytes]) -> list[bytes]:
    """Send one picture; return its payloads."""
    payloads = [h264(key=True, body=b"\x80" + body) for body in bodies]
    first = number * len(bodies)
    for index, payload in enumerate(payloads):
        publisher.send(
            rtp(first + index, payload, timestamp=number * 3000, payload_type=102, marker=index == len(bodies) - 1)
        )
    return payloads


def audience(stage: Stage, count: int) -> tuple[Peer, list[Peer]]:
    publisher, track = stage.peer(), stage.track()
    publisher.publish(track)
    viewers = [stage.peer() for _ in range(count)]
    for viewer in viewers:
        viewer.watch(track)
    return publisher, viewers


def quiet(publisher: Peer, viewers: list[Peer]) -> None:
    """Send a first packet and wait until the reports of this second are out: the next messages are pictures."""
    publisher.send(rtp(65_535, h264(key=True), payload_type=102))
    publisher.wait_control(RR)
    for viewer in viewers:
        viewer.wait_control(SR)
        viewer.settle()
        viewer.received.packets.clear()


def messages(stage: Stage) -> int:
    return stage.plane.counters()["sent_messages"]


def test_a_picture_leaves_as_one_message_a_viewer(stage: Stage) -> None:
    publisher, viewers = audience(stage, 20)

    def sent_with_a_picture(number: int) -> tuple[int, int, int]:
        before = stage.plane.counters()
        payloads = picture(publisher, number, [bytes([index]) * 900 for index in range(PACKETS_A_PICTURE)])
        for viewer in viewers:
            assert [packet.payload for packet in viewer.wait_packets(PACKETS_A_PICTURE)] == payloads
            viewer.received.packets.clear()
        stage.settle()
        after = stage.plane.counters()
        packets, messages, calls = (
            after[name] - before[name] for name in ("sent_packets", "sent_messages", "send_calls")
        )
        return packets, messages, calls

    # On a slow machine a report may leave with a picture; not with every one.
    pictures = (sent_with_a_picture(number) for number in range(20))
    messages, calls = next(rest for packets, *rest in pictures if packets == 20 * PACKETS_A_PICTURE)
    assert messages == 20 and calls <= 8


@pytest.mark.parametrize(
    ("sizes", "runs"),
    [
        ([900] * 6 + [300], 1),
        ([900] * 3 + [300] + [900] * 3, 2),
        ([300] + [900] * 6, 2),
        ([900, 800, 700, 600, 500, 400, 300], 4),
        ([900] * 7, 1),
        ([900], 1),
    ],
    ids=["a shorter last", "a shorter one in between", "a shorter first", "all different", "all equal", "alone"],
)
def test_a_run_ends_with_its_first_shorter_packet(stage: Stage, sizes: list[int], runs: int) -> None:
    publisher, (viewer,) = audience(stage, 1)
    quiet(publisher, [viewer])
    before = messages(stage)
    payloads = picture(publisher, 0, [bytes(size) for size in sizes])
    got = viewer.wait_packets(len(sizes))
    assert [packet.payload for packet in got] == payloads
    stage.settle()
    assert messages(stage) - before == runs


def test_more_than_one_message_can_carry_is_split(stage: Stage) -> None:
    publisher, (viewer,) = audience(stage, 1)
    payloads = picture(publisher, 0, [index.to_bytes(2, "big") * 600 for index in range(64)])
    assert [packet.payload for packet in viewer.wait_packets(64)] == payloads
    assert stage.drops == {}


def test_a_batch_of_many_viewers_goes_over_its_own_limits(stage: Stage) -> None:
    """150 viewers with 7 packets each are more messages and more bytes than one batch holds."""
    publisher, viewers = audience(stage, 150)
    payloads = picture(publisher, 0, [bytes([index]) * 1100 for index in range(PACKETS_A_PICTURE)])
    for viewer in viewers:
        assert [packet.payload for packet in viewer.wait_packets(PACKETS_A_PICTURE)] == payloads
    assert stage.drops == {}


def test_a_kernel_that_refuses_segmentation_gets_single_datagrams_for_good(stage: Stage) -> None:
    """Without UDP checksums Linux refuses UDP_SEGMENT."""
    publisher, viewers = audience(stage, 3)
    stage.settle()
    stage.plane.sockets.main.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
    for number in range(3):
        before = messages(stage)
        payloads = picture(publisher, number, [bytes([index]) * 900 for index in range(PACKETS_A_PICTURE)])
        for viewer in viewers:
            got = viewer.wait_packets(PACKETS_A_PICTURE * (number + 1))
            assert [packet.payload for packet in got[-PACKETS_A_PICTURE:]] == payloads
        stage.settle()
        assert messages(stage) - before >= (0 if number == 0 else 3 * PACKETS_A_PICTURE)
    assert [viewer.transport.stats()["segmentation"] for viewer in viewers] == [False] * 3
    assert stage.drops == {}


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_path_with_a_small_mtu_takes_segments_that_fit(host: str) -> None:
    for sent in run_alone("narrow_path", host, "1280", "1100"):
        assert sent == {"intact": True, "messages": 1, "segmentation": True, "drops": {}}


SINGLY = {"intact": True, "messages": PACKETS_A_PICTURE, "segmentation": False, "drops": {}}


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_path_with_a_small_mtu_gets_larger_packets_without_segmentation(host: str) -> None:
    first, second = run_alone("narrow_path", host, "1280", "1300")
    assert first == {"intact": True, "messages": 0, "segmentation": False, "drops": {}}
    assert second == SINGLY


def test_a_narrow_link_behind_a_router_costs_the_picture_that_meets_it_once() -> None:
    """IPv6 routers take nothing apart: the first picture is lost there, and its repair is refused segments here."""
    first, *others = run_alone("narrow_route", "1280", "1300")
    assert first == {"arrived": 0, "segmentation": [True, False], "repaired": True, "drops": {}}
    assert others == [SINGLY] * 2


def test_packets_of_two_sockets_do_not_mix(stage: Stage) -> None:
    """A plain transport has a socket of its own; the batch changes sides between viewers."""
    publisher, track = stage.peer(), stage.track()
    publisher.publish(track)
    viewers = [stage.peer(profile="", plain=True) if number % 2 else stage.peer() for number in range(10)]
    for viewer in viewers:
        viewer.watch(track)
    for number in range(5):
        publisher.send(rtp(number, vp8(number, key=number == 0, body=b"%d" % number)))
    for viewer in viewers:
        got = viewer.wait_packets(5)
        assert {packet.source[1] for packet in got} == {viewer.target[1]}
        assert [packet.payload[-1:] for packet in got] == [b"%d" % number for number in range(5)]


def test_a_whole_batch_to_an_unreachable_viewer_is_counted_packet_by_packet() -> None:
    with staged() as stage:
        publisher, (lost, there) = audience(stage, 2)
        lost.transport.select(("255.255.255.255", 9))
        stage.settle()
        picture(publisher, 0, [bytes([index]) * 900 for index in range(PACKETS_A_PICTURE)])
        there.wait_packets(PACKETS_A_PICTURE)
        # The kernel may refuse the one after it has taken the other.
        stage.settle()
        assert lost.transport.stats()["drops"] == {"send": PACKETS_A_PICTURE}
        assert there.transport.stats()["drops"] == {}
