"""Whose an address is when two peers name it: a valid check may carry a forged source."""

from collections.abc import Iterator

import pytest
from aioice import stun

from media.plane.thread import DatagramReceived
from tests.media.plane.packets import rtp
from tests.media.plane.peers import Peer, Stage, staged
from tests.patience import wait_until


@pytest.fixture
def stage() -> Iterator[Stage]:
    with staged(address_held_ms=400) as stage:
        yield stage


def voices(first: int, count: int) -> list[bytes]:
    return [rtp(number, b"sound", timestamp=960 * number, payload_type=111) for number in range(first, first + count)]


def call(stage: Stage) -> tuple[Peer, Peer, Peer]:
    """One who speaks, one who listens, and one with a session of its own who means them harm."""
    speaker, listener, thief, track = stage.peer(), stage.peer(), stage.peer(), stage.track(video=False)
    speaker.publish(track)
    listener.watch(track)
    return speaker, listener, thief


def test_a_peer_that_is_heard_keeps_its_address(stage: Stage) -> None:
    speaker, listener, thief = call(stage)
    speaker.send(*voices(0, 1))
    listener.wait_packets(1)
    thief.transport.validate(speaker.address)
    stage.commanded()
    speaker.send(*voices(1, 5))
    assert len(listener.wait_packets(6)) == 6
    assert thief.transport.stats()["drops"] == {"address_held": 1}
    thief.transport.close()
    stage.commanded()
    speaker.send(*voices(6, 5))
    assert len(listener.wait_packets(11)) == 11


def test_a_check_from_an_address_that_is_held_reaches_nobody(stage: Stage) -> None:
    """Unanswered, an honest one comes again; by then the peer before it has fallen silent."""
    speaker, listener, thief = call(stage)
    thief.transport.add_ufrag(b"thief")
    stage.commanded()
    message = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    message.attributes["USERNAME"] = "thief:anyone"
    check = bytes(message)
    speaker.send(*voices(0, 1))
    listener.wait_packets(1)
    speaker.send_raw(check)
    stage.settle()
    assert thief.transport.stats()["drops"] == {"address_held": 1}
    assert not [event for event in stage.events() if isinstance(event, DatagramReceived)]

    def comes_through() -> bool:
        speaker.send_raw(check)
        stage.settle()
        return any(isinstance(event, DatagramReceived) for event in stage.events())

    wait_until(comes_through, "the check")


def test_a_peer_that_was_not_heard_yet_gets_its_address_back_with_its_next_check(stage: Stage) -> None:
    speaker, listener, thief = call(stage)
    thief.transport.validate(speaker.address)
    speaker.transport.validate(speaker.address)
    stage.commanded()
    speaker.send(*voices(0, 5))
    assert len(listener.wait_packets(5)) == 5


def test_an_address_that_falls_silent_may_become_anothers(stage: Stage) -> None:
    """Behind address translation an outer port is given to somebody else as soon as its owner has gone."""
    speaker, listener, newcomer = call(stage)
    speaker.send(*voices(0, 1))
    listener.wait_packets(1)

    def taken() -> bool:
        held = newcomer.transport.stats()["drops"].get("address_held", 0)
        newcomer.transport.validate(speaker.address)
        stage.commanded()
        return bool(newcomer.transport.stats()["drops"].get("address_held", 0) == held)

    wait_until(taken, "the silent peer's address")
    speaker.send(*voices(1, 1))
    stage.settle()
    # What comes from there is the newcomer's now, who publishes nothing.
    assert newcomer.transport.stats()["drops"]["not_published"] == 1
