"""Asks `openssl ts` about a token that our own parser does not take.

Shell: a process and a folder of its own, both gone when it returns.
"""

import os
import subprocess
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from recorder.proof.errors import TokenRefused
from recorder.proof.tokens import UNUSABLE, Certificates, Stamp, TokenUnreadable, signer_of, stamp_of

TIMEOUT_S = 20
MAX_ANSWER_BYTES = 1 << 20
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


def check(response: bytes, stamped: bytes, certificates: Certificates) -> Stamp:
    """Say what a response proves of these bytes: a `tokens.OtherCheck`. Raises TokenRefused, TokenUnreadable."""
    with tempfile.TemporaryDirectory(prefix="huishang-token-") as name:
        folder = Path(name)
        (folder / "response").write_bytes(response)
        (folder / "stamped").write_bytes(stamped)
        (folder / "roots").write_bytes(_pem(certificates.roots))
        at = _time_in(_ask(folder, "ts", "-reply", "-in", "response", "-text"))
        _ask(folder, "ts", "-reply", "-in", "response", "-token_out", "-out", "token")
        embedded = _certificates_in(_ask(folder, "pkcs7", "-inform", "DER", "-in", "token", "-print_certs"))
        signer, believed = signer_of(embedded, certificates)
        (folder / "believed").write_bytes(_pem(believed))
        # At the token's own time, as the other check: certificates end, and what they signed before stays signed.
        command = ["ts", "-verify", "-in", "response", "-data", "stamped", "-CAfile", "roots"]
        command += ["-untrusted", "believed", "-attime", str(int(at.timestamp()))]
        _ask(folder, *command)
    return stamp_of(at, signer)


def _ask(folder: Path, *arguments: str) -> bytes:
    # The system's settings of OpenSSL stay out: they could bring other roots.
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "OPENSSL_CONF": os.devnull}
    environment |= {"SSL_CERT_FILE": os.devnull, "SSL_CERT_DIR": os.devnull}
    try:
        done = subprocess.run(
            ["openssl", *arguments], cwd=folder, env=environment, capture_output=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TokenUnreadable(f"openssl: {error}") from error
    if done.returncode:
        raise TokenRefused(done.stderr.decode(errors="replace").strip()[-200:] or "refused by openssl")
    return done.stdout[:MAX_ANSWER_BYTES]


def _time_in(text: bytes) -> datetime:
    """Read `Time stamp: Nov 23 09:27:04.125 2026 GMT`."""
    prefix = b"Time stamp: "
    found = [line[len(prefix) :].decode(errors="replace") for line in text.splitlines() if line.startswith(prefix)]
    try:
        month, day, clock, year, zone = found[0].split()
        hours, minutes, seconds = clock.split(":")
        whole, _, fraction = seconds.partition(".")
        parts = int(year), _MONTHS.index(month) + 1, int(day), int(hours), int(minutes), int(whole)
        if zone != "GMT":
            raise ValueError(zone)
        return datetime(*parts, int(fraction[:6].ljust(6, "0")), tzinfo=UTC)
    except (ValueError, IndexError) as error:
        raise TokenRefused("no time in it") from error


def _certificates_in(text: bytes) -> list[x509.Certificate]:
    try:
        return [
            x509.load_pem_x509_certificate(_BEGIN + part.partition(_END)[0] + _END + b"\n")
            for part in text.split(_BEGIN)[1:]
        ]
    except UNUSABLE as error:
        raise TokenRefused("an unreadable certificate") from error


def _pem(certificates: Sequence[x509.Certificate]) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)
