"""Codes that prove somebody: `id.secret`, of which only the secret's digest is kept. Core: chance is an argument.

Refresh tokens, one-time links and the credentials of endpoints have this form. The secrets are random, so a plain
digest protects them; only passwords need a slow one.
"""

from __future__ import annotations

import hashlib
import hmac

from dispatch.ids import is_ulid

SECRET_BYTES = 24
#: Longer ones are nobody's.
MAX_CHARACTERS = 160


def digest(secret: str) -> str:
    """Return what is kept of a secret: its SHA-256 in hex."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def join(identifier: str, secret: str) -> str:
    """Return the code of something and its secret."""
    return f"{identifier}.{secret}"


def split(code: str) -> tuple[str, str] | None:
    """Return the identifier and secret of a code, None when it has not its form."""
    identifier, dot, secret = code.partition(".")
    return (identifier, secret) if len(code) <= MAX_CHARACTERS and dot and secret and is_ulid(identifier) else None


def matches(secret: str, kept: str) -> bool:
    """Tell whether a secret is the one whose digest was kept, in a time that tells nothing of it."""
    return hmac.compare_digest(digest(secret).encode(), kept.encode())
