"""Access tokens: taken for ten minutes from this node's keys only, refused in every other form."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from signaling.auth.tokens import KEYS_KEPT, LASTS_US, LEEWAY_US, ROTATE_US, Claims, Key, KeyFile, TokenRefused, Tokens

NOW_US = 1_800_000_000_000_000
NOW_S = NOW_US // 1_000_000
KEY = Key(id="one", secret=b"1" * 32, made_us=NOW_US)
OTHER = Key(id="two", secret=b"2" * 32, made_us=NOW_US)
ZHANG = Claims("zhang", "login")
TOKENS = Tokens([KEY], "node-a")
CLAIMS: dict[str, Any] = {
    "iss": "huishang:node-a",
    "aud": "huishang-api",
    "sub": "zhang",
    "sid": "login",
    "iat": NOW_S,
    "exp": NOW_S + 600,
}
HEADERS = {"kid": "one", "typ": "at+jwt"}


def forged(
    claims: dict[str, Any] | None = None, key: Any = KEY.secret, algorithm: str = "HS256", **headers: Any
) -> str:
    """A token with some claims and headers changed; None takes a claim away."""
    payload = {name: value for name, value in {**CLAIMS, **(claims or {})}.items() if value is not None}
    return jwt.encode(payload, key, algorithm=algorithm, headers={**HEADERS, **headers})


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def refused(text: str, now_us: int = NOW_US, tokens: Tokens = TOKENS) -> TokenRefused:
    with pytest.raises(TokenRefused) as caught:
        tokens.read(text, now_us)
    return caught.value


def test_forgery_of_the_tests_is_taken_when_nothing_is_wrong_with_it() -> None:
    assert TOKENS.read(forged(), NOW_US) == ZHANG


@given(st.integers(0, 3_000_000_000_000_000), st.integers(-LEEWAY_US, LASTS_US - 1_000_000))
def test_token_is_taken_while_it_lasts(made_us: int, later_us: int) -> None:
    text, until_us = TOKENS.issue(ZHANG, made_us)
    assert made_us + LASTS_US - 1_000_000 < until_us <= made_us + LASTS_US
    assert TOKENS.read(text, max(0, made_us + later_us)) == ZHANG


def test_token_that_ran_out_says_so() -> None:
    text, until_us = TOKENS.issue(ZHANG, NOW_US)
    assert TOKENS.read(text, until_us - 1) == ZHANG
    assert refused(text, until_us).is_expired
    assert not refused("nonsense").is_expired


def test_token_of_the_future_is_refused_beyond_what_a_clock_set_back_explains() -> None:
    text, _ = TOKENS.issue(ZHANG, NOW_US)
    assert TOKENS.read(text, NOW_US - LEEWAY_US) == ZHANG
    assert not refused(text, NOW_US - LEEWAY_US - 1).is_expired


def test_token_of_another_node_is_refused() -> None:
    text, _ = Tokens([OTHER], "node-a").issue(ZHANG, NOW_US)
    refused(text)
    same_name = Key(id=KEY.id, secret=OTHER.secret, made_us=NOW_US)
    refused(Tokens([same_name], "node-a").issue(ZHANG, NOW_US)[0])
    copied_key, _ = Tokens([KEY], "node-b").issue(ZHANG, NOW_US)
    refused(copied_key)


def test_token_under_the_former_key_is_taken_until_that_is_gone() -> None:
    text, _ = TOKENS.issue(ZHANG, NOW_US)
    assert Tokens([OTHER, KEY], "node-a").read(text, NOW_US) == ZHANG
    newest, _ = Tokens([OTHER, KEY], "node-a").issue(ZHANG, NOW_US)
    assert jwt.get_unverified_header(newest)["kid"] == "two"
    refused(text, tokens=Tokens([OTHER], "node-a"))


def test_no_algorithm_but_ours_is_taken() -> None:
    for algorithm in ("none", "None", "NONE", "nOnE"):
        head = part({"alg": algorithm, **HEADERS})
        for signature in ("", forged().rpartition(".")[2]):
            refused(f"{head}.{part(CLAIMS)}.{signature}")
    for algorithm in ("HS384", "HS512"):
        refused(forged(key=KEY.secret * 2, algorithm=algorithm))


def test_key_of_one_algorithm_is_none_of_another() -> None:
    private = rsa.generate_private_key(65537, 2048)
    refused(forged(key=private, algorithm="RS256"))
    # What a node of public keys would fall for: its public key as a secret.
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    text = f"{part({'alg': 'HS256', **HEADERS})}.{part(CLAIMS)}"
    signature = hmac.digest(public, text.encode(), "sha256")
    refused(f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}")
    # What a node would fall for that takes the key a token brings along.
    brought = {"kty": "oct", "k": base64.urlsafe_b64encode(OTHER.secret).decode()}
    refused(forged(key=OTHER.secret, jwk=brought))
    refused(forged(kid="../../etc/passwd", jku="https://evil.example/keys"))


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another-api"}, {"aud": None}, {"aud": 7}, {"iss": "huishang:node-b"}, {"iss": None},
        {"sub": None}, {"sub": 7}, {"sid": None}, {"sid": ["login"]}, {"iat": None}, {"iat": "now"}, {"iat": True},
        {"exp": None}, {"exp": "never"}, {"exp": 1e300}, {"exp": NOW_S + 10**9}, {"exp": NOW_S},
        {"iat": NOW_S + 3600, "exp": NOW_S + 4000}, {"iat": -(10**30)}, {"exp": 10**400},
    ],
)  # fmt: skip
def test_claim_that_is_missing_or_wrong_is_refused_under_the_right_key(claims: dict[str, Any]) -> None:
    refused(forged(claims))


def test_token_of_another_type_or_without_a_key_is_refused() -> None:
    refused(forged(typ="JWT"))
    refused(forged(kid="unknown"))
    heads: list[object] = [
        {"alg": "HS256", "typ": "at+jwt"},
        {"alg": "HS256", "kid": ["one"], "typ": "at+jwt"},
        [],
        7,
        None,
    ]
    for head in heads:
        refused(f"{part(head)}.{part(CLAIMS)}.x")


def test_changed_token_is_refused() -> None:
    head, payload, signature = forged().split(".")
    refused(f"{head}.{part({**CLAIMS, 'sub': 'chief'})}.{signature}")
    refused(f"{head}.{payload}.{signature[:-2]}")
    refused(f"{head}.{payload}.")
    refused(f"{head}.{payload}")


def test_token_is_read_only_up_to_a_length() -> None:
    refused(forged({"more": "x" * 2000}))
    refused("[" * 100_000)


def test_deep_header_is_refused_and_no_fault() -> None:
    deep = base64.urlsafe_b64encode(b"[" * 740).decode().rstrip("=")
    refused(f"{deep}.{deep[:10]}.x")


def test_key_is_due_at_first_and_a_quarter_later_and_few_are_kept() -> None:
    file = KeyFile()
    for number in range(4):
        rotated = file.rotated(number * ROTATE_US, str(number), bytes([number]) * 32)
        assert rotated is not None and rotated.keys[0].id == str(number)
        assert rotated.keys[1:] == file.keys[: KEYS_KEPT - 1]
        assert rotated.rotated(number * ROTATE_US + ROTATE_US - 1, "x", b"") is None
        file = rotated
