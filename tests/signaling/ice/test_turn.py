"""Credentials of a TURN server: what it would make of them itself, for whom, and until when."""

from __future__ import annotations

import hmac
from base64 import b64decode

from hypothesis import given
from hypothesis import strategies as st

from signaling.ice.turn import NO_TURN, IceServer, Turn

VISIBLE = st.characters(min_codepoint=0x21, max_codepoint=0x7E)
SECRETS = st.text(VISIBLE, min_size=16, max_size=256)
NAMES = st.text(VISIBLE, min_size=1, max_size=64)
TIMES = st.floats(0, 4e9)
LIFETIMES = st.integers(600, 604_800)
URLS = ("turn:a.example?transport=udp", "turns:a.example:443?transport=tcp")


def lets_in(secret: str, server: IceServer, now: float) -> bool:
    """Judge as a TURN server does: by the secret and its own clock."""
    ends, _, _ = server.username.partition(":")
    proof = hmac.digest(secret.encode(), server.username.encode(), "sha1")
    return int(ends) > now and b64decode(server.credential, validate=True) == proof


@given(SECRETS, NAMES, TIMES, LIFETIMES, st.floats(0, 1, exclude_max=True))
def test_credentials_let_in_until_their_time_is_over(
    secret: str, who: str, now: float, lifetime_s: int, part: float
) -> None:
    (server,) = Turn(URLS, secret, lifetime_s).servers(who, now)
    assert server.urls == URLS
    assert server.username.partition(":")[2] == who
    assert lets_in(secret, server, now + part * (lifetime_s - 1))
    assert not lets_in(secret, server, now + lifetime_s)


@given(SECRETS, SECRETS, NAMES, TIMES)
def test_credentials_of_another_secret_let_nobody_in(secret: str, other: str, who: str, now: float) -> None:
    (server,) = Turn(URLS, secret).servers(who, now)
    assert lets_in(other, server, now) == (secret == other)


@given(SECRETS, NAMES, NAMES, TIMES)
def test_nobody_has_anothers_credentials_and_none_tell_the_secret(
    secret: str, who: str, other: str, now: float
) -> None:
    turn = Turn(URLS, secret)
    (mine,), (theirs,) = turn.servers(who, now), turn.servers(other, now)
    assert (mine.credential == theirs.credential) == (who == other)
    assert secret not in repr(turn) and secret not in mine.credential


def test_who_is_given_credentials_again_has_them_before_the_first_end() -> None:
    turn = Turn(URLS, "x" * 16, 600)
    (first,), (second,) = turn.servers("a", 0.0), turn.servers("a", turn.renew_s)
    assert lets_in("x" * 16, first, turn.renew_s) and lets_in("x" * 16, second, 600.0)


def test_stun_servers_need_no_credentials_and_without_any_server_there_is_nothing_to_tell() -> None:
    stun, turn = Turn(("stun:b.example", *URLS), "x" * 16).servers("a", 0.0)
    assert stun == IceServer(("stun:b.example",)) and turn.urls == URLS
    assert NO_TURN.servers("a", 0.0) == ()
