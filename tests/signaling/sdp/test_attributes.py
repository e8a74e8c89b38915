"""Readers of single attribute values."""

from __future__ import annotations

import pytest

from signaling.sdp import attributes as read
from signaling.sdp.model import Candidate, Extension, Rid, Simulcast, SimulcastRid, SsrcAttribute


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("007", 7),
        ("255", 255),
        ("256", None),
        ("-1", None),
        ("+1", None),
        ("1_0", None),
        (" 1", None),
        ("", None),
        ("٣", None),
        ("9" * 5000, None),
    ],
)
def test_numbers_are_plain_bounded_decimals(text: str, value: int | None) -> None:
    assert read.number(text, 255) == value


def test_candidate_of_a_relayed_tcp_address_with_unknown_pairs() -> None:
    value = "1 1 TCP 1518214911 r.example 9 typ relay raddr 192.0.2.1 rport 8 tcptype passive generation 0 x y"
    assert read.candidate(value, 1) == Candidate(
        "1",
        1,
        "tcp",
        1518214911,
        "r.example",
        9,
        "relay",
        "192.0.2.1",
        8,
        "passive",
        (("generation", "0"), ("x", "y")),
    )


def test_fingerprints_have_one_spelling() -> None:
    found = read.fingerprint("SHA-256 ab:cD:ef", 1)
    assert found is not None
    assert (found.algorithm, found.value) == ("sha-256", "AB:CD:EF")


def test_extmap_with_direction_and_attributes() -> None:
    assert read.extmap("4/sendonly urn:x a b", 1) == Extension(4, "urn:x", "sendonly", "a b")
    assert read.extmap("4 urn:x", 1) == Extension(4, "urn:x")


def test_rid_with_payload_types_and_restrictions() -> None:
    assert read.rid("hi send pt=97,98;max-width=1280; max-fps=30", 1) == Rid(
        "hi", "send", (97, 98), (("max-width", "1280"), ("max-fps", "30"))
    )
    assert read.rid("a_b-1 recv", 1) == Rid("a_b-1", "recv")
    assert read.rid("a.b send", 1) is None


def test_simulcast_with_alternatives_pauses_and_both_directions() -> None:
    assert read.simulcast("send 1,~4;2 recv c", 1) == Simulcast(
        send=((SimulcastRid("1"), SimulcastRid("4", True)), (SimulcastRid("2"),)),
        recv=((SimulcastRid("c"),),),
    )


def test_simulcast_of_old_firefox() -> None:
    assert read.simulcast("send rid=a;b", 1) == Simulcast(send=((SimulcastRid("a"),), (SimulcastRid("b"),)))


def test_simulcast_twice_the_same_direction_is_none() -> None:
    assert read.simulcast("send a send b", 1) is None


@pytest.mark.parametrize(
    ("value", "found"),
    [("7 cname:a:b c", SsrcAttribute(7, "cname", "a:b c")), ("7 flag", SsrcAttribute(7, "flag")),
     ("7", SsrcAttribute(7, "")), ("x cname:y", None)],
)  # fmt: skip
def test_ssrc(value: str, found: SsrcAttribute | None) -> None:
    assert read.ssrc(value, 1) == found
