"""signaling.ice.types: credentials."""

from __future__ import annotations

import pytest

from signaling.ice.types import Credentials, CredentialsError, generate_credentials


def test_generated_credentials_are_fresh_and_long_enough() -> None:
    drawn = {generate_credentials() for _ in range(100)}
    assert len(drawn) == 100
    assert all(len(c.ufrag) >= 4 and len(c.password) >= 22 for c in drawn)


@pytest.mark.parametrize(
    ("ufrag", "password"),
    [("abc", "p" * 22), ("a" * 257, "p" * 22), ("abcd", "p" * 21), ("abcd", "p" * 257), ("a:bc", "p" * 22)],
)
def test_credentials_beyond_the_rfc_are_refused(ufrag: str, password: str) -> None:
    with pytest.raises(CredentialsError):
        Credentials(ufrag, password)


@pytest.mark.parametrize("bad", ["\r\nx\r\n", "with space", "中文字符"])
def test_harmful_characters_are_refused(bad: str) -> None:
    with pytest.raises(CredentialsError):
        Credentials(bad + "abcd", "p" * 22)
