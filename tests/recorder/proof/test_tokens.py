"""Tokens of a real authority (`openssl ts`), checked by both ways and once more by `openssl ts -verify`."""

import base64
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.proof import openssl, tokens
from recorder.proof.errors import TokenRefused
from recorder.proof.tokens import Certificates, TokenUnreadable
from tests.recorder.proof.authority import Authority

DATA = b'{"what":"is stamped"}'


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa") / "plain", "Plain")


@pytest.fixture(scope="module")
def lenient(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One whose tokens our parser refuses."""
    return Authority(tmp_path_factory.mktemp("tsa") / "lenient", "Lenient", with_chain=True)


def test_both_ways_agree_on_a_token(plain: Authority) -> None:
    asked = tokens.request(DATA)
    response = plain.reply(asked.as_bytes())
    trusted = Certificates([plain.root])
    stamp = tokens.check(response, DATA, trusted, asked=asked)
    assert plain.is_accepted(response, DATA)
    assert openssl.check(response, DATA, trusted) == stamp
    assert stamp.authority == "CN=Plain"
    assert abs(stamp.at - tokens.microseconds(datetime.now(UTC))) < 60_000_000
    assert stamp.not_after == tokens.microseconds(plain.certificate.not_valid_after_utc)


def test_what_the_strict_parser_refuses_is_asked_of_openssl(lenient: Authority) -> None:
    response = lenient.reply(tokens.request(DATA).as_bytes())
    trusted = Certificates([lenient.root])
    with pytest.raises(TokenUnreadable):
        tokens.check(response, DATA, trusted)
    assert tokens.check(response, DATA, trusted, openssl.check).authority == "CN=Lenient"
    assert lenient.is_accepted(response, DATA)


@pytest.mark.parametrize("way", ["strict", "openssl"])
def test_every_token_that_proves_something_else_is_refused(way: str, plain: Authority, lenient: Authority) -> None:
    def check(response: bytes, stamped: bytes, certificates: Certificates) -> tokens.Stamp:
        if way == "openssl":
            return openssl.check(response, stamped, certificates)
        return tokens.check(response, stamped, certificates)

    response = plain.reply(tokens.request(DATA).as_bytes())
    trusted = Certificates([plain.root])
    with pytest.raises(TokenRefused):
        check(response, DATA + b" ", trusted)
    with pytest.raises(TokenRefused):
        check(response, DATA, Certificates([lenient.root]))
    with pytest.raises(TokenRefused):
        check(response, DATA, Certificates([lenient.root], [plain.root]))
    signature = len(response) - 5
    with pytest.raises(TokenRefused):
        check(response[:signature] + bytes([response[signature] ^ 1]) + response[signature + 1 :], DATA, trusted)
    for length in (0, 1, 9, 100, len(response) - 1):
        with pytest.raises(TokenRefused):
            check(response[:length], DATA, trusted)


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=300)
@given(st.data())
def test_a_token_with_a_byte_changed_is_refused_or_says_the_same(plain: Authority, data: st.DataObject) -> None:
    response = token_of(plain)
    trusted = Certificates([plain.root])
    stamp = tokens.check(response, DATA, trusted)
    at = data.draw(st.integers(0, len(response) - 1))
    changed = response[:at] + bytes([response[at] ^ data.draw(st.integers(1, 255))]) + response[at + 1 :]
    with suppress(TokenRefused):
        assert tokens.check(changed, DATA, trusted) == stamp


@cache
def token_of(authority: Authority) -> bytes:
    return authority.reply(tokens.request(DATA).as_bytes())


def test_a_refusal_by_the_authority_is_no_token(plain: Authority) -> None:
    trusted = Certificates([plain.root])
    for refusal in (b"\x30\x05\x30\x03\x02\x01\x02", b"\x30\x05\x30\x03\x02\x01\x00", b"<html>"):
        with pytest.raises(TokenRefused):
            tokens.check(refusal, DATA, trusted, openssl.check)


def test_a_certificate_that_came_along_makes_nobody_an_authority(plain: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "tsa", "Plain")
    response = stranger.reply(tokens.request(DATA).as_bytes())
    for others in ([stranger.root], [stranger.certificate], [stranger.root, stranger.certificate]):
        for check in (tokens.check, openssl.check):
            with pytest.raises(TokenRefused):
                check(response, DATA, Certificates([plain.root], others))


def test_an_answer_to_another_request_is_refused(plain: Authority) -> None:
    response = plain.reply(tokens.request(DATA).as_bytes())
    with pytest.raises(TokenRefused):
        tokens.check(response, DATA, Certificates([plain.root]), asked=tokens.request(DATA))


@pytest.mark.parametrize("with_chain", [False, True])
def test_a_token_by_a_certificate_that_had_ended_is_refused(tmp_path: Path, with_chain: bool) -> None:
    ended = Authority(tmp_path / "tsa", "Ended", timedelta(hours=-1), with_chain=with_chain)
    response = ended.reply(tokens.request(DATA).as_bytes())
    with pytest.raises(TokenRefused):
        tokens.check(response, DATA, Certificates([ended.root]), openssl.check)


def test_no_change_of_a_root_brings_the_check_down(plain: Authority) -> None:
    response = plain.reply(tokens.request(DATA).as_bytes())
    der = plain.root.public_bytes(Encoding.DER)
    for at in range(len(der)):
        changed = der[:at] + bytes([der[at] ^ 0x40]) + der[at + 1 :]
        with suppress(TokenRefused):
            (root,) = tokens.read_certificates(pem_of(changed))
            tokens.check(response, DATA, Certificates([root, plain.root]))


def pem_of(der: bytes) -> bytes:
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"
