"""Entries as the journal keeps them."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.entry import Entry, Origin, decode, encode, public

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
ENTRIES = st.builds(
    Entry,
    v=st.just(1),
    id=st.text(),
    node=st.text(),
    hlc=st.tuples(st.integers(0, 2**53), st.integers(0, 2**31)),
    verb=st.text(),
    actor=st.text(),
    object=st.text(),
    origin=st.builds(Origin, ip=st.text(), device=st.text(), unit=st.text()),
    params=st.dictionaries(st.text(max_size=8), JSON, max_size=4),
)


@given(st.lists(ENTRIES, max_size=4))
def test_entries_come_back_as_they_were_and_fit_on_a_line(entries: list[Entry]) -> None:
    record = encode(entries)
    assert b"\n" not in record
    assert decode(record) == entries


def test_fields_of_a_newer_node_are_ignored() -> None:
    text = b'[{"v":2,"id":"a","node":"n","hlc":[1,0],"verb":"x","actor":"p","object":"unit:u","mood":"good"}]'
    assert decode(text)[0].object_id == "u"


@pytest.mark.parametrize("text", [b"", b"{}", b'[{"v":1}]', b"[1]", b"\xff"])
def test_what_is_no_record_is_refused(text: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(text)


def test_secrets_are_left_out_of_what_others_see() -> None:
    entry = decode(
        b'[{"v":1,"id":"a","node":"n","hlc":[1,0],"verb":"x","actor":"p","object":"credential:p",'
        b'"params":{"secret":"$argon2","changed_us":1}}]'
    )[0]
    assert public(entry).params == {"changed_us": 1}
    assert entry.params["secret"] == "$argon2"
