"""Words shared by the ICE cores: address, credentials, error base.

Pure values; imports nothing of ours.
"""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass
from typing import Final

#: IP address as text (IPv6 without brackets) and UDP port.
Address = tuple[str, int]

_ICE_CHARS: Final = string.ascii_letters + string.digits + "+/"
#: RFC 8445 section 5.3 asks for 24 and 128 random bits; each ice-char carries 6.
_UFRAG_CHARS: Final = 8
_PASSWORD_CHARS: Final = 24


class IceError(ValueError):
    """Base of the errors of `signaling.ice`.

    IceError
    - StunError: a datagram is not a well-formed STUN Binding message
    - CredentialsError: a ufrag or password breaks RFC 8839 section 5.4
    """


class CredentialsError(IceError):
    """A ufrag or password breaks RFC 8839 section 5.4."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """One agent's ufrag (4-256 ice-chars) and password (22-256 ice-chars), RFC 8839 section 5.4.

    Raises CredentialsError when a length or character is not allowed.
    """

    ufrag: str
    password: str

    def __post_init__(self) -> None:
        if not (4 <= len(self.ufrag) <= 256 and 22 <= len(self.password) <= 256):
            raise CredentialsError("ufrag or password length")
        # Some senders (hand-made SDP, older gateways) use "-" and "_" too; a colon or space would be harmful.
        if not all("!" <= char <= "~" and char != ":" for char in self.ufrag + self.password):
            raise CredentialsError("ufrag or password character")


def generate_credentials() -> Credentials:
    """Return fresh random credentials."""
    return Credentials(
        "".join(secrets.choice(_ICE_CHARS) for _ in range(_UFRAG_CHARS)),
        "".join(secrets.choice(_ICE_CHARS) for _ in range(_PASSWORD_CHARS)),
    )
