"""Journal records become records and lines of the timeline; what is strange is passed over."""

from __future__ import annotations

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from dispatch.entry import encode
from dispatch.records import Message
from dispatch.store.folding import MESSAGES_IN_MEMORY, Sheet, in_memory
from tests.dispatch.store.entries import consultation, entry, message, participant, unit


@given(st.binary() | st.recursive(st.none() | st.text(), lambda inner: st.lists(inner)).map(msgspec.json.encode))
@example(b"[" * 100_000)
@example(b'[{"v":1,"id":"","node":"","hlc":[1],"verb":"","actor":"","object":""}]')
@example(b'"\xff\\u0000"')
def test_any_bytes_are_entries_or_counted(record: bytes) -> None:
    sheet = Sheet()
    entries = sheet.read(0, record)
    assert entries == [] and sheet.unfit == (record.strip() != b"[]")


def test_entry_that_does_not_fit_changes_nothing_and_the_next_does() -> None:
    sheet = Sheet()
    for item in (
        unit("u", name_zh="甲"),
        entry("unit.change", "unit:u", level=7),
        entry("unit.change", "unit:u", order=3),
    ):
        sheet.fold(0, item)
    assert sheet.unfit == 1
    record = sheet.records["unit"]["u"]
    assert (record.id, getattr(record, "name_zh", ""), getattr(record, "order", 0)) == ("u", "甲", 3)


@given(st.text(st.sampled_from("\0\\u0abc"), max_size=12))
def test_nul_alone_is_replaced_in_a_text(text: str) -> None:
    sheet = Sheet()
    (item,) = sheet.read(0, encode([unit("u", name_zh=text)]))
    assert item.params["name_zh"] == text.replace("\0", "\ufffd")


def test_newest_stamp_is_kept_whatever_the_order() -> None:
    sheet = Sheet()
    for at_us in (5, 9, 7):
        sheet.fold(0, unit("u", at_us))
    assert sheet.stamp == (9, 0)


def test_lines_are_numbered_within_their_record() -> None:
    lines = Sheet().fold_all(8, [unit("u"), unit("v")])
    assert [line[:2] for line in lines] == [(8, 0), (8, 1)]


def test_in_memory_are_open_consultations_with_their_last_messages() -> None:
    sheet = Sheet()
    many = MESSAGES_IN_MEMORY + 3
    # Told in another order than said: the last ones are the last by their time.
    said = [message(f"m{number}", "c", at_us=number) for number in reversed(range(many))]
    for item in (
        *(consultation("c"), consultation("d", stage="ended"), participant("p", "c"), participant("q", "d")),
        *(message("n", "d"), message("o", "nowhere"), participant("r", "nowhere")),
        *said,
    ):
        sheet.fold(0, item)
    kept = in_memory(sheet.records)
    assert set(kept["consultation"]) == {"c"} and set(kept["participant"]) == {"p"}
    texts = [text.at_us for text in kept["message"].values() if isinstance(text, Message)]
    assert texts == list(range(3, many))
    assert len(sheet.records["message"]) == many + 2
