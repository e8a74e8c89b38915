"""The local certificate authority: what it signs, when it signs anew, what it refuses to overwrite."""

import base64
import ipaddress
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.verification import PolicyBuilder, Store
from hypothesis import given
from hypothesis import strategies as st

from huishang import authority as authority_module
from huishang.authority import (
    CERTIFICATE_LIFE,
    RENEW_BEFORE,
    AuthorityCreated,
    CertificateIssued,
    Names,
    ensure,
)
from huishang.errors import StartError

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
NAMES = Names(("localhost", "duty-room"), (ipaddress.ip_address("192.0.2.7"),))


def reasons(folder: Path, now: datetime = NOW, names: Names = NAMES) -> list[str]:
    """Run `ensure` and give the reasons for certificates; "authority" stands for a new authority."""
    changes = ensure(folder, "huishang", names, now)
    return [change.reason if isinstance(change, CertificateIssued) else "authority" for change in changes]


def accepts(folder: Path, subject: str, now: datetime) -> bool:
    """Tell whether an RFC 5280 verifier that trusts `ca.pem` takes `server.pem` for a host or address."""
    authority = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    chain = x509.load_pem_x509_certificates((folder / "server.pem").read_bytes())
    try:
        name: x509.DNSName | x509.IPAddress = x509.IPAddress(ipaddress.ip_address(subject))
    except ValueError:
        name = x509.DNSName(subject)
    verifier = PolicyBuilder().store(Store([authority])).time(now).build_server_verifier(name)
    try:
        verifier.verify(chain[0], chain[1:])
    except x509.verification.VerificationError:
        return False
    return True


def test_certificate_is_valid_for_every_name_and_for_loopback(tmp_path: Path) -> None:
    assert reasons(tmp_path) == ["authority", "missing"]
    for subject in ("localhost", "duty-room", "192.0.2.7", "127.0.0.1", "::1"):
        assert accepts(tmp_path, subject, NOW), subject
    for subject in ("192.0.2.8", "example.org"):
        assert not accepts(tmp_path, subject, NOW), subject


def test_lives_are_ten_years_and_397_days(tmp_path: Path) -> None:
    authority, certificate = ensure(tmp_path, "huishang", NAMES, NOW)
    assert isinstance(authority, AuthorityCreated) and isinstance(certificate, CertificateIssued)
    assert authority.not_after - NOW == timedelta(days=3653)
    assert certificate.not_after - NOW == timedelta(days=397)
    assert accepts(tmp_path, "localhost", certificate.not_after - timedelta(seconds=1))
    assert not accepts(tmp_path, "localhost", certificate.not_after + timedelta(seconds=1))


def test_keys_are_for_the_owner_only(tmp_path: Path) -> None:
    ensure(tmp_path / "tls", "huishang", NAMES, NOW)
    for name in ("ca.key", "server.key"):
        assert stat.S_IMODE((tmp_path / "tls" / name).stat().st_mode) == 0o600
    assert sorted(path.name for path in (tmp_path / "tls").iterdir()) == [
        "ca.key",
        "ca.pem",
        "server.key",
        "server.pem",
    ]


def test_second_run_changes_nothing(tmp_path: Path) -> None:
    ensure(tmp_path, "huishang", NAMES, NOW)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert reasons(tmp_path, NOW + CERTIFICATE_LIFE - RENEW_BEFORE) == []
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_certificate_is_renewed_thirty_days_before_its_end_by_the_same_authority(tmp_path: Path) -> None:
    ensure(tmp_path, "huishang", NAMES, NOW)
    authority = (tmp_path / "ca.pem").read_bytes()
    later = NOW + CERTIFICATE_LIFE - RENEW_BEFORE + timedelta(seconds=1)
    assert reasons(tmp_path, later) == ["expiry"]
    assert (tmp_path / "ca.pem").read_bytes() == authority
    assert accepts(tmp_path, "localhost", later + CERTIFICATE_LIFE - timedelta(days=1))


def test_new_address_is_taken_into_a_new_certificate_and_a_lost_one_changes_nothing(tmp_path: Path) -> None:
    ensure(tmp_path, "huishang", NAMES, NOW)
    moved = Names(NAMES.hosts, (ipaddress.ip_address("2001:db8::7"),))
    assert reasons(tmp_path, names=moved) == ["names"]
    assert accepts(tmp_path, "2001:db8::7", NOW)
    assert reasons(tmp_path, names=Names(NAMES.hosts, ())) == []


def test_certificate_never_outlives_its_authority(tmp_path: Path) -> None:
    (created, _) = ensure(tmp_path, "huishang", NAMES, NOW)
    late = created.not_after - RENEW_BEFORE - timedelta(days=1)
    (issued,) = ensure(tmp_path, "huishang", NAMES, late)
    assert issued.not_after == created.not_after


def test_authority_near_its_end_is_replaced_with_its_certificate(tmp_path: Path) -> None:
    (created, _) = ensure(tmp_path, "huishang", NAMES, NOW)
    late = created.not_after - timedelta(days=1)
    assert reasons(tmp_path, late) == ["authority", "damaged"]
    assert accepts(tmp_path, "localhost", late)


@pytest.mark.parametrize("name", ["server.pem", "server.key"])
@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_damaged_certificate_is_mended(tmp_path: Path, name: str, content: bytes) -> None:
    ensure(tmp_path, "huishang", NAMES, NOW)
    (tmp_path / name).write_bytes(content)
    assert reasons(tmp_path) == ["damaged"]
    key = load_pem_private_key((tmp_path / "server.key").read_bytes(), None)
    certificate = x509.load_pem_x509_certificate((tmp_path / "server.pem").read_bytes())
    assert key.public_key() == certificate.public_key()


def foreign(folder: Path, kind: str) -> tuple[str, bytes]:
    """Give a file that is sound in itself and of no use here: its name and content."""
    key = load_pem_private_key((folder / "server.key").read_bytes(), None)
    authority = load_pem_private_key((folder / "ca.key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(authority, ec.EllipticCurvePrivateKey)
    issuer = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    if kind == "another authority's":
        ensure(folder / "other", "huishang", NAMES, NOW)
        return "server.pem", (folder / "other/server.pem").read_bytes()
    if kind == "without names":
        builder = x509.CertificateBuilder(
            issuer.subject, issuer.subject, key.public_key(), 1, NOW, NOW + 9 * RENEW_BEFORE
        )
        return "server.pem", builder.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    encryption = serialization.BestAvailableEncryption(b"secret") if kind == "with a password" else None
    secret = key if kind == "with a password" else ed25519.Ed25519PrivateKey.generate()
    return "server.key", secret.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption or serialization.NoEncryption()
    )


@pytest.mark.parametrize("kind", ["another authority's", "without names", "with a password", "of another kind"])
def test_sound_file_of_no_use_is_replaced(tmp_path: Path, kind: str) -> None:
    ensure(tmp_path, "huishang", NAMES, NOW)
    name, content = foreign(tmp_path, kind)
    (tmp_path / name).write_bytes(content)
    assert reasons(tmp_path) == ["damaged"]
    assert accepts(tmp_path, "localhost", NOW)


@given(st.sampled_from(["server.pem", "server.key"]), st.integers(0, 1 << 16), st.integers(1, 255))
def test_any_damage_is_mended(tmp_path_factory: pytest.TempPathFactory, name: str, place: int, bits: int) -> None:
    folder = tmp_path_factory.mktemp("tls")
    ensure(folder, "huishang", NAMES, NOW)
    lines = (folder / name).read_bytes().split(b"-----")
    der = bytearray(base64.b64decode(lines[2]))
    der[place % len(der)] ^= bits
    lines[2] = b"\n" + base64.encodebytes(bytes(der))
    (folder / name).write_bytes(b"-----".join(lines))
    made = reasons(folder)
    assert made == ["damaged"] or (made == [] and name == "server.key")  # not every byte of a key file matters


def test_fault_of_ours_is_not_taken_for_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure(tmp_path, "huishang", NAMES, NOW)

    def fault(*arguments: object) -> None:
        raise RuntimeError("a bug that nobody knows yet")

    monkeypatch.setattr(authority_module, "renewal_reason", fault)
    with pytest.raises(RuntimeError, match="nobody knows"):
        ensure(tmp_path, "huishang", NAMES, NOW)


def test_damaged_authority_is_never_overwritten(tmp_path: Path) -> None:
    ensure(tmp_path, "huishang", NAMES, NOW)
    (tmp_path / "ca.pem").write_bytes(b"torn")
    with pytest.raises(StartError, match="restore them"):
        ensure(tmp_path, "huishang", NAMES, NOW)
    assert (tmp_path / "ca.pem").read_bytes() == b"torn"


def test_another_authoritys_key_is_refused(tmp_path: Path) -> None:
    ensure(tmp_path / "one", "huishang", NAMES, NOW)
    ensure(tmp_path / "two", "huishang", NAMES, NOW)
    (tmp_path / "one/ca.key").write_bytes((tmp_path / "two/ca.key").read_bytes())
    assert reasons(tmp_path / "one") == []
    (tmp_path / "one/server.pem").unlink()
    with pytest.raises(StartError, match="restore them"):
        ensure(tmp_path / "one", "huishang", NAMES, NOW)


def test_authority_key_kept_elsewhere_is_asked_for_only_when_needed(tmp_path: Path) -> None:
    ensure(tmp_path, "huishang", NAMES, NOW)
    (tmp_path / "ca.key").unlink()
    assert reasons(tmp_path) == []
    with pytest.raises(StartError, match="put it back"):
        ensure(tmp_path, "huishang", NAMES, NOW + CERTIFICATE_LIFE)
