"""The borrowed libsrtp: profiles, windows, and who may repeat a number. The plane's calls of it: test_forward.py."""

import os

import pytest
from pylibsrtp import Error, Session

from media.plane.srtp import PROFILES, RECEIVE_WINDOW_PACKETS, SrtpKeys
from tests.media.plane.packets import rtp
from tests.media.plane.peers import KEY_BYTES, srtp_session


def keys(profile: str) -> tuple[SrtpKeys, Session, Session]:
    """Our pair, and the other end's sender and receiver."""
    down, up = os.urandom(KEY_BYTES[profile]), os.urandom(KEY_BYTES[profile])
    return (
        SrtpKeys(profile, down, up),
        srtp_session(up, profile, outbound=True),
        srtp_session(down, profile, outbound=False),
    )


@pytest.mark.parametrize("profile", PROFILES)
def test_each_profile_passes_both_ways_and_refuses_what_was_touched(profile: str) -> None:
    ours, theirs, receiver = keys(profile)
    packet = rtp(1, b"payload of some length")
    assert receiver.unprotect(ours.sender.protect(packet)) == packet
    protected = theirs.protect(packet)
    assert packet[12:] not in protected
    with pytest.raises(Error):
        ours.receiver.unprotect(protected[:-1] + bytes([protected[-1] ^ 1]))
    assert ours.receiver.unprotect(protected) == packet


@pytest.mark.parametrize("profile", PROFILES)
def test_only_counter_mode_may_repeat_a_number(profile: str) -> None:
    ours, _, _ = keys(profile)
    assert ours.is_gcm == ("GCM" in profile)
    packet = rtp(1, b"payload")
    first = ours.sender.protect(packet)
    if ours.is_gcm:
        with pytest.raises(Error, match="replay"):
            ours.sender.protect(rtp(1, b"another"))
    else:
        assert ours.sender.protect(packet) == first


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("start", [0, 65_535 - RECEIVE_WINDOW_PACKETS, 65_500])
def test_a_packet_that_was_long_lost_is_taken_and_a_replayed_one_is_not(profile: str, start: int) -> None:
    ours, theirs, _ = keys(profile)
    protected = [theirs.protect(rtp(start + number, b"x")) for number in range(RECEIVE_WINDOW_PACKETS)]
    for datagram in protected[1:]:
        ours.receiver.unprotect(datagram)
    assert ours.receiver.unprotect(protected[0])
    for datagram in (protected[0], protected[-1]):
        with pytest.raises(Error, match="replay"):
            ours.receiver.unprotect(datagram)


def test_the_contexts_have_addresses_of_their_own() -> None:
    (first, second), (third, fourth) = (keys(profile)[0].pointers for profile in list(PROFILES)[:2])
    assert 0 not in (first, second, third, fourth)
    assert first != second


@pytest.mark.parametrize("length", [0, 1, 27])
def test_keys_that_are_too_short_are_refused(length: int) -> None:
    with pytest.raises((Error, ValueError, TypeError)):
        SrtpKeys("SRTP_AEAD_AES_128_GCM", bytes(length), bytes(28))


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(KeyError):
        SrtpKeys("SRTP_NULL_SHA1_80", bytes(30), bytes(30))
