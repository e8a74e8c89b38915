"""What outside witnesses say: time stamp requests and tokens by RFC 3161. Core; the way to them is the caller's.

What is stamped is SHA-256 of a checkpoint's line without its LF (`ledger`). Responses are kept whole as they came. The
package rfc3161-client checks them: signature, the chain of certificates at the token's own time, the purpose
id-kp-timeStamping, imprint and number. Its parser takes DER strictly and refuses what many authorities send
(certificates in another order, for one), so there is a second way, which the caller gives: `openssl.check`.

That package believes every certificate that it is given, those "between" too (1.0.9: all go into one store). So it is
given only what was seen to be signed by a root, or by what was. Whether a certificate was revoked is not looked up.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID
from rfc3161_client import (
    HashAlgorithm,
    TimeStampRequest,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)
from rfc3161_client.tsp import PKIStatus, TimeStampResponse

from recorder.proof.errors import TokenRefused

MAX_RESPONSE_BYTES = 1 << 16
MAX_BETWEEN = 16
"""Certificates that are looked at of those in a token."""
MAX_OTHERS = 64
#: What reading a strange certificate or token raises.
UNUSABLE = (
    ValueError,
    TypeError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    # Of what will be refused one day; an exception where warnings are.
    CryptographyDeprecationWarning,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Certificates:
    """Whom to believe. `roots` are trusted; `others` (authorities between) only lead to them."""

    roots: Sequence[x509.Certificate]
    others: Sequence[x509.Certificate] = ()


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a token proves. Times in microseconds UTC; `authority` is the signer's subject (RFC 4514)."""

    at: int
    authority: str
    not_after: int
    """When the signer's certificate ends."""


class TokenUnreadable(TokenRefused):
    """Our parser does not take it; somebody else's may."""


class TokenUnvouched(TokenRefused):
    """No root certificate that is believed leads to its signer: it may prove something to who has another root."""


OtherCheck = Callable[[bytes, bytes, Certificates], Stamp]
"""Checks a response over the stamped bytes; raises TokenRefused, and TokenUnreadable where it cannot be asked."""


def request(stamped: bytes) -> TimeStampRequest:
    """Make a request with a number by chance that asks for the certificate; `.as_bytes()` is what is sent."""
    return TimestampRequestBuilder().data(stamped).hash_algorithm(HashAlgorithm.SHA256).build()


def check(
    response: bytes,
    stamped: bytes,
    certificates: Certificates,
    other: OtherCheck | None = None,
    asked: TimeStampRequest | None = None,
) -> Stamp:
    """Say what a response proves of these bytes; where it has just come, `asked` is the request that it must answer.

    Raises TokenRefused where it proves nothing, TokenUnvouched where that is for lack of a root only, TokenUnreadable
    where nothing here can read it.
    """
    if len(response) > MAX_RESPONSE_BYTES:
        raise TokenRefused(f"{len(response)} bytes, at most {MAX_RESPONSE_BYTES}")
    if not certificates.roots:
        raise TokenUnvouched("no root certificate to believe")
    try:
        return _check_strictly(response, stamped, certificates, asked)
    except TokenUnreadable:
        if other is None:
            raise
    return other(response, stamped, certificates)


def check_answer(response: bytes, asked: TimeStampRequest) -> None:
    """Tell whether a response is one to this request, whoever may vouch for it. Raises TokenRefused."""
    try:
        decoded = decode_timestamp_response(response)
        told = decoded.tst_info
        is_answer = (
            decoded.status in (PKIStatus.GRANTED, PKIStatus.GRANTED_WITH_MODS)
            and told.message_imprint.hash_algorithm == asked.message_imprint.hash_algorithm
            and told.message_imprint.message == asked.message_imprint.message
            and told.nonce == asked.nonce
        )
    except UNUSABLE as error:
        raise TokenUnreadable(str(error)[:200]) from error
    if not is_answer:
        raise TokenRefused("not an answer to what was asked")


def signer_of(
    embedded: Sequence[x509.Certificate], certificates: Certificates
) -> tuple[x509.Certificate, list[x509.Certificate]]:
    """Find the one certificate that may stamp and nothing else (RFC 3161 section 2.3), and whom to believe about it.

    Raises TokenRefused where there is not one, TokenUnvouched where no root vouches for it.
    """
    given = [*certificates.roots, *certificates.others]
    able = {certificate for certificate in embedded or given if _may_stamp(certificate)}
    if len(able) != 1:
        raise TokenRefused(f"{len(able)} certificates that may stamp")
    signer = able.pop()
    believed = _believed(certificates.roots, [*embedded[:MAX_BETWEEN], *certificates.others[:MAX_OTHERS]])
    if signer not in certificates.roots and not any(_is_issued_by(signer, issuer) for issuer in believed):
        raise TokenUnvouched("no root certificate vouches for its signer")
    return signer, believed


def read_certificates(pem: bytes) -> list[x509.Certificate]:
    """Read certificates in PEM. Raises TokenRefused."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except UNUSABLE as error:
        raise TokenRefused(str(error)[:200]) from error


def microseconds(time: datetime) -> int:
    """Give a time as records have it."""
    return (time - _EPOCH) // timedelta(microseconds=1)


def stamp_of(at: datetime, signer: x509.Certificate) -> Stamp:
    """Put together what a checked token proves. Raises TokenRefused where its signer cannot be read."""
    try:
        return Stamp(microseconds(at), signer.subject.rfc4514_string(), microseconds(signer.not_valid_after_utc))
    except UNUSABLE as error:
        raise TokenRefused(str(error)[:200]) from error


def _check_strictly(
    response: bytes, stamped: bytes, certificates: Certificates, asked: TimeStampRequest | None
) -> Stamp:
    try:
        decoded = decode_timestamp_response(response)
        at = decoded.tst_info.gen_time
        embedded = [x509.load_der_x509_certificate(der) for der in decoded.signed_data.certificates]
    except UNUSABLE as error:
        raise TokenUnreadable(str(error)[:200]) from error
    signer, believed = signer_of(embedded, certificates)
    builder = VerifierBuilder() if asked is None else VerifierBuilder.from_request(asked)
    for certificate in believed:
        builder = builder.add_root_certificate(certificate)
    _verify(builder.tsa_certificate(signer), decoded, stamped)
    return stamp_of(at, signer)


def _believed(roots: Sequence[x509.Certificate], others: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Give the roots and those of the others that lead to one as authorities."""
    believed = list(dict.fromkeys(roots))
    waiting = [other for other in dict.fromkeys(others) if other not in believed and _is_authority(other)]
    while found := [other for other in waiting if any(_is_issued_by(other, issuer) for issuer in believed)]:
        believed += found
        waiting = [other for other in waiting if other not in found]
    return believed


def _is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, *UNUSABLE):
        return False
    return _is_authority(issuer)


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except UNUSABLE:
        return False


def _verify(builder: VerifierBuilder, decoded: TimeStampResponse, stamped: bytes) -> None:
    try:
        if not builder.build().verify_message(decoded, stamped):
            raise TokenRefused("not accepted")
    except (VerificationError, *UNUSABLE) as error:
        raise TokenRefused(str(error)[:200]) from error
    except BaseException as error:
        # rfc3161-client 1.0.9 panics at a certificate that OpenSSL cannot read, and a panic is no Exception.
        if type(error).__name__ != "PanicException":
            raise
        raise TokenUnreadable("the parser of tokens gave up") from error


def _may_stamp(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except UNUSABLE:
        return False
    return usage.critical and list(usage.value) == [ExtendedKeyUsageOID.TIME_STAMPING]
