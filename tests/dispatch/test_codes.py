"""Codes `id.secret`: taken apart, and proved against what is kept of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.codes import MAX_CHARACTERS, digest, join, matches, split
from dispatch.ids import ulid

IDENTIFIER = ulid(1, b"\xff" * 10)


@given(st.text(min_size=1, max_size=64))
def test_code_is_taken_apart_as_it_was_put_together(secret: str) -> None:
    assert split(join(IDENTIFIER, secret)) == (IDENTIFIER, secret)
    assert matches(secret, digest(secret)) and not matches(secret, digest(secret + "x"))


@pytest.mark.parametrize(
    "code",
    ["", ".", IDENTIFIER, f"{IDENTIFIER}.", f".{IDENTIFIER}", f"{IDENTIFIER.lower()}.x", f"{IDENTIFIER}0.x",
     "a.b.c", f"{IDENTIFIER}." + "x" * MAX_CHARACTERS, f" {IDENTIFIER}.x"],
)  # fmt: skip
def test_what_is_no_code_is_nobodys(code: str) -> None:
    assert split(code) is None


@given(st.text(alphabet=st.characters(), max_size=300))
def test_anything_is_read_without_a_fault(text: str) -> None:
    split(text)
    assert not matches(text, "") and not matches(text, "-") and not matches(text, "é")


def test_lone_surrogates_of_a_header_are_no_fault() -> None:
    assert split(f"{IDENTIFIER}.\udcff") == (IDENTIFIER, "\udcff") and not matches("\udcff", digest("x"))
