"""Plain RTP's latched far end: answered from the address it asked, kept while it is heard, replaced once it is not."""

import socket
import time

import pytest

from tests.media.plane.namespace import run_alone
from tests.media.plane.packets import RR, rr, rtp
from tests.media.plane.peers import CM, GCM, Peer, Stage, staged
from tests.media.plane.test_datagram import moved, voice
from tests.patience import wait_until


def phone_at(stage: Stage, profile: str = "", **options: str) -> Peer:
    phone = stage.peer(profile=profile, plain=True, connect=False, latch=True, **options)
    if phone.keys is not None:
        phone.transport.set_keys(phone.keys)
    return phone


# --- the address that was asked ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["", GCM, CM])
@pytest.mark.parametrize("bind", ["0.0.0.0", "::"])
def test_a_latched_peer_is_answered_from_the_address_it_asked(stage: Stage, bind: str, profile: str) -> None:
    publisher, track = stage.peer(), stage.track(video=False)
    publisher.publish(track)
    phones = {asked: phone_at(stage, profile, target=asked, bind=bind) for asked in ("127.0.0.2", "127.0.0.3")}
    for phone in phones.values():
        phone.watch(track)
        phone.send(rr(1))
    stage.settle()
    publisher.send(*(voice(number) for number in range(3)))
    for asked, phone in phones.items():
        got = phone.wait_packets(3)
        assert {packet.source[:2] for packet in got} == {(asked, phone.target[1])}


def test_also_over_ipv6() -> None:
    assert run_alone("second_address") == ["fd00::5"] * 3


def test_who_asks_a_broadcast_address_is_answered_from_one_of_ours(stage: Stage) -> None:
    """A datagram cannot leave from the address that was asked: everything to this peer would be lost."""
    publisher, track = stage.peer(), stage.track(video=False)
    publisher.publish(track)
    phone = phone_at(stage, host="127.0.0.1", target="127.255.255.255", bind="0.0.0.0")
    phone.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    phone.watch(track)
    phone.send(rr(1))
    stage.settle()
    publisher.send(voice(0))
    assert phone.wait_packets(1)[0].source[0] == "127.0.0.1"
    assert phone.transport.stats()["drops"] == {}


# --- who has the port -------------------------------------------------------------------------------------------------


def test_a_camera_whose_port_has_changed_is_taken_once_the_old_one_is_silent() -> None:
    with staged(latch_silence_ms=50) as stage:
        camera, viewer, track = phone_at(stage), stage.peer(), stage.track(video=False)
        camera.publish(track)
        viewer.watch(track)
        camera.send(voice(0))
        viewer.wait_packets(1)
        old = moved(camera)
        numbers = iter(range(1, 60_000))

        def heard() -> bool:
            camera.send(voice(next(numbers)))
            return len(viewer.read().packets) > 1

        wait_until(heard, "the camera is heard from its new port")
        camera.wait_control(RR)
        assert [packet.payload for packet in viewer.received.packets[:2]] == [b"sound"] * 2
        assert RR in [item.kind for item in camera.received.control]  # at the new port, where it had nothing before
        old.close()


def test_a_sender_that_is_heard_keeps_the_port_even_if_only_by_reports() -> None:
    silence_s = 0.5

    def heard_throughout() -> bool:
        """Both send for longer than the silence; False when the machine stood still, so that it was one."""
        with staged(latch_silence_ms=int(silence_s * 1000)) as stage:
            camera, thief = phone_at(stage), stage.peer(profile="", connect=False)
            publication = camera.publish(stage.track(video=False))
            thief.target = camera.target
            camera.send(voice(0))
            stage.settle()
            refused, began = 0, time.monotonic()
            last = began
            while last < began + 2 * silence_s:
                camera.send(rr(1))
                thief.send(voice(1000), rr(2))
                stage.settle()
                before, last = last, time.monotonic()
                if last - before > silence_s / 2:
                    return False
                refused += 2
            assert stage.drops == {"stranger": refused}
            assert publication.stats()[0]["packets"] == 1
            return True

    wait_until(heard_throughout, "a second in which the camera was always heard")


@pytest.mark.parametrize(
    "datagram",
    [
        bytes([0x8F, 111]) + bytes(10),
        bytes([0x90, 111]) + bytes(10),
        b"\x81\xc9\0\1" + bytes(4),
        b"\x80\xc9\xff\xff" + bytes(4),
    ],
    ids=["CSRCs beyond the end", "extension beyond the end", "block beyond the end", "length beyond the end"],
)
def test_what_only_looks_like_media_does_not_take_the_port(stage: Stage, datagram: bytes) -> None:
    camera, thief = phone_at(stage), stage.peer(profile="", connect=False)
    publication = camera.publish(stage.track(video=False))
    thief.target = camera.target
    thief.send_raw(datagram)
    stage.settle()
    assert not camera.transport.stats()["remote"]
    assert stage.drops == {"stranger": 1}
    camera.send(voice(0))
    stage.settle()
    assert publication.stats()[0]["packets"] == 1


def test_a_far_end_that_control_declared_is_not_replaced_without_latching() -> None:
    with staged(latch_silence_ms=0) as stage:
        camera, thief = stage.peer(profile="", plain=True), stage.peer(profile="", connect=False)
        publication = camera.publish(stage.track(video=False))
        thief.target = camera.target
        camera.send(voice(0))
        thief.send(rtp(1, b"sound", payload_type=111))
        stage.settle()
        assert stage.drops == {"stranger": 1}
        assert publication.stats()[0]["packets"] == 1
