"""Identifiers are in the order of their time and cannot be told from any other ULID."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dispatch.ids import is_ulid, ulid

TIMES = st.integers(0, (1 << 48) * 1000 - 1)
RANDOM = st.binary(min_size=10, max_size=10)


@given(TIMES, RANDOM, TIMES, RANDOM)
def test_order_of_identifiers_is_the_order_of_their_milliseconds(
    now: int, random: bytes, later: int, other: bytes
) -> None:
    if now // 1000 < later // 1000:
        assert ulid(now, random) < ulid(later, other)


@given(TIMES, RANDOM)
def test_every_identifier_is_known_as_one(now: int, random: bytes) -> None:
    assert is_ulid(ulid(now, random))


def test_known_value() -> None:
    # The example of the ULID specification: 1469918176385 ms.
    assert ulid(1_469_918_176_385_000, bytes(10)) == "01ARYZ6S410000000000000000"


def test_what_is_no_identifier_is_refused() -> None:
    for text in (
        "",
        "01ARYZ6S41",
        "01ARYZ6S41000000000000000U",
        "81ARYZ6S410000000000000000",
        "01ARYZ6S410000000000000000\n",
    ):
        assert not is_ulid(text)
