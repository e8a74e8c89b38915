"""Access tokens: JWTs of ten minutes under a key of the node. Core: `now_us` and keys are arguments.

A token says which login it is of; whether that login still lasts is looked up with every request. So the signature only
spares a stranger's guess the look, and one algorithm (HS256) under one kind of key leaves nothing to confuse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jwt
import msgspec

LASTS_US = 600_000_000
#: Of clocks that were set back a little since the token was made.
LEEWAY_US = 60_000_000
KEY_BYTES = 32
#: A key is replaced at the first start after so long. Older tokens are checked with the one before.
ROTATE_US = 90 * 86_400_000_000
KEYS_KEPT = 2
MAX_CHARACTERS = 1_024
_ALGORITHM = "HS256"
_TYPE = "at+jwt"  # RFC 9068: no token made for something else under the same key passes for one of these
_AUDIENCE = "huishang-api"
_CLAIMS = ("iss", "aud", "sub", "sid", "iat", "exp")


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A signing key. `id` names it in tokens (`kid`); `made_us` is microseconds UTC."""

    id: str
    secret: bytes
    made_us: int


class KeyFile(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of them on disk, the newest first."""

    v: int = 1
    keys: tuple[Key, ...] = ()

    def rotated(self, now_us: int, identifier: str, secret: bytes) -> KeyFile | None:
        """Return the file with a fresh key in front where one is due, None where not."""
        if self.keys and now_us - self.keys[0].made_us < ROTATE_US:
            return None
        fresh = Key(id=identifier, secret=secret, made_us=now_us)
        return KeyFile(keys=(fresh, *self.keys)[:KEYS_KEPT])


class TokenRefused(Exception):
    """A token that proves nothing; `is_expired` when it did until a while ago. `str()` is for the log."""

    def __init__(self, detail: str, *, is_expired: bool = False) -> None:
        super().__init__(detail)
        self.is_expired = is_expired


@dataclass(frozen=True, slots=True)
class Claims:
    """Whom a token is of: a person, and the login that must still last."""

    person: str
    login: str


class Tokens:
    """Makes tokens with the first key, takes those of all. `node` keeps two nodes with one copied key apart."""

    def __init__(self, keys: Sequence[Key], node: str) -> None:
        assert keys, "a node has a key"
        assert all(len(key.secret) >= KEY_BYTES for key in keys), "a short key can be guessed"
        self._newest = keys[0]
        self._secrets = {key.id: key.secret for key in keys}
        self._issuer = f"huishang:{node}"

    def issue(self, claims: Claims, now_us: int) -> tuple[str, int]:
        """Return a token and when it runs out (microseconds UTC)."""
        begin = now_us // 1_000_000
        end = begin + LASTS_US // 1_000_000
        payload = {
            "iss": self._issuer,
            "aud": _AUDIENCE,
            "sub": claims.person,
            "sid": claims.login,
            "iat": begin,
            "exp": end,
        }
        headers = {"kid": self._newest.id, "typ": _TYPE}
        text = jwt.encode(payload, self._newest.secret, algorithm=_ALGORITHM, headers=headers)
        return text, end * 1_000_000

    def read(self, text: str, now_us: int) -> Claims:
        """Return whom a token is of. Raises TokenRefused."""
        payload = self._verified(text)
        begin, end, person, login = (payload.get(name) for name in ("iat", "exp", "sub", "sid"))
        if type(begin) is not int or type(end) is not int or not isinstance(person, str) or not isinstance(login, str):
            raise TokenRefused("a claim is of another type")
        if begin * 1_000_000 > now_us + LEEWAY_US:
            raise TokenRefused("made in the future")
        if end - begin > LASTS_US // 1_000_000:
            raise TokenRefused("made to last too long")
        if end * 1_000_000 <= now_us:
            raise TokenRefused("run out", is_expired=True)
        return Claims(person, login)

    def _verified(self, text: str) -> dict[str, object]:
        if len(text) > MAX_CHARACTERS:
            raise TokenRefused("too long")
        try:
            header = jwt.get_unverified_header(text)
            secret = self._secrets.get(str(header.get("kid")))
            if secret is None or header.get("typ") != _TYPE:
                raise TokenRefused("under no key of this node, or of another type")
            payload: dict[str, object] = jwt.decode(
                text,
                secret,
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                issuer=self._issuer,
                # By PyJWT they would be held against a clock of its own.
                options={"require": list(_CLAIMS), "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise TokenRefused(str(error)) from None
        return payload
