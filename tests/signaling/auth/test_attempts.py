"""Waits between attempts to sign in, in virtual time."""

from __future__ import annotations

from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.auth.attempts import FORGET_S, OF_ADDRESS, OF_BOTH, OF_LOGIN, Attempts, network_of

HOME, AWAY = "192.0.2.1", "198.51.100.7"


def fail(attempts: Attempts, login: str, address: str, now: float) -> float:
    """Wait as long as one must, then fail; return how long that was."""
    wait = attempts.admit(login, address, now).wait_s
    if wait:
        assert attempts.admit(login, address, now + wait * 0.99).wait_s > 0
        assert attempts.admit(login, address, now + wait).wait_s == 0
    return wait


def test_first_failures_are_free_then_waits_double_to_a_bound() -> None:
    attempts, now, waits = Attempts(), 0.0, []
    for _ in range(OF_BOTH.free + 14):
        waits.append(fail(attempts, "zhang", HOME, now))
        now += waits[-1]
    assert waits[: OF_BOTH.free] == [0.0] * OF_BOTH.free
    grown = waits[OF_BOTH.free :]
    assert grown[:4] == pytest.approx([2, 4, 8, 16]) and max(grown) == pytest.approx(OF_BOTH.most_s)
    assert grown == sorted(grown)


def test_asking_in_vain_makes_no_wait_longer() -> None:
    attempts = Attempts()
    for _ in range(OF_BOTH.free + 1):
        attempts.admit("zhang", HOME, 0.0)
    for _ in range(1000):
        assert attempts.admit("zhang", HOME, 1.0).wait_s == pytest.approx(1.0)
    assert attempts.admit("zhang", HOME, 2.0).wait_s == 0


def test_thousand_attempts_at_once_are_not_all_free() -> None:
    attempts = Attempts()
    admitted = [attempts.admit("zhang", HOME, 0.0) for _ in range(1000)]
    assert sum(item.wait_s == 0 for item in admitted) == OF_BOTH.free


def test_success_gives_its_attempt_back() -> None:
    attempts = Attempts()
    for _ in range(500):
        for login in ("zhang", "li", "wang"):
            attempt = attempts.admit(login, HOME, 0.0)
            assert attempt.wait_s == 0
            attempts.succeeded(attempt)


def test_attempt_that_the_node_could_not_make_counts_for_nothing() -> None:
    attempts = Attempts()
    for _ in range(500):
        attempts.withdraw(attempts.admit("zhang", HOME, 0.0))
    assert len(attempts) == 0
    for _ in range(OF_BOTH.free):
        assert attempts.admit("zhang", HOME, 0.0).wait_s == 0
    assert attempts.admit("zhang", HOME, 0.0).wait_s > 0


def test_two_successes_at_once_give_both_back() -> None:
    attempts = Attempts()
    both = [attempts.admit("zhang", HOME, 0.0) for _ in range(2)]
    for attempt in both:
        attempts.succeeded(attempt)
    assert len(attempts) == 1, "only that zhang is known here"


def test_failures_are_forgotten_after_an_hour_of_quiet() -> None:
    attempts = Attempts()
    for _ in range(OF_BOTH.free + 1):
        attempts.admit("zhang", HOME, 0.0)
    assert attempts.admit("zhang", HOME, 0.5).wait_s > 0
    for _ in range(OF_BOTH.free):
        assert attempts.admit("zhang", HOME, FORGET_S).wait_s == 0


def test_guesses_at_many_logins_from_one_address_wait() -> None:
    attempts = Attempts()
    waits = [attempts.admit(f"login{number}", AWAY, 0.0).wait_s for number in range(OF_ADDRESS.free + 1)]
    assert waits[-1] > 0 and not any(waits[:-1])
    assert attempts.admit("login0", HOME, 0.0).wait_s == 0


def test_guesses_at_one_login_from_many_addresses_wait() -> None:
    attempts = Attempts()
    waits = [attempts.admit("zhang", f"198.51.100.{number}", 0.0).wait_s for number in range(OF_LOGIN.free + 1)]
    assert waits[-1] > 0 and not any(waits[:-1])


def test_owner_is_not_kept_out_by_strangers_where_he_has_signed_in_before() -> None:
    attempts = Attempts()
    attempts.succeeded(attempts.admit("zhang", HOME, 0.0))
    for number in range(5 * OF_LOGIN.free):
        attempts.admit("zhang", f"198.51.{number}.1", 1.0)
    for number in range(5 * OF_ADDRESS.free):
        attempts.admit(f"login{number}", HOME, 1.0)
    assert attempts.admit("zhang", "203.0.113.9", 1.0).wait_s > 0
    assert attempts.admit("li", HOME, 1.0).wait_s > 0
    assert attempts.admit("zhang", HOME, 1.0).wait_s == 0


def test_stranger_waits_a_minute_at_most_for_a_login_under_attack() -> None:
    attempts = Attempts()
    now = 0.0
    for number in range(200):
        now += attempts.admit("zhang", f"198.51.100.{number}", now).wait_s
        attempts.admit("zhang", f"198.51.100.{number}", now)
    assert attempts.admit("zhang", HOME, now).wait_s <= OF_LOGIN.most_s


@given(st.integers(0, (1 << 64) - 1), st.integers(0, (1 << 64) - 1), st.integers(0, (1 << 64) - 1))
def test_one_subscriber_of_ipv6_is_a_64(network: int, one: int, other: int) -> None:
    first, second = (str(IPv6Address(network << 64 | host)) for host in (one, other))
    if IPv6Address(first).ipv4_mapped is None and IPv6Address(second).ipv4_mapped is None:
        assert network_of(first) == network_of(second)


def test_ipv4_in_ipv6_is_the_ipv4_address_and_anything_else_is_itself() -> None:
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") == "192.0.2.1"
    assert network_of("2001:db8::1") != network_of("2001:db8:0:1::1")
    assert network_of("") == "" and len(network_of("x" * 1000)) == 64
    assert network_of("fe80::1%eth0") == "fe80::"


LOGINS, ADDRESSES = st.sampled_from(["a", "b", "c", "\ud800", "x" * 500]), st.sampled_from([HOME, AWAY, "::1", ""])


@given(st.lists(st.tuples(LOGINS, ADDRESSES, st.floats(0, 2000), st.booleans()), max_size=200))
def test_whatever_happens_waits_and_memory_are_bounded_and_a_wait_that_is_over_is_over(
    steps: list[tuple[str, str, float, bool]],
) -> None:
    attempts, now = Attempts(most=3), 0.0
    for login, address, pause, succeeds in steps:
        now += pause
        attempt = attempts.admit(login, address, now)
        assert 0 <= attempt.wait_s <= OF_BOTH.most_s
        if attempt.wait_s:
            now += attempt.wait_s + 1e-6
            attempt = attempts.admit(login, address, now)
        assert attempt.wait_s == 0
        if succeeds:
            attempts.succeeded(attempt)
        assert len(attempts) <= 12


@given(st.integers(1, 2000))
def test_hour_of_guessing_one_login_from_one_address_is_few_guesses(every_s: int) -> None:
    attempts = Attempts()
    guesses = sum(attempts.admit("zhang", AWAY, float(now)).wait_s == 0 for now in range(0, 86_400, every_s))
    assert guesses <= 5 + 10 + 86_400 / OF_BOTH.most_s
