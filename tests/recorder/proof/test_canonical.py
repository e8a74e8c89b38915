from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from recorder.proof import canonical
from recorder.proof.errors import NotCanonical

NAMES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
INTEGERS = st.integers(-canonical.MAX_INTEGER, canonical.MAX_INTEGER)
VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=15,
)


@given(VALUES)
def test_bytes_are_those_of_another_implementation_and_read_back(value: Any) -> None:
    text = canonical.encode(value)
    assert text == rfc8785.dumps(value)
    assert canonical.decode(text) == value


def test_every_character_is_written_as_another_implementation_does() -> None:
    text = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x11000), 0x1F600, 0x10FFFF]))
    for at in range(0, len(text), 1000):
        assert canonical.encode(text[at : at + 1000]) == rfc8785.dumps(text[at : at + 1000])


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"1.0",
        b"1e3",
        b"-0",
        b"01",
        b"NaN",
        b"9007199254740992",
        b"123456789012345678901234567890",
        b' {"a":1}',
        b'{"a": 1}',
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"\xc3\xa9":1}',
        b'"\\u0041"',
        b'"\\/"',
        b'"\\ud800"',
        b'"\xff"',
        b"[" * 100_000,
        b"[" * 17 + b"]" * 17,
        b'"' + b"a" * canonical.MAX_BYTES + b'"',
    ],
)
def test_what_is_not_canonical_is_refused(text: bytes) -> None:
    with pytest.raises(NotCanonical):
        canonical.decode(text)


@pytest.mark.parametrize("value", [1.5, 2**53, {"é": 1}, {1: 2}, "\ud800", b"bytes", {"a": object()}])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(NotCanonical):
        canonical.encode(value)
