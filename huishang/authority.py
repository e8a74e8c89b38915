"""The node's own certificate authority, so that another machine on the network gets https from the first day.

Core part: `create_authority`, `issue`, `renewal_reason` compute. Shell part: `ensure` keeps a folder's files:
`ca.pem`, `ca.key`, `server.pem` (certificate, then authority), `server.key`. The clock is an argument (UTC).
"""

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from huishang.addresses import IPAddress
from huishang.errors import StartError
from huishang.files import write_new_or_over

AUTHORITY_LIFE = timedelta(days=3653)
# Browsers have refused longer-lived server certificates since 2020 (398 days; one day kept in hand).
CERTIFICATE_LIFE = timedelta(days=397)
RENEW_BEFORE = timedelta(days=30)
#: What reading a certificate and a key out of files raises that hold something else; a new certificate mends it.
_UNUSABLE = (
    ValueError,
    TypeError,  # a key with a password
    UnsupportedAlgorithm,
    InvalidSignature,
    x509.InvalidVersion,
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
_BACKDATED = timedelta(hours=1)  # field devices' clocks run behind


@dataclass(frozen=True, slots=True)
class Names:
    """What a server certificate must be valid for."""

    hosts: tuple[str, ...]
    addresses: tuple[IPAddress, ...]


@dataclass(frozen=True, slots=True)
class AuthorityCreated:
    """A new authority stands in `ca.pem`; devices that trusted an older one must import it."""

    not_after: datetime


@dataclass(frozen=True, slots=True)
class CertificateIssued:
    """A server certificate was written; `reason` is `missing`, `damaged`, `expiry` or `names`."""

    reason: str
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Issuer:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def create_authority(node: str, now: datetime) -> Issuer:
    """Make a self-signed EC P-256 authority that may sign servers only (RFC 5280 section 4.2)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Huishang"),
            # Two nodes' authorities must be told apart in a phone's list, hence node and year in the name.
            x509.NameAttribute(NameOID.COMMON_NAME, f"Huishang {node[:40]} {now:%Y-%m-%d}"),
        ]
    )
    builder = _builder(name, name, key.public_key(), now, now + AUTHORITY_LIFE)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_key_usage(signs_certificates=True), critical=True)
    return Issuer(builder.sign(key, hashes.SHA256()), key)


def issue(authority: Issuer, public_key: ec.EllipticCurvePublicKey, names: Names, now: datetime) -> x509.Certificate:
    """Sign a server certificate for `names`, 397 days or as long as the authority lives."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names.hosts[-1][:64])])
    end = min(now + CERTIFICATE_LIFE, authority.certificate.not_valid_after_utc)
    builder = _builder(subject, authority.certificate.subject, public_key, now, end)
    alternatives: list[x509.GeneralName] = [x509.DNSName(host) for host in names.hosts]
    alternatives += [x509.IPAddress(address) for address in names.addresses]
    builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    builder = builder.add_extension(identifier, critical=False)
    return builder.sign(authority.key, hashes.SHA256())


def renewal_reason(certificate: x509.Certificate, names: Names, now: datetime) -> str | None:
    """Say why a certificate must be issued anew: `expiry`, `names`, or None when it serves."""
    if certificate.not_valid_after_utc - now < RENEW_BEFORE:
        return "expiry"
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    hosts = set(extension.get_values_for_type(x509.DNSName))
    addresses = set(extension.get_values_for_type(x509.IPAddress))
    covered = hosts.issuperset(names.hosts) and addresses.issuperset(names.addresses)
    return None if covered else "names"


def ensure(folder: Path, node: str, names: Names, now: datetime) -> list[AuthorityCreated | CertificateIssued]:
    """Make what is missing or runs out in `folder`, and tell what was made; an empty list means all was well.

    Raises StartError when the authority's files are damaged, or its key is absent while a certificate is due.
    """
    changes: list[AuthorityCreated | CertificateIssued] = []
    own = Names(names.hosts, (*_LOOPBACK, *(a for a in names.addresses if a not in _LOOPBACK)))
    authority_pem = _read(folder / "ca.pem")
    if authority_pem is None or _expired(folder, authority_pem, now):
        authority = create_authority(node, now)
        write_new_or_over(folder / "ca.key", _private_pem(authority.key), mode=0o600)
        authority_pem = authority.certificate.public_bytes(serialization.Encoding.PEM)
        write_new_or_over(folder / "ca.pem", authority_pem, mode=0o644)
        changes.append(AuthorityCreated(authority.certificate.not_valid_after_utc))
    reason = _reason_in(folder, authority_pem, own, now)
    if reason is not None:
        authority = _load_authority(folder, authority_pem)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = issue(authority, key.public_key(), own, now)
        write_new_or_over(folder / "server.key", _private_pem(key), mode=0o600)
        chain = certificate.public_bytes(serialization.Encoding.PEM) + authority_pem
        write_new_or_over(folder / "server.pem", chain, mode=0o644)
        changes.append(CertificateIssued(reason, certificate.not_valid_after_utc))
    return changes


_LOOPBACK: tuple[IPAddress, ...] = (ipaddress.IPv4Address("127.0.0.1"), ipaddress.IPv6Address("::1"))


def _reason_in(folder: Path, authority_pem: bytes, names: Names, now: datetime) -> str | None:
    chain, key_pem = _read(folder / "server.pem"), _read(folder / "server.key")
    if chain is None or key_pem is None:
        return "missing"
    try:
        certificate = x509.load_pem_x509_certificate(chain)
        key = serialization.load_pem_private_key(key_pem, password=None)
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority_pem))
        if key.public_key() != certificate.public_key():
            return "damaged"
        return renewal_reason(certificate, names, now)
    except _UNUSABLE:
        return "damaged"


def _expired(folder: Path, authority_pem: bytes, now: datetime) -> bool:
    try:
        authority = x509.load_pem_x509_certificate(authority_pem)
    except ValueError:
        raise _damaged(folder) from None
    return authority.not_valid_after_utc - now < RENEW_BEFORE


def _load_authority(folder: Path, authority_pem: bytes) -> Issuer:
    key_pem = _read(folder / "ca.key")
    if key_pem is None:
        path = folder / "ca.key"
        raise StartError(f"{path}: 缺少根证书私钥，请放回 / the authority's key is absent, put it back to go on")
    try:
        key = serialization.load_pem_private_key(key_pem, password=None)
        certificate = x509.load_pem_x509_certificate(authority_pem)
    except (ValueError, TypeError):
        raise _damaged(folder) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise _damaged(folder)
    return Issuer(certificate, key)


def _damaged(folder: Path) -> StartError:
    return StartError(
        f"{folder}: 根证书损坏，从备份恢复，或删除该目录重新生成（各设备须重新信任） / "
        "the authority's files are damaged; restore them, "
        "or remove this folder for new ones (devices must trust them anew)"
    )


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, end: datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number(), now - _BACKDATED, end)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
