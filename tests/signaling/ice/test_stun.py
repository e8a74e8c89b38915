"""signaling.ice.stun: agreement with aioice and behaviour on hostile bytes."""

from __future__ import annotations

import binascii
import struct

import pytest
from aioice import stun as oracle
from hypothesis import given
from hypothesis import strategies as st

from signaling.ice import stun

KEY = b"an ICE password of 24 ch"
TID = bytes(range(12))

addresses = st.one_of(
    st.tuples(st.ip_addresses(v=4).map(str), st.integers(0, 65535)),
    st.tuples(st.ip_addresses(v=6).map(str).filter(lambda ip: "::ffff:" not in ip), st.integers(0, 65535)),
)
tids = st.binary(min_size=12, max_size=12)
keys = st.binary(min_size=1, max_size=100)


def request(**changes: object) -> bytes:
    arguments: dict[str, object] = {
        "username": b"server:client",
        "key": KEY,
        "priority": 7,
        "tie_breaker": 9,
        "use_candidate": True,
    }
    arguments.update(changes)
    return stun.build_request(TID, **arguments)  # type: ignore[arg-type]


def refingerprint(datagram: bytes) -> bytes:
    """Make the FINGERPRINT at the end right again."""
    head = datagram[:-8]
    return head + struct.pack("!HHI", 0x8028, 4, binascii.crc32(head) ^ 0x5354554E)


@given(
    tid=tids,
    key=keys,
    username=st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=508),
    priority=st.integers(0, 2**32 - 1),
    tie_breaker=st.integers(0, 2**64 - 1),
    controlling=st.booleans(),
    use_candidate=st.booleans(),
)
def test_request_is_read_by_aioice_as_written(
    tid: bytes,
    key: bytes,
    username: str,
    priority: int,
    tie_breaker: int,
    controlling: bool,
    use_candidate: bool,
) -> None:
    datagram = stun.build_request(
        tid,
        username=username.encode(),
        key=key,
        priority=priority,
        tie_breaker=tie_breaker,
        controlling=controlling,
        use_candidate=use_candidate,
    )
    read = oracle.parse_message(datagram)
    assert read.check_message_integrity(key)
    assert read.transaction_id == tid
    assert read.attributes["USERNAME"] == username
    assert read.attributes["PRIORITY"] == priority
    assert read.attributes["ICE-CONTROLLING" if controlling else "ICE-CONTROLLED"] == tie_breaker
    assert ("USE-CANDIDATE" in read.attributes) == use_candidate
    ours = stun.parse(datagram)
    assert (ours.username, ours.priority, ours.use_candidate) == (username.encode(), priority, use_candidate)
    assert (ours.controlling if controlling else ours.controlled) == tie_breaker
    assert stun.verify_integrity(datagram, ours, key)
    assert not stun.verify_integrity(datagram, ours, key + b"x")


@given(tid=tids, key=keys, address=addresses)
def test_success_is_read_by_aioice_as_written(tid: bytes, key: bytes, address: tuple[str, int]) -> None:
    datagram = stun.build_success(tid, address, key)
    read = oracle.parse_message(datagram)
    assert read.check_message_integrity(key)
    assert read.attributes["XOR-MAPPED-ADDRESS"] == address
    assert stun.parse(datagram).mapped_address == address


@given(tid=tids, key=keys, address=addresses)
def test_success_of_aioice_is_read_as_written(tid: bytes, key: bytes, address: tuple[str, int]) -> None:
    message = oracle.Message(oracle.Method.BINDING, oracle.Class.RESPONSE, tid)
    message.attributes["XOR-MAPPED-ADDRESS"] = address
    message.add_message_integrity(key)
    datagram = bytes(message)
    read = stun.parse(datagram)
    assert read.mapped_address == address
    assert read.has_fingerprint
    assert stun.verify_integrity(datagram, read, key)


@pytest.mark.parametrize("code", [400, 401, 420, 487])
@pytest.mark.parametrize("key", [None, KEY])
def test_error_is_read_by_aioice_as_written(code: int, key: bytes | None) -> None:
    datagram = stun.build_error(TID, code, key)
    theirs = oracle.parse_message(datagram)
    assert theirs.error_code == code
    assert theirs.check_message_integrity(KEY) == (key is not None)
    read = stun.parse(datagram)
    assert read.error_code == code
    assert bool(read.integrity_offset) == (key is not None)


def test_ipv4_peer_of_dual_stack_socket_is_told_its_ipv4_address() -> None:
    datagram = stun.build_success(TID, ("::ffff:192.0.2.1", 7), KEY)
    assert stun.parse(datagram).mapped_address == ("192.0.2.1", 7)


def test_scoped_link_local_address_is_told_without_scope() -> None:
    assert stun.parse(stun.build_success(TID, ("fe80::1%eth0", 7), KEY)).mapped_address == ("fe80::1", 7)


@given(data=st.binary(max_size=1400))
def test_arbitrary_bytes_are_parsed_or_refused(data: bytes) -> None:
    for datagram in (data, struct.pack("!HHI", 1, max(0, len(data) - 12) & 0xFFFF, 0x2112A442) + data):
        try:
            message = stun.parse(datagram)
        except stun.StunError:
            continue
        assert not stun.verify_integrity(datagram, message, KEY)


@given(position=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_no_flipped_byte_passes(position: int, flip: int) -> None:
    datagram = bytearray(request())
    position %= len(datagram)
    datagram[position] ^= flip
    try:
        message = stun.parse(bytes(datagram))
    except stun.StunError:
        pass
    else:
        # A changed type or length may hide FINGERPRINT; then the integrity is hidden or wrong as well, or nothing
        # but the FINGERPRINT itself was changed.
        hidden = position >= len(datagram) - 8
        assert hidden or not stun.verify_integrity(bytes(datagram), message, KEY)
    # The same with a FINGERPRINT that fits: now integrity has to hold it.
    forged = refingerprint(bytes(datagram))
    try:
        message = stun.parse(forged)
    except stun.StunError:
        return
    covered = position < len(datagram) - 8
    assert stun.verify_integrity(forged, message, KEY) != covered


@given(end=st.integers(0, 200))
def test_truncation_is_refused(end: int) -> None:
    datagram = request()
    with pytest.raises(stun.StunError):
        stun.parse(datagram[: min(end, len(datagram) - 1)])


@pytest.mark.parametrize(
    "attributes",
    [
        struct.pack("!HHI", 0x8028, 4, 0) + struct.pack("!HHI", 0x24, 4, 1),  # FINGERPRINT wrong
        struct.pack("!HH", 0x24, 3) + bytes(4),  # PRIORITY of 3 bytes
        struct.pack("!HH", 0x06, 0),  # empty USERNAME
        struct.pack("!HH", 0x06, 600) + bytes(600),
        struct.pack("!HH", 0x06, 65535) + bytes(8),  # lying length
        struct.pack("!HH", 0x08, 32) + bytes(32),
        struct.pack("!HH", 0x25, 4) + bytes(4),
        struct.pack("!HH", 0x802A, 4) + bytes(4),
        struct.pack("!HH", 0x20, 8) + b"\x00\x03" + bytes(6),  # unknown address family
        struct.pack("!HH", 0x09, 4) + b"\x00\x00\x07\x63",  # error class 7
    ],
)
def test_bad_attribute_is_refused(attributes: bytes) -> None:
    with pytest.raises(stun.StunError):
        stun.parse(struct.pack("!HHI", 1, len(attributes), 0x2112A442) + TID + attributes)


def test_attribute_after_fingerprint_is_refused() -> None:
    body = request() + struct.pack("!HHI", 0x24, 4, 1)
    with pytest.raises(stun.StunError):
        stun.parse(body[:2] + struct.pack("!H", len(body) - 20) + body[4:])


def test_other_methods_and_oversize_are_refused() -> None:
    with pytest.raises(stun.StunError):
        stun.parse(struct.pack("!HHI", 0x0003, 0, 0x2112A442) + TID)  # TURN Allocate
    with pytest.raises(stun.StunError):
        stun.parse(struct.pack("!HHI", 1, 1400, 0x2112A442) + TID + bytes(1400))


def test_attributes_after_integrity_are_ignored() -> None:
    plain = request(use_candidate=False)[:-8]
    injected = plain + struct.pack("!HH", 0x0025, 0) + struct.pack("!HH", 0x7FFF, 0) + bytes(8)
    injected = injected[:2] + struct.pack("!H", len(injected) - 20) + injected[4:]
    datagram = refingerprint(injected)
    message = stun.parse(datagram)
    assert not message.use_candidate
    assert not message.unknown_required
    assert stun.verify_integrity(datagram, message, KEY)


def test_first_of_repeated_attributes_counts() -> None:
    attributes = struct.pack("!HHI", 0x24, 4, 1) + struct.pack("!HHI", 0x24, 4, 2)
    message = stun.parse(struct.pack("!HHI", 1, len(attributes), 0x2112A442) + TID + attributes)
    assert message.priority == 1


def test_unknown_required_attributes_are_listed_but_bounded() -> None:
    attributes = b"".join(struct.pack("!HH", 0x7000 + i, 0) for i in range(100))
    message = stun.parse(struct.pack("!HHI", 1, len(attributes), 0x2112A442) + TID + attributes)
    assert message.unknown_required == tuple(range(0x7000, 0x7008))
    optional = struct.pack("!HH", 0xC057, 4) + bytes(4)
    assert not stun.parse(struct.pack("!HHI", 1, 8, 0x2112A442) + TID + optional).unknown_required
