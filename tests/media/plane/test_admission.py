"""Which SSRCs are heard: encoders that start anew, floods, and that nobody gets in by what was captured before."""

import os
import socket
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pylibsrtp import Error as SrtpError

from tests.media.plane.packets import PSFB, pli, rr, rtp, rtx, vp8
from tests.media.plane.peers import CM, GCM, MID, Peer, Stage, staged

MAX_RETIRED = 1024
UNKNOWN_TYPE = 20


def sound(ssrc: int, sequence: int = 0, payload_type: int = 111) -> bytes:
    return rtp(sequence, b"sound", ssrc=ssrc, timestamp=sequence * 960, payload_type=payload_type)


def contexts(peer: Peer, ssrcs: Iterable[int]) -> set[int]:
    """Return for which of the SSRCs libsrtp keeps a receiving context, and end them; the transport must be closed."""
    assert peer.keys is not None
    found = set()
    for ssrc in ssrcs:
        try:
            peer.keys.receiver.remove_stream(ssrc)
        except SrtpError:
            continue
        found.add(ssrc)
    return found


def end(stage: Stage, peer: Peer) -> None:
    peer.transport.close()
    stage.settle()


# --- places are given again -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", [GCM, CM, ""])
def test_an_encoder_may_be_started_anew_a_hundred_times(profile: str) -> None:
    with staged(max_ssrcs=8) as stage:
        publisher, viewer = stage.peer(profile=profile, plain=not profile), stage.peer()
        track = stage.track()
        publisher.publish(track)
        viewer.watch(track)
        for start in range(100):
            ssrc = 10_000 + start
            lost = rtp(1, vp8(1, body=b"lost"), ssrc=ssrc)
            publisher.send(rtp(0, vp8(0, key=True), ssrc=ssrc), rtp(2, vp8(2), ssrc=ssrc))
            publisher.send(rtx(0, lost, ssrc=20_000 + start))
            got = viewer.wait_packets(3 * (start + 1))
            assert got[-1].payload.endswith(b"lost")
        assert set(stage.drops) <= {"event_rate"}


def test_the_one_that_has_been_silent_longest_loses_its_place() -> None:
    with staged(max_ssrcs=4) as stage:
        publisher, track = stage.peer(), stage.track(video=False)
        publication = publisher.publish(track)
        publisher.send(sound(1))
        publisher.settle()
        for number, ssrc in enumerate((10, 11, 12, 10, 13)):
            publisher.send(sound(ssrc, number, UNKNOWN_TYPE))
            publisher.settle()
        publisher.send(sound(10, 9, UNKNOWN_TYPE), sound(12, 9, UNKNOWN_TYPE), sound(1, 1))
        publisher.settle()
        assert stage.drops == {"not_published": 7}
        publisher.send(sound(11, 9, UNKNOWN_TYPE))
        publisher.settle()
        assert stage.drops == {"not_published": 7, "ssrc_limit": 1}
        assert publication.stats()[0]["packets"] == 2


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 3)), max_size=40))
def test_places_are_those_of_who_was_heard_last(runs: list[tuple[int, int]]) -> None:
    heard = [ssrc for ssrc, times in runs for _ in range(times)]
    places: list[int] = []
    gone: list[int] = []
    refused = 0
    for ssrc in heard:
        if ssrc in gone:
            refused += 1
            continue
        if ssrc in places:
            places.remove(ssrc)
        elif len(places) == 3:
            gone.append(places.pop(0))
        places.append(ssrc)
    with staged(max_ssrcs=3) as stage:
        viewer = stage.peer()
        viewer.send(*(rr(ssrc) for ssrc in heard))
        viewer.settle()
        assert stage.drops == ({"ssrc_limit": refused} if refused else {})
        end(stage, viewer)
        assert contexts(viewer, range(1, 7)) == set(places)


def test_forged_ssrcs_take_nobodys_place_even_when_there_is_none_left() -> None:
    with staged(max_ssrcs=4) as stage:
        publisher, viewer, track = stage.peer(), stage.peer(), stage.track()
        publisher.publish(track)
        viewer.watch(track)
        publisher.send(rtp(0, vp8(0, key=True)))
        viewer.send(*(rr(sender) for sender in range(1, 5)))
        viewer.send_raw(*(rr(forged) + os.urandom(20) for forged in range(5000, 5100)))
        viewer.settle()
        assert stage.drops == {"authentication": 100}
        viewer.send(pli(1000, sender=1))
        publisher.wait_control(PSFB)


def test_a_stream_never_loses_its_place_to_another() -> None:
    with staged(max_ssrcs=3) as stage:
        publisher = stage.peer(receive_ids={MID: 1})
        publications = [publisher.publish(stage.track(video=False), mid=b"%d" % number) for number in range(4)]
        for number in range(4):
            mid = b"%d" % number
            publisher.send(rtp(0, b"sound", ssrc=50 + number, payload_type=111, extensions={1: mid}))
        publisher.settle()
        assert [publication.stats()[0]["packets"] for publication in publications] == [1, 1, 1, 0]
        assert stage.drops == {"ssrc_limit": 1}
        end(stage, publisher)
        assert contexts(publisher, range(50, 54)) == {50, 51, 52}


# --- what libsrtp keeps -----------------------------------------------------------------------------------------------


def test_a_flood_costs_no_more_contexts_than_there_are_places() -> None:
    with staged(max_ssrcs=8) as stage:
        publisher, viewer, track = stage.peer(), stage.peer(), stage.track(video=False)
        publisher.publish(track)
        viewer.watch(track)
        publisher.send(sound(1))
        viewer.wait_packets(1)
        for ssrc in range(1000, 1000 + MAX_RETIRED + 50):
            publisher.send(sound(ssrc, payload_type=UNKNOWN_TYPE))
        publisher.settle()
        # Seven places are free at first; then each costs another one, until no more are remembered.
        assert stage.drops == {"not_published": 7 + MAX_RETIRED, "ssrc_limit": 43}
        publisher.send(sound(1, 1))
        viewer.wait_packets(2)
        end(stage, publisher)
        assert contexts(publisher, [1, *range(1000, 3000)]) == {1, *range(1000 + MAX_RETIRED, 1007 + MAX_RETIRED)}


def test_authentic_packets_that_are_malformed_count_as_well() -> None:
    with staged(max_ssrcs=8) as stage:
        publisher = stage.peer()
        publisher.publish(stage.track(video=False))
        for ssrc in range(1000, 1100):
            packet = bytearray(sound(ssrc) + b"\xff")
            packet[0] |= 0x20
            publisher.send(bytes(packet))
        publisher.settle()
        assert stage.drops == {"rtp_malformed": 100}
        end(stage, publisher)
        assert contexts(publisher, range(1000, 1100)) == set(range(1092, 1100))


def test_ssrcs_of_publications_that_have_ended_count_as_well() -> None:
    with staged(max_ssrcs=8) as stage:
        publisher, track = stage.peer(), stage.track()
        for number in range(20):
            publication = publisher.publish(track)
            publisher.send(rtp(0, vp8(0, key=True), ssrc=1000 + number))
            publisher.send(rtx(0, rtp(1, vp8(1), ssrc=1000 + number), ssrc=2000 + number))
            publisher.settle()
            assert publication.stats()[0]["packets"] == 2
            publication.close()
            publisher.settle()
        end(stage, publisher)
        assert contexts(publisher, range(1000, 3000)) == {*range(1016, 1020), *range(2016, 2020)}


# --- what was captured before -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", [GCM, CM])
def test_packets_of_an_ssrc_that_lost_its_place_cannot_be_replayed(profile: str) -> None:
    """Not into the stream, and not from elsewhere to move a latched port."""
    with staged(max_ssrcs=4) as stage:
        camera = stage.peer(profile=profile, plain=True, connect=False, latch=True)
        assert camera.keys is not None
        camera.transport.set_keys(camera.keys)
        publication = camera.publish(stage.track(video=False))
        captured = [camera.protect(sound(1, number)) for number in range(3)]
        camera.send_raw(*captured)
        for ssrc in range(2, 10):
            camera.send(sound(ssrc))
        camera.settle()
        assert stage.drops == {}
        before = publication.stats()
        reports = camera.transport.stats()["sent_packets"]
        thief = stage.peer(connect=False)
        thief.target = camera.target
        thief.send_raw(*captured)
        camera.send_raw(*captured)
        camera.wait(lambda got: camera.transport.stats()["sent_packets"] > reports, "another report")
        camera.settle()
        assert stage.drops == {"ssrc_limit": 6}
        assert publication.stats() == before
        with pytest.raises(BlockingIOError):
            thief.socket.recv(2000, socket.MSG_DONTWAIT)


def test_new_keys_give_all_places_again() -> None:
    with staged(max_ssrcs=2) as stage:
        publisher, viewer, track = stage.peer(), stage.peer(), stage.track(video=False)
        publisher.publish(track)
        viewer.watch(track)
        for ssrc in (1, 2, 3):
            publisher.send(sound(ssrc))
        viewer.wait_packets(3)
        publisher.send(sound(1, 1))
        publisher.settle()
        assert stage.drops == {"ssrc_limit": 1}
        publisher.new_keys()
        assert publisher.keys is not None
        publisher.transport.set_keys(publisher.keys)
        stage.settle()
        publisher.send(sound(1, 2))
        viewer.wait_packets(4)
