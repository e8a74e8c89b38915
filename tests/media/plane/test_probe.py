"""Padding that tries a link: as much as was ordered, for a second, and as repair packets that carry nothing."""

from __future__ import annotations

import time

from tests.media.plane.packets import Packet, pictures, rtp, sequences, vp8
from tests.media.plane.peers import GCM, TWCC, Peer, Stage
from tests.patience import wait_until

SSRC = 1000
PADDED_BYTES = 275
"of a packet, without SRTP's tag"


def watching(stage: Stage, *, told: bool = True, repairs: bool = True) -> tuple[Peer, Peer]:
    """A viewer of three pictures, and who sends them."""
    publisher, track = stage.peer(), stage.track()
    viewer = stage.peer(profile=GCM, send_ids={TWCC: 4} if told else {})
    publisher.publish(track)
    viewer.watch(track, ssrc=SSRC, **({} if repairs else {"rtx_ssrc": 0}))
    publisher.send(*pictures(0, 1))
    viewer.wait_packets(3)
    return viewer, publisher


def padding(viewer: Peer) -> list[Packet]:
    return [packet for packet in viewer.read().packets if packet.ssrc == SSRC + 1]


def stopped(viewer: Peer) -> list[Packet]:
    """Wait until no padding has come for a while; return what came."""
    seen, since = 0, time.monotonic()

    def quiet() -> bool:
        nonlocal seen, since
        if len(padding(viewer)) != seen:
            seen, since = len(padding(viewer)), time.monotonic()
        return time.monotonic() - since > 0.3

    wait_until(quiet, "the padding ends")
    return padding(viewer)


def test_padding_comes_as_repairs_that_carry_nothing_and_ends_after_a_second(stage: Stage) -> None:
    viewer, _ = watching(stage)

    def whole_second() -> bool:
        """Try the link; False when the machine stood still meanwhile: that time is not made up for."""
        before = len(padding(viewer))
        viewer.transport.probe(400_000)
        viewer.wait(lambda _: len(padding(viewer)) > before, "padding")
        octets = (len(stopped(viewer)) - before) * PADDED_BYTES
        # A second of it, and what one period is late by.
        assert octets < 1.3 * 50_000
        return octets > 0.5 * 50_000

    wait_until(whole_second, "padding for a second")
    got = padding(viewer)
    first = got[0].sequence
    assert sequences(got) == [(first + index) & 0xFFFF for index in range(len(got))]
    assert {(len(packet.payload), packet.padding) for packet in got} == {(0, 255)}
    assert all(4 in packet.extensions for packet in got)


def test_what_is_sent_anyway_counts(stage: Stage) -> None:
    viewer, publisher = watching(stage)
    viewer.transport.probe(400_000)
    began, number = time.monotonic(), 3
    while time.monotonic() - began < 0.8:
        # Far more than the rate that is to be reached.
        for _ in range(12):
            publisher.send(rtp(number, vp8(number, body=bytes(1000)), timestamp=number * 3000))
            number += 1
        sent = number
        viewer.wait(lambda got, sent=sent: len(got.packets) - len(padding(viewer)) == sent, "pictures")  # type: ignore[misc]
    assert number * 1000 > 40_000
    assert len(padding(viewer)) * PADDED_BYTES < 0.4 * 40_000


def test_packets_leave_together_once(stage: Stage) -> None:
    viewer, _ = watching(stage)
    viewer.transport.probe(0, 7)
    viewer.wait(lambda _: len(padding(viewer)) >= 7, "seven packets")
    assert len(stopped(viewer)) == 7
    viewer.transport.probe(0, 7)
    viewer.wait(lambda _: len(padding(viewer)) >= 14, "seven more")


def test_who_tells_nothing_or_takes_no_repairs_gets_none(stage: Stage) -> None:
    for options in ({"told": False}, {"repairs": False}):
        viewer, publisher = watching(stage, **options)
        viewer.transport.probe(400_000, 7)
        stage.settle()
        for number in range(3, 23):
            publisher.send(rtp(number, vp8(number), timestamp=number * 3000))
            viewer.wait_packets(number + 1)


def test_viewer_that_goes_while_its_link_is_tried_leaves_nothing(stage: Stage) -> None:
    viewer, publisher = watching(stage)
    other, _ = watching(stage)
    for peer in (viewer, other):
        peer.transport.probe(800_000)
        peer.wait(lambda _, peer=peer: len(padding(peer)) > 3, "padding")  # type: ignore[misc]
    for route in stage.routes[:1]:
        route.close()
    viewer.transport.close()
    before = len(padding(other))
    other.wait(lambda _: len(padding(other)) > before + 10, "the other's goes on")
    publisher.settle()
