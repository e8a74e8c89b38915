"""What a receiver is sent: all that it wants, in order, bounded, without secrets, signed as docs/api.md says."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dispatch.entry import Entry, Origin, encode
from signaling.webhooks.envelope import lot, signature, wanted


def entry(number: int, verb: str = "consultation.create", **params: Any) -> Entry:
    return Entry(
        v=1,
        id=f"{number:026}",
        node="node",
        hlc=(number, 0),
        verb=verb,
        actor="a",
        object="consultation:c",
        origin=Origin("192.0.2.1"),
        params=params,
    )


RECORDS = st.lists(
    st.lists(
        st.tuples(st.sampled_from(["unit.create", "unit.remove", "person.create"]), st.text(max_size=40)), max_size=4
    ),
    min_size=1,
    max_size=20,
)


@given(RECORDS, st.integers(0, 100), st.integers(1, 2_000), st.sampled_from([(), ("unit.*",), ("person.create",)]))
def test_lots_together_hold_everything_wanted_in_order_and_no_lot_is_too_large(
    acts: list[list[tuple[str, str]]], first: int, most: int, verbs: tuple[str, ...]
) -> None:
    records = []
    expected = []
    for position, act in enumerate(acts, first):
        entries = [entry(position * 10 + part, verb, text=text) for part, (verb, text) in enumerate(act)]
        records.append((position, encode(entries)))
        expected += [item.id for item in entries if wanted(item.verb, verbs)]
    found: list[str] = []
    rest = records
    while rest:
        taken = lot(rest, verbs, most)
        count = taken.following - rest[0][0]
        assert count >= 1 and not taken.unreadable
        assert count == 1 or sum(len(record) for _, record in rest[:count]) <= most
        found += [item["id"] for item in json.loads(taken.body)["entries"]]
        rest = rest[count:]
    assert found == expected


def test_secret_of_an_entry_is_not_sent() -> None:
    record = encode([entry(1, "person.password", secret="$argon2id$very", changed_us=7)])
    body = lot([(0, record)], (), 1_000).body
    assert b"argon2" not in body
    (told,) = json.loads(body)["entries"]
    assert told["params"] == {"changed_us": 7} and told["from"] == {"ip": "192.0.2.1"}


@given(st.binary(max_size=60))
def test_record_that_cannot_be_read_is_named_and_passed(garbage: bytes) -> None:
    good = encode([entry(1)])
    broken = b"{" + garbage
    taken = lot([(4, broken), (5, good)], (), 10_000)
    assert taken.unreadable == (4,) and taken.following == 6 and len(taken.entries) == 1


def test_verbs_are_wanted_by_name_or_by_their_beginning() -> None:
    assert wanted("unit.move", ()) and wanted("unit.move", ("unit.*",)) and wanted("unit.move", ("a.b", "unit.move"))
    assert not wanted("units.move", ("unit.*",)) and not wanted("unit.move", ("unit.mov",))


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=16), st.integers(0, 1 << 40), st.binary())
def test_signature_is_that_of_time_dot_and_body(secret: str, now_s: int, body: bytes) -> None:
    told = dict(part.split("=") for part in signature(secret, now_s, body).split(","))
    assert int(told["t"]) == now_s
    assert told["v1"] == hmac.digest(secret.encode(), str(now_s).encode() + b"." + body, hashlib.sha256).hex()
