"""The STUN filter against messages made by aioice, and every way such a message can lie about itself."""

import struct

import pytest
from aioice import stun
from hypothesis import given, settings
from hypothesis import strategies as st

from media.plane.stunfilter import VERDICTS, filter_stun, kind_of_datagram

REQUEST = VERDICTS["BINDING_REQUEST"]
OTHER = VERDICTS["BINDING_OTHER"]
COOKIE = struct.pack("!I", 0x2112A442)


def binding(
    message_class: stun.Class = stun.Class.REQUEST,
    username: str | None = "ours:theirs",
    method: stun.Method = stun.Method.BINDING,
) -> bytes:
    message = stun.Message(method, message_class)
    if username is not None:
        message.attributes["USERNAME"] = username
    message.attributes["PRIORITY"] = 1
    message.attributes["ICE-CONTROLLING"] = 5
    message.add_message_integrity(b"password")
    return bytes(message)


def raw(body: bytes, message_type: int = 1, length: int | None = None) -> bytes:
    length = len(body) if length is None else length
    return struct.pack("!HH", message_type, length) + COOKIE + bytes(12) + body


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def test_a_request_gives_the_local_part_of_its_username() -> None:
    assert filter_stun(binding()) == (REQUEST, b"ours")
    assert filter_stun(binding(username="a:b")) == (REQUEST, b"a")
    assert filter_stun(binding(username="abc:d:e")) == (REQUEST, b"abc")


@pytest.mark.parametrize("message_class", [stun.Class.RESPONSE, stun.Class.ERROR, stun.Class.INDICATION])
def test_responses_and_indications_pass_without_a_username(message_class: stun.Class) -> None:
    assert filter_stun(binding(message_class, username=None)) == (OTHER, None)


def test_other_methods_are_named() -> None:
    assert filter_stun(binding(method=stun.Method.ALLOCATE))[0] == VERDICTS["OTHER_METHOD"]
    assert filter_stun(raw(b"", message_type=0x02EF))[0] == VERDICTS["OTHER_METHOD"]


@pytest.mark.parametrize("username", [None, "", ":", ":theirs", "ours", "x" * 508])
def test_a_request_without_a_local_part_is_refused(username: str | None) -> None:
    assert filter_stun(binding(username=username)) == (VERDICTS["NO_USERNAME"], None)


def test_a_username_of_508_bytes_is_the_longest() -> None:
    longest = b"u:" + b"x" * 506
    assert filter_stun(raw(attribute(6, longest))) == (REQUEST, b"u")
    assert filter_stun(raw(attribute(6, longest + b"x")))[0] == VERDICTS["BAD_ATTRIBUTE"]


def test_the_first_of_two_usernames_counts() -> None:
    assert filter_stun(raw(attribute(6, b"one:x") + attribute(6, b"two:x"))) == (REQUEST, b"one")


@pytest.mark.parametrize("integrity", [attribute(0x0008, bytes(20)), attribute(0x001C, bytes(32))])
def test_a_username_behind_the_integrity_attribute_does_not_count(integrity: bytes) -> None:
    assert filter_stun(raw(integrity + attribute(6, b"one:x")))[0] == VERDICTS["NO_USERNAME"]


def test_every_truncation_and_extension_is_refused() -> None:
    message = binding()
    for length in range(len(message)):
        assert filter_stun(message[:length])[0] < 0
    for extra in range(1, 9):
        assert filter_stun(message + bytes(extra))[0] == VERDICTS["BAD_LENGTH"]


@pytest.mark.parametrize("length", [0, 1, 3, 5, 8, 0xFFFC, 0xFFFF])
def test_a_header_that_lies_about_its_length_is_refused(length: int) -> None:
    assert filter_stun(raw(bytes(4), length=length))[0] == VERDICTS["BAD_LENGTH"]


def test_a_datagram_that_is_not_whole_words_is_refused_even_if_the_header_agrees() -> None:
    for size in (1, 2, 3, 5):
        assert filter_stun(raw(bytes(size)))[0] == VERDICTS["BAD_LENGTH"]


@pytest.mark.parametrize("claimed", [1, 4, 0x7FFF, 0xFFFD, 0xFFFE, 0xFFFF])
def test_an_attribute_that_reaches_over_the_end_is_refused(claimed: int) -> None:
    assert filter_stun(raw(struct.pack("!HH", 6, claimed)))[0] == VERDICTS["BAD_ATTRIBUTE"]
    assert filter_stun(raw(attribute(6, b"a:b") + struct.pack("!HH", 0x8022, claimed)))[0] == VERDICTS["BAD_ATTRIBUTE"]


@pytest.mark.parametrize("offset", range(4, 8))
def test_another_magic_cookie_is_not_stun(offset: int) -> None:
    message = bytearray(binding())
    message[offset] ^= 1
    assert filter_stun(bytes(message))[0] == VERDICTS["NOT_STUN"]


def test_top_bits_set_is_not_stun() -> None:
    for first in range(4, 256):
        message = bytearray(binding())
        message[0] = first
        assert filter_stun(bytes(message))[0] == VERDICTS["NOT_STUN"]


@settings(max_examples=200, deadline=None)
@given(
    local=st.text("abcXYZ019+/", min_size=1, max_size=256),
    remote=st.text("abcXYZ019+/", max_size=200),
    before=st.lists(
        st.tuples(st.sampled_from([0x0024, 0x8029, 0x802A, 0xC057, 7]), st.binary(max_size=40)), max_size=5
    ),
)
def test_ufrag_is_found_behind_any_other_attributes(local: str, remote: str, before: list[tuple[int, bytes]]) -> None:
    body = b"".join(attribute(kind, value) for kind, value in before) + attribute(6, f"{local}:{remote}".encode())
    assert filter_stun(raw(body)) == (REQUEST, local.encode())


@settings(max_examples=300, deadline=None)
@given(
    body=st.binary(max_size=120),
    message_type=st.sampled_from([0x0001, 0x0011, 0x0101, 0x0111, 0x0003, 0x03EF]),
)
def test_arbitrary_bodies_get_a_verdict_that_a_second_reading_confirms(body: bytes, message_type: int) -> None:
    packet = raw(body, message_type)
    verdict, ufrag = filter_stun(packet)
    assert verdict in VERDICTS.values()
    assert (ufrag is not None) == (verdict == REQUEST)
    if verdict > 0:
        at = 0
        while at < len(body):
            at += 4 + (struct.unpack_from("!H", body, at + 2)[0] + 3 & ~3)
        assert at == len(body)
    if ufrag is not None:
        assert b":" not in ufrag and ufrag + b":" in body


@pytest.mark.parametrize(
    ("first", "kind"),
    [(0, "stun"), (3, "stun"), (4, "unknown"), (15, "unknown"), (16, "unknown"), (19, "unknown"),
     (20, "dtls"), (63, "dtls"), (64, "unknown"), (79, "unknown"), (127, "unknown"), (128, "rtp"),
     (191, "rtp"), (192, "unknown"), (255, "unknown")],
)  # fmt: skip
def test_first_byte_tells_the_protocol_as_in_rfc_7983(first: int, kind: str) -> None:
    assert kind_of_datagram(bytes([first]) + bytes(40)) == kind


@pytest.mark.parametrize(
    ("second", "kind"),
    [(0, "rtp"), (127, "rtp"), (191, "rtp"), (192, "rtcp"), (200, "rtcp"), (206, "rtcp"), (223, "rtcp"),
     (224, "rtp"), (255, "rtp")],
)  # fmt: skip
def test_second_byte_tells_rtcp_as_in_rfc_5761(second: int, kind: str) -> None:
    assert kind_of_datagram(bytes([128, second]) + bytes(40)) == kind


@pytest.mark.parametrize(
    ("head", "kind", "least"),
    [(b"\0\x01", "stun", 20), (b"\x16\xfe", "dtls", 13), (b"\x80\x60", "rtp", 12), (b"\x80\xc8", "rtcp", 8)],
)
def test_a_datagram_shorter_than_its_kind_is_unknown(head: bytes, kind: str, least: int) -> None:
    for length in range(least):
        assert kind_of_datagram((head + bytes(40))[:length]) == "unknown"
    assert kind_of_datagram((head + bytes(40))[:least]) == kind
