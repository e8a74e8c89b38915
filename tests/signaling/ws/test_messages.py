"""Messages: what is understood, what is strange, what is nothing; and that what is sent reads as documented."""

from __future__ import annotations

import re
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.ws import messages
from signaling.ws.messages import Close, NotUnderstood, Strange, decode, encode
from tests.house.tree import ROOT

API = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"t":"hello","versions":[1],"token":"x"}', messages.Hello([1], "x")),
        ('{"token":"x","versions":[9,1],"t":"hello","new":{"a":[]}}', messages.Hello([9, 1], "x")),
        ('{"t":"watch","topic":"overview"}', messages.Watch("overview")),
        ('{"t":"act","id":"a","name":"n"}', messages.Do("a", "n")),
        ('{"t":"ping"}', messages.Ping()),
        ('{"t":"ping","at":"x"}', messages.Ping("x")),
        ('{"t":"hangup"}', messages.Hangup()),
    ],
)
def test_messages_are_understood_whatever_else_is_in_them(text: str, message: messages.Message) -> None:
    assert decode(text.encode()) == message


@pytest.mark.parametrize(
    ("text", "identifier", "code"),
    [
        ('{"t":"dance"}', "", "unknown-message"),
        ('{"t":"dance","id":"7"}', "7", "unknown-message"),
        ('{"t":"act","id":"7","name":5}', "7", "invalid-message"),
        ('{"t":"offer","id":"7"}', "7", "invalid-message"),
    ],
)
def test_what_is_strange_is_told_with_its_id(text: str, identifier: str, code: str) -> None:
    with pytest.raises(Strange) as strange:
        decode(text.encode())
    assert (strange.value.id, strange.value.code) == (identifier, code)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b'"hello"',
        b'{"t":["hello"]}',
        b'{"t":"watch","topic":"%b"}' % (b"x" * 81),
        b'{"t":"act","id":"%b","name":"n"}' % (b"x" * 65),
        b'{"t":"dance","id":"%b"}' % (b"x" * 65),
        b'{"t":"hello","versions":[1],"token":"x","resume":{"epoch":"e","topics":{"overview":-1}}}',
        b'{"t":"watch","topic":"\xff"}',
        b'{"t":"dance","id":"\xff"}',
        b'{"t":"ping","x":' + b"[" * 100_000,
        b'{"t":"ping","x":"' + b"x" * messages.MAX_MESSAGE_BYTES + b'"}',
    ],
)
def test_what_is_nothing_is_not_understood(text: bytes) -> None:
    with pytest.raises(NotUnderstood):
        decode(text)


@given(st.text(), st.text())
def test_what_is_sent_is_json(code: str, detail: str) -> None:
    read = msgspec.json.decode(encode(messages.Refusal("1", code, "", detail)))
    assert read == {"t": "refused", "id": "1", "code": code, "field": "", "detail": detail}


def rows(heading: str) -> dict[str, str]:
    """Give the table of docs/api.md below a heading: type of message -> its fields."""
    table = API[API.index(heading) :].split("\n\n")[0]
    return dict(re.findall(r"^\| `(\w+)` \|([^|]*)\|", table, re.MULTILINE))


@pytest.mark.parametrize(
    ("heading", "union"), [("| client sends", messages.Message), ("| server sends", messages.Reply)]
)
def test_the_description_names_every_message_and_field(heading: str, union: object) -> None:
    documented = rows(heading)
    kinds = {str(kind.__struct_config__.tag): kind for kind in get_args(union)}
    assert set(documented) == set(kinds)
    for tag, kind in kinds.items():
        for field in kind.__struct_fields__:
            assert f"`{field}`" in documented[tag], f"{tag}.{field}"


def test_the_description_names_every_close_code() -> None:
    for close in Close:
        assert re.search(rf"\b{close}\b", API), close
        assert f"`{close.code}`" in API, close.code
