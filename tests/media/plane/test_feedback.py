"""Inbound RTCP at the socket: keyframe requests collected, reports read, garbage without effect.

What a NACK brings is in test_resend.py, what transport-wide feedback in test_wide_feedback.py.
"""

import itertools
import os
import random
import struct
import time

import pytest

from media.plane.thread import StreamBound, StreamEnded
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
from tests.media.plane.peers import CM, GCM, VIDEO_TYPES, Peer, Stage, staged
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
