"""signaling.dtls.certificate: reading and checking fingerprints."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from signaling.dtls.certificate import (
    Certificate,
    Fingerprint,
    FingerprintError,
    certificate_matches,
    usable_fingerprints,
)


@given(st.sampled_from(["sha-256", "SHA-384", "sha-512"]), st.binary(min_size=64, max_size=64))
def test_fingerprint_text_round_trips(algorithm: str, digest: bytes) -> None:
    size = int(algorithm[4:]) // 8
    fingerprint = Fingerprint(algorithm.lower(), digest[:size])
    assert Fingerprint.parse(algorithm, str(fingerprint)) == fingerprint
    assert Fingerprint.parse(algorithm, str(fingerprint).lower().replace(":", "")) == fingerprint


@pytest.mark.parametrize(
    ("algorithm", "value"),
    [("sha-1", "AA" * 20), ("sha-256", "AA" * 31), ("sha-256", "zz" * 32), ("sha-256", "A" * 10_000)],
)
def test_malformed_or_weak_fingerprint_is_refused(algorithm: str, value: str) -> None:
    with pytest.raises(FingerprintError):
        Fingerprint.parse(algorithm, value)


def test_weak_fingerprints_are_left_out_but_one_must_remain() -> None:
    assert len(usable_fingerprints([("sha-1", "AA" * 20), ("sha-256", "AA" * 32)])) == 1
    with pytest.raises(FingerprintError):
        usable_fingerprints([("sha-1", "AA" * 20)])


def test_certificate_matches_any_of_its_digests() -> None:
    der = Certificate.generate().certificate.public_bytes(serialization.Encoding.DER)
    wrong = Fingerprint("sha-256", bytes(32))
    for name in ("sha256", "sha384", "sha512"):
        right = Fingerprint("sha-" + name[3:], hashlib.new(name, der).digest())
        assert certificate_matches(der, [wrong, right])
    assert not certificate_matches(der, [wrong])
    assert not certificate_matches(der, [])
