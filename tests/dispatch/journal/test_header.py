import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.journal import JournalDamaged, JournalForeign, format, header
from dispatch.journal.header import Closed, Header

FIRST = Header(journal="j", node="n", file=1, first=0)
SECOND = Header(journal="j", node="n", file=2, first=7, before=Closed(100, 5))


@given(st.builds(Header, journal=st.text(), node=st.text(), file=st.integers(1, 99), first=st.integers(0, 2**60)))
def test_a_header_is_read_as_it_was_written(head: Header) -> None:
    line = header.encode(head)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert header.decode(line[:-1], "00000001.jsonl") == head


def test_fields_of_a_later_program_are_passed_over() -> None:
    fields = {**msgspec.to_builtins(FIRST), "later": [1]}
    assert header.decode(format.line(msgspec.json.encode(fields))[:-1], "a") == FIRST


@pytest.mark.parametrize("content", [b"{}", b"[]", b"{", b'{"v":1,"journal":1}', b"\xff", b"[" * 5000])
def test_whole_line_that_is_no_header_is_damage(content: bytes) -> None:
    with pytest.raises(JournalDamaged) as caught:
        header.decode(format.line(content)[:-1], "00000003.jsonl")
    assert (caught.value.file, caught.value.offset) == ("00000003.jsonl", 0)


def test_bad_line_is_damage() -> None:
    with pytest.raises(JournalDamaged):
        header.decode(header.encode(FIRST)[:-2], "a")


def test_a_newer_version_is_refused() -> None:
    with pytest.raises(JournalForeign):
        header.decode(header.encode(msgspec.structs.replace(FIRST, v=2))[:-1], "a")


def test_files_in_order_are_accepted() -> None:
    header.check_order(None, FIRST, 1, "n")
    header.check_order(FIRST, SECOND, 2, "n")


@pytest.mark.parametrize(
    ("before", "change", "number", "error"),
    [
        (None, {"node": "m"}, 1, JournalForeign),
        (None, {"first": 1}, 1, JournalDamaged),
        (None, {"file": 2}, 1, JournalDamaged),
        (FIRST, {"journal": "k"}, 2, JournalForeign),
        (FIRST, {"file": 3}, 2, JournalDamaged),
        (FIRST, {"first": 0}, 2, JournalDamaged),
        (FIRST, {"before": None}, 2, JournalDamaged),
    ],
)
def test_what_cannot_follow_is_refused(
    before: Header | None, change: dict[str, object], number: int, error: type[Exception]
) -> None:
    head = msgspec.structs.replace(SECOND if before else FIRST, **change)
    with pytest.raises(error):
        header.check_order(before, head, number, "n")
