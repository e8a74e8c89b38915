"""signaling.ice.lite: what a lite agent answers, learns and refuses."""

from __future__ import annotations

import os
import struct

from hypothesis import given
from hypothesis import strategies as st

from signaling.ice import stun
from signaling.ice.lite import (
    CONSENT_SECONDS,
    FIRST_CHECK_SECONDS,
    MAX_ADDRESSES,
    RESTART_GRACE_SECONDS,
    AddressForgotten,
    AddressValidated,
    IceLite,
    PairNominated,
    Reply,
)
from signaling.ice.types import Credentials

LOCAL = Credentials("server00", "s" * 24)
REMOTE = Credentials("client00", "c" * 24)
HOME = ("192.0.2.1", 5000)
ROAM = ("2001:db8::7", 6000)


def lite() -> IceLite:
    return IceLite(LOCAL, REMOTE, 0.0)


def check(
    local: Credentials = LOCAL,
    remote: Credentials = REMOTE,
    *,
    key: bytes | None = None,
    nominate: bool = False,
    controlling: bool = True,
) -> bytes:
    return stun.build_request(
        os.urandom(12),
        username=f"{local.ufrag}:{remote.ufrag}".encode(),
        key=local.password.encode() if key is None else key,
        priority=1,
        tie_breaker=2**64 - 1,
        controlling=controlling,
        use_candidate=nominate,
    )


def error_of(outputs: list[object]) -> int | None:
    (reply,) = outputs
    assert isinstance(reply, Reply)
    return stun.parse(reply.datagram).error_code


def test_valid_check_is_answered_with_the_source_address() -> None:
    for source in (HOME, ROAM):
        datagram = check()
        reply, validated = lite().receive(datagram, source, 1.0)
        assert isinstance(reply, Reply)
        answer = stun.parse(reply.datagram)
        assert reply.destination == source
        assert answer.message_type == stun.SUCCESS
        assert answer.transaction_id == datagram[8:20]
        assert answer.mapped_address == source
        assert stun.verify_integrity(reply.datagram, answer, LOCAL.password.encode())
        assert validated == AddressValidated(source)


def test_nomination_is_told_once_and_every_valid_check() -> None:
    """A check that comes here may come because the address has been lost to another peer elsewhere."""
    ice = lite()
    assert ice.receive(check(nominate=True), HOME, 1.0)[1:] == [AddressValidated(HOME), PairNominated(HOME)]
    assert ice.receive(check(nominate=True), HOME, 2.0)[1:] == [AddressValidated(HOME)]
    assert ice.nominated == HOME


def test_nomination_follows_the_peer_to_a_new_address_and_back() -> None:
    ice = lite()
    ice.receive(check(nominate=True), HOME, 1.0)
    assert ice.receive(check(), ROAM, 2.0)[1:] == [AddressValidated(ROAM)]
    assert ice.nominated == HOME
    assert ice.receive(check(nominate=True), ROAM, 3.0)[1:] == [AddressValidated(ROAM), PairNominated(ROAM)]
    assert ice.receive(check(nominate=True), HOME, 4.0)[1:] == [AddressValidated(HOME), PairNominated(HOME)]


def test_strangers_get_no_answer_and_leave_no_trace() -> None:
    ice = lite()
    forged = [
        check(key=b"wrong" * 5),
        check(remote=Credentials("stranger", "c" * 24)),
        check(local=Credentials("othersrv", "s" * 24)),
        struct.pack("!HHI", 1, 0, stun.MAGIC_COOKIE) + bytes(12),
        stun.build_success(bytes(12), HOME, LOCAL.password.encode()),
        b"\x00" * 100,
    ]
    for datagram in forged:
        assert ice.receive(datagram, HOME, 5.0) == []
    assert ice.addresses == ()
    assert ice.last_check == 0.0
    counters = ice.counters
    assert (counters.bad_integrity, counters.unknown_user) == (1, 3)
    assert (counters.not_request, counters.malformed, counters.accepted) == (1, 1, 0)


def test_known_address_is_told_of_wrong_credentials_at_a_bounded_rate() -> None:
    ice = lite()
    ice.receive(check(), HOME, 1.0)
    forged = check(key=b"wrong" * 5)
    answers = [ice.receive(forged, HOME, 1.0 + i / 1000) for i in range(1000)]
    sent = [outputs for outputs in answers if outputs]
    assert 9 <= len(sent) <= 10
    assert error_of(list(sent[0])) == 401
    assert error_of(list(ice.receive(check(Credentials("oldserver", "o" * 24)), HOME, 3.0))) == 401
    bare = struct.pack("!HHI", 1, 0, stun.MAGIC_COOKIE) + bytes(12)
    assert error_of(list(ice.receive(bare, HOME, 4.0))) == 400


def test_controlled_peer_is_told_of_the_role_conflict() -> None:
    ice = lite()
    assert error_of(list(ice.receive(check(controlling=False), HOME, 1.0))) == 487
    assert ice.addresses == ()


def test_authenticated_check_with_unknown_required_attribute_gets_420() -> None:
    base = check()
    offset = stun.parse(base).integrity_offset
    body = base[20:offset] + struct.pack("!HH", 0x7ABC, 0)
    datagram = stun._finish(stun.REQUEST, bytes(12), body, LOCAL.password.encode())
    (reply,) = lite().receive(datagram, HOME, 1.0)
    assert isinstance(reply, Reply)
    assert stun.parse(reply.datagram).error_code == 420
    assert struct.pack("!HHH", 0x000A, 2, 0x7ABC) in reply.datagram


def test_authenticated_check_without_priority_gets_400() -> None:
    body = struct.pack("!HH", 6, 17) + b"server00:client00" + bytes(3)
    datagram = stun._finish(stun.REQUEST, bytes(12), body, LOCAL.password.encode())
    assert error_of(list(lite().receive(datagram, HOME, 1.0))) == 400


def test_unknown_remote_accepts_any_peer_ufrag_but_needs_our_password() -> None:
    ice = IceLite(LOCAL, None, 0.0)
    assert ice.receive(check(remote=Credentials("whoever0", "x" * 24)), HOME, 1.0)
    assert not ice.receive(check(key=b"wrong" * 5), ROAM, 1.0)


def test_old_credentials_work_for_the_grace_period_and_nominate_nothing() -> None:
    ice = lite()
    ice.receive(check(nominate=True), HOME, 1.0)
    local, remote = Credentials("server01", "t" * 24), Credentials("client01", "d" * 24)
    ice.restart(local, remote, 10.0)
    assert ice.nominated == HOME
    old = ice.receive(check(nominate=True), ROAM, 12.0)
    assert old[1:] == [AddressValidated(ROAM)]
    assert ice.nominated == HOME
    assert ice.receive(check(local, remote, nominate=True), ROAM, 13.0)[1:] == [
        AddressValidated(ROAM),
        PairNominated(ROAM),
    ]
    late = ice.receive(check(), HOME, 10.0 + RESTART_GRACE_SECONDS)
    assert error_of(list(late)) == 401
    assert ice.last_check == 13.0


def test_consent_counts_from_the_last_valid_check() -> None:
    ice = lite()
    assert ice.consent_until == FIRST_CHECK_SECONDS
    ice.receive(check(), HOME, 7.0)
    ice.receive(check(key=b"wrong" * 5), HOME, 9.0)
    assert ice.consent_until == 7.0 + CONSENT_SECONDS


@given(st.lists(st.tuples(st.integers(1, 40), st.booleans()), max_size=60))
def test_remembered_addresses_are_bounded_and_keep_the_nominated(steps: list[tuple[int, bool]]) -> None:
    ice = lite()
    for now, (port, nominate) in enumerate(steps):
        known = set(ice.addresses)
        for output in ice.receive(check(nominate=nominate), ("192.0.2.1", port), float(now)):
            if isinstance(output, AddressForgotten):
                known.remove(output.address)
            elif isinstance(output, AddressValidated):
                known.add(output.address)
                # Never one too many in between: whoever keeps a table of the same size refuses it.
                assert len(known) <= MAX_ADDRESSES
        assert known == set(ice.addresses)
        assert len(ice.addresses) <= MAX_ADDRESSES
        assert ice.addresses[-1] == ("192.0.2.1", port)
        assert ice.nominated is None or ice.nominated in ice.addresses
