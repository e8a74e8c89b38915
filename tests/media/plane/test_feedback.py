"""Inbound RTCP at the socket: keyframe requests collected, reports and transport feedback read, garbage without effect.

What a NACK brings is in test_forward.py.
"""

import itertools
import os
import random
import socket
import struct
import time

import pytest

from media.plane.thread import StreamBound, StreamEnded
from media.plane.transport import LEAST_BPS, START_BPS
from tests.media.plane.packets import (
    PSFB,
    RR,
    RTPFB,
    SR,
    XR,
    Control,
    bye,
    dlrr,
    fir,
    nack,
    pli,
    report_block,
    rr,
    rtcp,
    rtp,
    vp8,
)
from tests.media.plane.peers import CM, GCM, TWCC, VIDEO_TYPES, Peer, Stage, staged
from tests.patience import wait_until


def requests(peer: Peer, kind: int = 1) -> list[Control]:
    return [item for item in peer.read().control if item.kind == PSFB and item.count == kind]


def audience(stage: Stage, count: int, **options: bool) -> tuple[Peer, list[Peer]]:
    """A publisher of one picture with viewers who all have its first keyframe."""
    publisher, track = stage.peer(), stage.track()
    publisher.publish(track, payload_types=VIDEO_TYPES, **options)
    viewers = [stage.peer() for _ in range(count)]
    for viewer in viewers:
        viewer.watch(track)
    publisher.send(rtp(0, vp8(0, key=True)), rtp(1, vp8(1)))
    for viewer in viewers:
        viewer.wait_packets(2)
    return publisher, viewers


# --- keyframes --------------------------------------------------------------------------------------------------------


def test_the_requests_of_all_viewers_become_one_an_interval_until_a_keyframe_comes() -> None:
    interval_s = 0.15
    with staged(keyframe_interval_ms=150) as stage:
        publisher, viewers = audience(stage, 8)
        asked = len(requests(publisher))
        began = time.monotonic()
        while (found := len(requests(publisher)) - asked) < 4:
            for viewer in viewers:
                viewer.send(pli(1000), fir(1000, 3), pli(1000))
            publisher.settle()
        assert found <= 1 + (time.monotonic() - began) / interval_s
        assert all(item.media_ssrc == 77 for item in requests(publisher))
        publisher.send(rtp(2, vp8(2, key=True)))
        publisher.settle()
        asked = len(requests(publisher))
        deadline = time.monotonic() + 1.5 * interval_s
        while time.monotonic() < deadline:
            publisher.settle()
        assert len(requests(publisher)) == asked


def test_a_publisher_that_knows_only_fir_is_asked_by_fir_with_rising_numbers() -> None:
    with staged(keyframe_interval_ms=20) as stage:
        publisher, (viewer,) = audience(stage, 1, pli=False, fir=True)
        viewer.send(pli(1000))
        publisher.wait(lambda _: len(requests(publisher, 4)) >= 3, "three FIRs")
        found = requests(publisher, 4)
        assert requests(publisher, 1) == []
        for item in found:
            assert item.media_ssrc == 0
            assert struct.unpack("!I", item.body[8:12]) == (77,)
        assert all((b.body[12] - a.body[12]) & 0xFF == 1 for a, b in itertools.pairwise(found))


def test_a_publisher_that_knows_neither_is_not_asked(stage: Stage) -> None:
    publisher, (viewer,) = audience(stage, 1, pli=False, fir=False)
    viewer.send(pli(1000))
    viewer.settle()
    assert requests(publisher, 1) == requests(publisher, 4) == []


def test_a_new_viewer_and_a_resumed_one_have_a_keyframe_asked_for(stage: Stage) -> None:
    publisher, track = stage.peer(), stage.track()
    publication = publisher.publish(track)
    publisher.send(rtp(0, vp8(0, key=True)))
    publisher.settle()
    assert publication.stats()[0]["keyframe_requests"] == 0
    route = stage.peer().watch(track)
    wait_until(lambda: publication.stats()[0]["keyframe_requests"] == 1, "asked for the new viewer")
    publisher.send(rtp(1, vp8(1, key=True)))
    publisher.settle()
    route.set(paused=True)
    route.set(paused=False)
    wait_until(lambda: publication.stats()[0]["keyframe_requests"] == 2, "asked for the resumed viewer")


def test_requests_for_what_is_paused_or_unknown_or_sound_ask_nobody(stage: Stage) -> None:
    publisher, viewer = stage.peer(), stage.peer()
    picture, voice = stage.track(), stage.track(video=False)
    publications = [publisher.publish(picture, mid=b"v"), publisher.publish(voice, mid=b"a")]
    route = viewer.watch(picture)
    viewer.watch(voice, ssrc=2000)
    publisher.send(rtp(0, vp8(0, key=True)), rtp(0, b"sound", payload_type=111, ssrc=78))
    viewer.wait_packets(2)
    route.set(paused=True)
    stage.settle()
    before = [publication.stats()[0]["keyframe_requests"] for publication in publications]
    viewer.send(pli(1000), pli(1001), pli(2000), fir(2000), pli(0), fir(77))
    publisher.send(pli(77), pli(78))
    for _ in range(5):
        viewer.settle()
    assert [publication.stats()[0]["keyframe_requests"] for publication in publications] == before


# --- reports ----------------------------------------------------------------------------------------------------------


def test_a_viewers_report_shows_loss_and_round_trip(stage: Stage) -> None:
    began = time.monotonic()
    _, (viewer,) = audience(stage, 1)
    (route,) = stage.routes
    report = viewer.wait_control(SR)
    lsr = int.from_bytes(report.body[6:10], "big")
    answered_after = time.monotonic() - report.at
    viewer.send(rr(9, report_block(1000, fraction=64, lost=17, jitter=5, lsr=lsr, dlsr=0)))
    viewer.settle()
    stats = route.stats()
    assert (stats["remote_lost"], stats["remote_fraction_lost"]) == (17, 0.25)
    assert answered_after * 1000 <= stats["rtt_ms"] < (time.monotonic() - began) * 1000
    known = stats["rtt_ms"]
    # Nonsense: a report we never sent, a delay longer than the time that has passed, somebody else's SSRC.
    for block in (
        report_block(1000, lost=0xFFFFFF, lsr=lsr ^ 0x10000, dlsr=0),
        report_block(1000, lsr=lsr, dlsr=0xFFFFFFFF),
        report_block(1001, fraction=255, lost=9, lsr=lsr),
        report_block(4242, fraction=255, lost=9, lsr=lsr),
    ):
        viewer.send(rr(9, block))
    viewer.settle()
    stats = route.stats()
    assert (stats["remote_lost"], stats["remote_fraction_lost"], stats["rtt_ms"]) == (0, 0.0, known)
    assert stage.drops == {}


def test_a_report_of_one_viewer_says_nothing_about_another(stage: Stage) -> None:
    _, (liar, honest) = audience(stage, 2)
    liar.send(rr(9, report_block(1000, fraction=255, lost=99)))
    liar.settle()
    lost = {route.transport: route.stats()["remote_lost"] for route in stage.routes}
    assert lost == {liar.transport: 99, honest.transport: 0}


# --- round trips of publishers ----------------------------------------------------------------------------------------


def reference(publisher: Peer) -> tuple[int, float]:
    """Wait for a reference time that is not there yet: what an answer names, and when it came."""
    known = len(publisher.read().control)
    publisher.wait(lambda got: any(item.kind == XR for item in got.control[known:]), "a reference time")
    item = [item for item in publisher.received.control if item.kind == XR][-1]
    return int.from_bytes(item.body[10:14], "big"), item.at


def test_an_answer_to_a_reference_time_tells_the_round_trip(stage: Stage) -> None:
    began = time.monotonic()
    publisher = stage.peer(local_ssrc=4711)
    publisher.publish(stage.track())
    publisher.transport.set_rtt(0.5)
    publisher.settle()
    assert publisher.transport.stats()["rtt_source"] == "handshake"
    middle, came = reference(publisher)
    held_s = time.monotonic() - came
    publisher.send(dlrr((4711, middle, int(held_s * 65_536))))
    publisher.settle()
    stats = publisher.transport.stats()
    assert stats["rtt_source"] == "xr"
    assert 0 <= stats["rtt_ms"] < (time.monotonic() - began - held_s) * 1000 + 1  # the held time is rounded
    assert stage.drops == {}


def test_the_least_answer_counts_and_one_that_comes_again_does_not(stage: Stage) -> None:
    began = time.monotonic()
    publisher = stage.peer(profile="", plain=True, latch=True)  # no SRTP, whose replay window would take it first
    publisher.publish(stage.track())
    publisher.send(rr(77))
    middle, _ = reference(publisher)
    answer = dlrr((1, middle, 0))
    publisher.send(answer)
    publisher.settle()
    least = publisher.transport.stats()["rtt_ms"]
    assert 0 < least <= (time.monotonic() - began) * 1000
    reference(publisher)
    publisher.send(answer, answer)
    publisher.settle()
    assert publisher.transport.stats()["rtt_ms"] == least


def test_answers_that_name_nothing_of_ours_or_cannot_be_tell_nothing(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(local_ssrc=4711), stage.peer(local_ssrc=4712), stage.track()
    publisher.publish(track)
    viewer.watch(track)
    middle, _ = reference(publisher)
    publisher.send(
        dlrr((4711, 0, 0)),  # none has come
        dlrr((4711, middle ^ 0x10000, 0)),
        dlrr((4711, middle + 1, 0)),
        dlrr((4711, middle, 0xFFFFFFFF)),
        dlrr((4711, middle, 60 * 65_536)),  # held for longer than has passed
        dlrr((4712, middle, 0)),  # somebody else's
        dlrr((0, middle, 0)),
        dlrr(),
        dlrr(*((4711, number, 0) for number in range(1, 100))),
    )
    viewer.send(dlrr((4712, middle, 0)), dlrr((4711, middle, 0)))
    publisher.settle()
    viewer.settle()
    for peer in (publisher, viewer):
        stats = peer.transport.stats()
        assert (stats["rtt_source"], stats["rtt_ms"], stats["capture_error_ms"]) == ("none", 0, None)
    assert stage.drops == {}
    # And the one that is right still is, among others in one block.
    publisher.send(dlrr((4712, middle, 0), (4711, 1, 0), (4711, middle, 0)))
    publisher.settle()
    assert publisher.transport.stats()["rtt_source"] == "xr"


# --- transport-wide feedback ------------------------------------------------------------------------------------------


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


def tell_of_queue(stage: Stage, viewer: Peer, base: int) -> None:
    """Tell of 60 packets that left together: half of them came 192 ms later, and stayed so for a while."""
    viewer.send(feedback(base, [1] * 30), feedback(base + 30, [1] * 15, reference=1003, number=1))
    # Feedback has a socket of its own, which is read later.
    stage.settle()
    began = time.monotonic()
    wait_until(lambda: time.monotonic() - began > 0.07, "the queue has stood for a while")
    viewer.send(feedback(base + 45, [1] * 15, reference=1003, number=2))
    stage.settle()


def test_a_queue_that_feedback_tells_of_lowers_the_estimate_of_that_viewer_alone(stage: Stage) -> None:
    viewer, base = estimated(stage, 60)
    other, other_base = estimated(stage, 60)
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
    tell_of_queue(stage, thin, base)
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


# --- garbage ----------------------------------------------------------------------------------------------------------


BROKEN = {
    "a report cut short": rtcp(RR, 3, struct.pack("!I", 1) + bytes(24)),
    "a length beyond the end": struct.pack("!BBHI", 0x80, RR, 9, 1),
    "version 1": bytes([0x41]) + pli(1000)[1:],
    "padding of nothing": bytes([0xA1]) + pli(1000)[1:-1] + b"\0",
    "feedback without its SSRCs": rtcp(PSFB, 1, bytes(4)),
    "half a NACK entry": struct.pack("!BBHIIH", 0x81, RTPFB, 2, 1, 1000, 100),
    "a BYE of 31 without SSRCs": rtcp(203, 31, b""),
    "an SDES that never ends": rtcp(202, 1, struct.pack("!IBB2s", 1, 1, 200, b"ab")),
}


@pytest.mark.parametrize("profile", [GCM, CM, ""])
@pytest.mark.parametrize("broken", BROKEN)
def test_a_compound_with_one_broken_packet_acts_in_nothing(stage: Stage, profile: str, broken: str) -> None:
    publisher, track = stage.peer(), stage.track()
    publication = publisher.publish(track)
    viewer = stage.peer(profile=profile, plain=not profile)
    route = viewer.watch(track)
    publisher.send(rtp(0, vp8(0, key=True)), rtp(1, vp8(1)))
    viewer.wait_packets(2)
    asked = publication.stats()[0]["keyframe_requests"]
    body = rr(1, report_block(1000, lost=5)) + nack(1000, [100]) + pli(1000) + BROKEN[broken]
    if profile and len(body) % 4:
        body += b"\0" * (-len(body) % 4)
    viewer.send(body)
    viewer.settle()
    assert stage.drops == {"rtcp_malformed": 1}
    assert (route.stats()["resends"], route.stats()["remote_lost"]) == (0, 0)
    assert publication.stats()[0]["keyframe_requests"] == asked
    assert len(viewer.received.packets) == 2


def test_control_packets_of_many_senders_are_bounded_before_the_cipher_keeps_them() -> None:
    with staged(max_ssrcs=8) as stage:
        publisher, (viewer,) = audience(stage, 1)
        # What does not authenticate takes no place: a forger could fill them otherwise.
        viewer.send_raw(*(rr(forged) + bytes(20) for forged in range(5000, 5100)))
        for sender in range(2000, 2100):
            viewer.send(rr(sender))
        viewer.settle()
        assert stage.drops == {"authentication": 100}
        viewer.send(pli(1000, sender=2091))
        viewer.settle()
        assert stage.drops == {"authentication": 100, "ssrc_limit": 1}
        viewer.send(pli(1000, sender=2092))
        publisher.wait_control(PSFB)


def test_replayed_forged_and_foreign_control_packets_are_counted(stage: Stage) -> None:
    publisher, (viewer, other) = audience(stage, 2)
    request = viewer.protect(nack(1000, [100]))
    viewer.send_raw(request, request, nack(1000, [101]), request[:-3] + b"abc", request[:20])
    other.send_raw(viewer.protect(nack(1000, [101])))
    stranger = stage.peer(connect=False)
    stranger.send_raw(stranger.protect(pli(1000)))
    stage.settle()
    viewer.settle()
    assert viewer.transport.stats()["drops"] == {"replay": 1, "authentication": 3}
    assert other.transport.stats()["drops"] == {"authentication": 1}
    assert stage.drops == {"replay": 1, "authentication": 4, "stranger": 1}
    assert len(viewer.received.packets) == 3
    assert len(other.settle().packets) == 2
    assert publisher.transport.stats()["drops"] == {}


def test_control_packets_before_the_handshake_are_refused(stage: Stage) -> None:
    viewer = stage.peer(connect=False)
    viewer.watch(stage.track())
    viewer.transport.validate(viewer.address)
    viewer.send_raw(pli(1000), rr(1))
    viewer.settle()
    assert stage.drops == {"no_keys": 2}


def test_random_authentic_control_packets_disturb_nobody(stage: Stage) -> None:
    publisher, (noisy, calm) = audience(stage, 2)
    chance = random.Random(7)
    for number in range(300):
        kind = chance.choice((192, 200, 201, 202, 203, 204, 205, 206, 207, 208, 223))
        body = os.urandom(4 * chance.randrange(1, 40))
        noisy.send(struct.pack("!BBH", 0x80 | chance.randrange(64), kind, chance.choice((len(body) // 4, 7))) + body)
        if number % 20 == 0:
            publisher.send(rtp(2 + number // 20, vp8(2 + number // 20)))
    assert [packet.sequence for packet in calm.wait_packets(17)] == list(range(100, 117))
    assert calm.transport.stats()["drops"] == publisher.transport.stats()["drops"] == {}


# --- goodbye ----------------------------------------------------------------------------------------------------------


def test_control_hears_of_a_goodbye_once_for_each_stream(stage: Stage) -> None:
    publisher, track = stage.peer(), stage.track()
    publication = publisher.publish(track)
    publisher.send(rtp(0, vp8(0, key=True)), bye(77, 78, 5))
    event = stage.wait_event(lambda event: isinstance(event, StreamEnded))
    assert isinstance(event, StreamEnded)
    assert event.publication is publication
    assert not [event for event in stage.events() if isinstance(event, StreamEnded)]


def test_a_flood_of_goodbyes_and_of_changing_ssrcs_leaves_control_its_ring(stage: Stage) -> None:
    """Two events a datagram would otherwise fill the ring that other peers' handshakes need."""
    publisher, other = stage.peer(), stage.peer()
    publisher.publish(stage.track(video=False))
    track = stage.track(video=False)
    publisher.send(rtp(0, b"x", payload_type=111, ssrc=1))
    for number in range(1, 400):
        publisher.send(bye(*[1] * 30), rtp(number, b"x", payload_type=111, ssrc=1 + number % 2))
    publication = other.publish(track)
    other.send(rtp(0, b"x", payload_type=111))
    other.settle()
    events = stage.events()
    assert len(events) <= 100
    assert StreamBound(publication) in events
    drops = publisher.transport.stats()["drops"]
    assert set(drops) == {"event_rate"}
    assert drops["event_rate"] > 5000
