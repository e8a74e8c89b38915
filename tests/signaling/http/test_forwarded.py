"""Whose address counts behind proxies: what trusted ones wrote, and never what a client put in front of it."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.http.forwarded import MAX_PROXIES, client_of

TRUSTED = tuple(map(ipaddress.ip_network, ("127.0.0.1", "10.0.0.0/8", "fd00::/8")))
ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)


@pytest.mark.parametrize(
    ("peer", "headers", "client"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("::ffff:192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
        ("127.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("::ffff:127.0.0.1", ["::ffff:198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", ["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", ["203.0.113.9", " 198.51.100.7 ,10.1.2.3"], "198.51.100.7"),
        ("fd00::1", ["2001:db8::1, 10.0.0.1"], "2001:db8::1"),
        ("127.0.0.1", ["10.0.0.7"], "10.0.0.7"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.7, unknown"], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.7, , 10.0.0.1"], "10.0.0.1"),
        ("", ["198.51.100.7"], ""),
    ],
)
def test_client_is_the_first_that_is_no_proxy_of_ours(peer: str, headers: list[str], client: str) -> None:
    assert client_of(peer, headers, TRUSTED) == client


@given(ADDRESSES, st.lists(st.text(max_size=40)))
def test_without_proxies_nothing_is_believed(peer: str, headers: list[str]) -> None:
    assert client_of(peer, headers, ()) == client_of(peer, [], ())


@given(st.ip_addresses(v=4, network="198.51.100.0/24"), st.lists(st.text(max_size=40), max_size=5))
def test_what_a_client_claims_changes_nothing(client: ipaddress.IPv4Address, claims: list[str]) -> None:
    assert client_of("127.0.0.1", [*claims, f"{client}, 10.0.0.2"], TRUSTED) == str(client)


def test_endless_header_is_not_followed() -> None:
    assert client_of("127.0.0.1", ["198.51.100.7" + ",10.0.0.1" * MAX_PROXIES], TRUSTED) == "10.0.0.1"
