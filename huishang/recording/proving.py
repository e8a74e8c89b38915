"""How a node proves what it records, as its settings say. Reads certificates of time stamp authorities and keeps them.

Tokens are checked for as long as recordings are kept, so every certificate that was ever configured stays below the
root, in a file named by its digest.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from config import Settings
from config.errors import ConfigError, Words
from huishang.files import write_new_or_over
from recorder.book.evidence import certificate_name
from recorder.book.layout import Layout
from recorder.book.ledger import WriteKey
from recorder.proof.digests import SHA256_ONLY, WITH_SM3, Algorithm
from recorder.proof.errors import TokenRefused
from recorder.proof.tokens import read_certificates

DAY_US: Final = 86_400_000_000
MAX_FILE_BYTES: Final = 1 << 18
#: Of all files together: below the root there is room for twice as many.
MAX_CERTIFICATES: Final = 32
KEY: Final = "recording.time_stamp_certificates"
write_key: WriteKey = functools.partial(write_new_or_over, mode=0o600)


@dataclass(frozen=True, slots=True)
class Proving:
    """Digests, keys and witnesses."""

    algorithms: tuple[Algorithm, ...] = SHA256_ONLY
    key_lasts_us: int = 0
    """After so long another key signs; 0: when somebody asks for it."""
    authorities: Sequence[str] = ()
    """Addresses of time stamp authorities."""
    certificates: Sequence[x509.Certificate] = ()
    """Theirs: roots, and what lies between."""


def proving_of(settings: Settings) -> Proving:
    """Read what the settings say. Raises ConfigError where a file is none of certificates."""
    recording = settings.recording
    certificates = [each for path in recording.time_stamp_certificates for each in _read(Path(path))]
    if len(certificates) > MAX_CERTIFICATES:
        words = Words(
            f"共 {len(certificates)} 张证书，至多 {MAX_CERTIFICATES} 张",
            f"{len(certificates)} in all, {MAX_CERTIFICATES} at most",
        )
        raise ConfigError(recording.time_stamp_certificates[0], KEY, words)
    return Proving(
        WITH_SM3 if "sm3" in recording.digests else SHA256_ONLY,
        recording.key_days * DAY_US,
        recording.time_stamps,
        tuple(certificates),
    )


def keep_certificates(root: Path, certificates: Sequence[x509.Certificate]) -> None:
    """Put certificates below a root, on disk when this returns. Raises OSError."""
    folder = Layout(root).certificates
    for certificate in certificates:
        path = folder / certificate_name(certificate)
        if not path.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_new_or_over(path, certificate.public_bytes(Encoding.PEM), mode=0o600)


def _read(path: Path) -> list[x509.Certificate]:
    try:
        with path.open("rb") as file:
            pem = file.read(MAX_FILE_BYTES + 1)
        if len(pem) > MAX_FILE_BYTES:
            raise TokenRefused("it is too long")
        certificates = read_certificates(pem)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(str(path), KEY, Words(f"无法读取：{reason}", f"cannot be read: {reason}")) from None
    except TokenRefused as error:
        words = Words(f"不是 PEM 证书：{error}", f"no certificates in PEM: {error}")
        raise ConfigError(str(path), KEY, words) from None
    return certificates
