"""SRTP protection profiles of DTLS-SRTP (RFC 5764 section 4.1.2, RFC 7714 section 14.2), best first."""

from __future__ import annotations

import enum
from typing import Final

from pylibsrtp import Policy


class SrtpProfile(enum.Enum):
    """A profile with the sizes of its keys in bytes and the number by which libsrtp knows it."""

    AEAD_AES_128_GCM = ("SRTP_AEAD_AES_128_GCM", 16, 12, Policy.SRTP_PROFILE_AEAD_AES_128_GCM)
    AEAD_AES_256_GCM = ("SRTP_AEAD_AES_256_GCM", 32, 12, Policy.SRTP_PROFILE_AEAD_AES_256_GCM)
    AES128_CM_SHA1_80 = ("SRTP_AES128_CM_SHA1_80", 16, 14, Policy.SRTP_PROFILE_AES128_CM_SHA1_80)

    def __init__(self, openssl_name: str, key_bytes: int, salt_bytes: int, libsrtp_profile: int) -> None:
        self.openssl_name = openssl_name
        self.key_bytes = key_bytes
        self.salt_bytes = salt_bytes
        self.libsrtp_profile = libsrtp_profile

    def split_keys(self, material: bytes) -> tuple[bytes, bytes]:
        """Split exported material into the client's and the server's key||salt (RFC 5764 section 4.2)."""
        key, salt = self.key_bytes, self.salt_bytes
        salts = material[2 * key :]
        return material[:key] + salts[:salt], material[key : 2 * key] + salts[salt : 2 * salt]


PROFILES: Final = tuple(SrtpProfile)
#: The exporter's label (RFC 5764 section 4.2).
EXPORTER_LABEL: Final = b"EXTRACTOR-dtls_srtp"


def profile_named(openssl_name: bytes) -> SrtpProfile | None:
    """Return the profile that OpenSSL calls so, None when nothing was negotiated."""
    for profile in PROFILES:
        if profile.openssl_name.encode() == openssl_name:
            return profile
    return None
