"""Mutated access tokens, under the right key and not, and bearer tokens of every kind.

What is no proof is refused and is no fault; what is signed with the node's key is refused unless every claim is right.
"""

from __future__ import annotations

import base64
import hmac
import json
import random
from collections import Counter

import pytest

from dispatch.permissions import Permissions
from signaling.auth.attempts import network_of
from signaling.auth.proofs import Proofs
from signaling.auth.tokens import Claims, Key, TokenRefused, Tokens
from signaling.http.access import Access
from tests.dispatch.acts.state import CAMERA, NOW_US, peopled
from tests.fuzz.effort import SEED, rounds

pytestmark = pytest.mark.fuzz

KEY = b"k" * 32
TOKENS = Tokens([Key(id="k", secret=KEY, made_us=0)], "node")
ZHANG = Claims("zhang", "login")
SOUND = TOKENS.issue(ZHANG, NOW_US)[0]
TABLES = peopled()
ACCESS = Access([], Proofs(TABLES, TOKENS), Permissions(TABLES))
CHARACTERS = "AZaz09-_.=+/ \x00é会\udcff"
VALUES: list[object] = [
    None,
    True,
    0,
    -1,
    2**63,
    10**400,
    1e308,
    "",
    "none",
    "HS256",
    "RS256",
    "k",
    [],
    {},
    ["huishang-api"],
    "\ud800",
]


def mutated(random_: random.Random) -> str:
    """A sound token, or a code of a camera, with some characters changed, taken out or put in."""
    text = list(random_.choice((SOUND, f"{CAMERA}.secret", "", "[" * 900)))
    for _ in range(random_.randint(1, 6)):
        place = random_.randint(0, len(text))
        text[place : place + random_.randint(0, 3)] = random_.choices(CHARACTERS, k=random_.randint(0, 3))
    return "".join(text)


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def signed(random_: random.Random) -> tuple[str, bool]:
    """A token under the node's key with some fields changed, and whether it is the sound one after all."""
    header, payload = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in SOUND.split(".")[:2])
    before = json.dumps([header, payload])
    for _ in range(random_.randint(1, 3)):
        fields = random_.choice((header, payload))
        name = random_.choice([*fields, "crit", "b64", "jwk", "nbf"])
        if random_.random() < 0.3:
            fields.pop(name, None)
        else:
            fields[name] = random_.choice(VALUES)
    text = f"{encoded(header)}.{encoded(payload)}"
    signature = hmac.digest(KEY, text.encode(), "sha256")
    whole = f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"
    return whole, json.dumps([header, payload]) == before


def read(text: str) -> Claims | None:
    try:
        return TOKENS.read(text, NOW_US)
    except TokenRefused:
        return None


def test_changed_text_is_refused() -> None:
    random_ = random.Random(SEED)
    seen: Counter[bool] = Counter()
    for _ in rounds(2_000):
        text = mutated(random_)
        claims = read(text)
        # Bits of the last character mean nothing, and so do some characters to who reads base64: it is the same token.
        assert claims in (None, ZHANG)
        assert ACCESS.of_bearer(text) is None
        assert len(network_of(text)) <= 64
        seen[claims is None] += 1
    assert seen[True] > 1_000


def test_changed_claims_under_the_right_key_name_nobody_else() -> None:
    random_ = random.Random(SEED)
    seen: Counter[bool] = Counter()
    for _ in rounds(2_000):
        text, is_sound = signed(random_)
        claims = read(text)
        assert claims is None or type(claims.person) is type(claims.login) is str
        assert claims == ZHANG or not is_sound
        seen[claims is None] += 1
    assert seen[True] > 1_000 and seen[False] > 10
