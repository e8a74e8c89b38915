"""Transport-wide feedback of viewers at the socket: counted, read into each one's estimate, absurd without effect."""

import socket
import struct
import time

from media.plane.transport import LEAST_BPS, START_BPS
from tests.media.plane.packets import (
    RTPFB,
    nack,
    rtcp,
    rtp,
    vp8,
)
from tests.media.plane.peers import MID, RID, TWCC, Peer, Stage
from tests.media.plane.test_feedback import audience
from tests.patience import wait_until


def feedback(base: int, symbols: list[int], *, number: int = 0, reference: int = 1000) -> bytes:
    """Draft section 3.1 with two-bit chunks; every delta is 4 ticks."""
    chunks, deltas = b"", b""
    for at in range(0, len(symbols), 7):
        seven = symbols[at : at + 7] + [0] * 7
        bits = sum(symbol << 2 * (6 - place) for place, symbol in enumerate(seven[:7]))
        chunks += struct.pack("!H", 0xC000 | bits)
    for symbol in symbols:
        deltas += {0: b"", 1: b"\x04", 2: b"\x00\x04", 3: b""}[symbol]
    content = chunks + deltas
    content += bytes(-len(content) % 4)
    head = struct.pack("!IIHHI", 1, 1000, base & 0xFFFF, len(symbols), reference << 8 | number)
    return rtcp(RTPFB, 15, head + content)


#: Of what left within this the feedback below tells a queue all the same, of what came 192 ms later.
TOGETHER_S = 0.1


def estimated(stage: Stage, count: int, more_bytes: int = 0) -> tuple[Peer, int]:
    """A viewer with transport-wide numbers that was sent `count` packets together; the first number."""
    publisher, viewer, track = stage.peer(), stage.peer(send_ids={TWCC: 4}), stage.track()
    publisher.publish(track)
    viewer.watch(track)
    number, together = 0, False
    while not together:  # again, where the machine stood still meanwhile: what is told of them would be no queue
        viewer.read().packets.clear()
        began = time.monotonic()
        for _ in range(count):
            publisher.send(rtp(number, vp8(number, key=number == 0) + bytes(more_bytes)))
            number += 1
        got = viewer.wait_packets(count)
        together = time.monotonic() - began < TOGETHER_S
    return viewer, int.from_bytes(got[0].extensions[4], "big")


def test_feedback_of_a_viewer_is_counted(stage: Stage) -> None:
    viewer, base = estimated(stage, 40)
    viewer.send(feedback(base, [1, 1, 0, 2, 0, 1, 1, 1, 1, 1]))
    viewer.settle()
    stats = viewer.transport.stats()
    assert (stats["feedback_received"], stats["feedback_lost"]) == (8, 2)
    viewer.send(feedback(base, [1] * 10, number=1), feedback(base + 10, [1] * 30, number=2))
    viewer.settle()
    stats = viewer.transport.stats()
    assert (stats["feedback_received"], stats["feedback_lost"]) == (40, 2)
    assert stage.drops == {}


def tell_of_queue(stage: Stage, viewer: Peer, base: int, times: int = 3) -> None:
    """Tell of 60 packets that left together: half of them came 192 ms (64 ms `times`) later, and so for a while."""
    reference = 1000 + times
    viewer.send(feedback(base, [1] * 30), feedback(base + 30, [1] * 15, reference=reference, number=1))
    # Feedback has a socket of its own, which is read later.
    stage.settle()
    began = time.monotonic()
    wait_until(lambda: time.monotonic() - began > 0.07, "the queue has stood for a while")
    viewer.send(feedback(base + 45, [1] * 15, reference=reference, number=2))
    stage.settle()


def test_a_queue_that_feedback_tells_of_lowers_the_estimate_of_that_viewer_alone(stage: Stage) -> None:
    viewer, base = estimated(stage, 60, more_bytes=100)
    other, other_base = estimated(stage, 60, more_bytes=100)
    for one in (viewer, other):
        assert one.transport.estimate is None
    tell_of_queue(stage, viewer, base)
    other.send(feedback(other_base, [1] * 30), feedback(other_base + 30, [1] * 30, number=1))
    for one in (viewer, other):
        one.settle()
    full, free = viewer.transport.estimate, other.transport.estimate
    assert full is not None and free is not None
    assert 192 - 1000 * TOGETHER_S - 12 < full["queue_ms"] < 200 and free["queue_ms"] < 30
    assert LEAST_BPS <= full["bps"] < START_BPS <= free["bps"]
    assert (full["loss"], free["loss"]) == (0, 0)


def test_repairs_take_a_part_of_what_may_be_sent(stage: Stage) -> None:
    thin, base = estimated(stage, 60, more_bytes=1000)
    wide, wide_base = estimated(stage, 60, more_bytes=1000)
    thin_route, wide_route = stage.routes
    tell_of_queue(stage, thin, base, times=2)
    wide.send(feedback(wide_base, [1] * 30), feedback(wide_base + 30, [1] * 30, number=1))
    # Feedback has a socket of its own, which is read later.
    stage.settle()
    began = time.monotonic()
    for one in (thin, wide):
        first = one.received.packets[0].sequence
        one.send(nack(1000, range(first, first + 60)))
        one.settle()
    link = thin.transport.estimate
    assert link is not None
    # 6,000 bytes in one go and half a second's part, and what time has brought since.
    most = (6000 + (0.5 + time.monotonic() - began) * link["bps"] / 8 / 4) / 1000
    assert 1 <= thin_route.stats()["resends"] <= most < 30
    assert thin.transport.stats()["drops"]["resend_rate"] == 60 - thin_route.stats()["resends"]
    assert wide_route.stats()["resends"] == 60


def test_behind_a_long_queue_no_picture_is_sent_again(stage: Stage) -> None:
    viewer, base = estimated(stage, 60, more_bytes=1000)
    tell_of_queue(stage, viewer, base, times=5)
    first = viewer.received.packets[0].sequence
    viewer.send(nack(1000, range(first, first + 60)))
    viewer.settle()
    assert stage.routes[0].stats()["resends"] == 0
    assert viewer.transport.stats()["drops"]["resend_rate"] == 60


def test_of_a_layer_that_another_has_replaced_a_full_link_is_sent_nothing_again(stage: Stage) -> None:
    publisher, viewer = stage.peer(receive_ids={MID: 1, RID: 2}), stage.peer(send_ids={TWCC: 4})
    track = stage.track()
    publisher.publish(track, rids=[b"a", b"b"])
    route = viewer.watch(track)

    def show(first: int, count: int, rid: bytes) -> None:
        for number in range(first, first + count):
            head, ssrc = {1: b"0", 2: rid}, 90 + rid[0]
            publisher.send(rtp(number, vp8(number, key=number == first) + bytes(100), ssrc=ssrc, extensions=head))

    show(0, 60, b"a")
    got = viewer.wait_packets(60)
    tell_of_queue(stage, viewer, int.from_bytes(got[0].extensions[4], "big"), times=2)
    link = viewer.transport.estimate
    assert link is not None and link["was_full"]
    route.set(layer=1)
    stage.settle()
    show(0, 5, b"b")
    viewer.wait_packets(65)
    viewer.send(nack(1000, [110, 161, 120, 163]))
    assert [packet.original for packet in viewer.wait_packets(67)[65:]] == [161, 163]


def test_absurd_feedback_is_counted_and_believed_in_nothing(stage: Stage) -> None:
    viewer, base = estimated(stage, 20)
    good = feedback(base, [1] * 10)
    absurd = [
        feedback(base, []),
        feedback(base, [1] * 21),
        feedback(base + 20, [1]),
        feedback(base - 5, [1]),
        feedback(base, [3] * 5),
        good[:14] + b"\xff\xff" + good[16:],
        good[:2] + struct.pack("!H", 4) + good[4:20],
        rtcp(RTPFB, 15, struct.pack("!II", 1, 2)),
        rtcp(RTPFB, 15, struct.pack("!IIHHIHH", 1, 2, base, 0xFFFF, 0, 0x3FFF, 0)),
    ]
    viewer.send(*absurd)
    viewer.settle()
    assert stage.drops == {"rtcp_malformed": len(absurd)}
    stats = viewer.transport.stats()
    assert (stats["feedback_received"], stats["feedback_lost"]) == (0, 0)
    viewer.send(good)
    viewer.settle()
    assert viewer.transport.stats()["feedback_received"] == 10


def test_feedback_where_none_was_negotiated_is_nothing(stage: Stage) -> None:
    publisher, (viewer,) = audience(stage, 1)
    viewer.send(feedback(1, [1, 1]))
    publisher.send(feedback(1, [1, 1]))
    viewer.settle()
    assert viewer.transport.stats()["feedback_received"] == 0
    assert stage.drops == {}


def test_more_feedback_than_a_tick_reads_is_read_all_the_same(stage: Stage) -> None:
    viewer, base = estimated(stage, 40)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for _ in range(500):
            stranger.sendto(feedback(base, [1]), ("127.0.0.1", stage.plane.port))
    viewer.send(feedback(base, [1] * 40))
    wait_until(lambda: viewer.transport.stats()["feedback_received"] == 40, "the feedback behind the flood")
    assert stage.drops == {"stranger": 500}
