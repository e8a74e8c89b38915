"""Words shared by the ICE cores: address, credentials, error base.

Pure values; imports nothing of ours.
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from dataclasses import dataclass
from typing import Final

#: IP address as text (IPv6 without brackets) and UDP port.
Address = tuple[str, int]

#: RFC 8445 section 5.3 asks for 24 and 128 random bits.
_UFRAG_BYTES: Final = 6
_PASSWORD_BYTES: Final = 18


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
    # Base64 has just the ice-chars, and 3 bytes give 4 characters without padding.
    ufrag, password = b64encode(secrets.token_bytes(_UFRAG_BYTES)), b64encode(secrets.token_bytes(_PASSWORD_BYTES))
    return Credentials(ufrag.decode(), password.decode())
