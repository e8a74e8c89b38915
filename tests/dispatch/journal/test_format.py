import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.journal import JournalInvalid, format

PAYLOADS = st.binary(min_size=1, max_size=80).filter(lambda payload: b"\n" not in payload)


@given(st.lists(st.lists(PAYLOADS, min_size=1, max_size=4), min_size=1, max_size=5))
def test_lines_of_a_write_tell_where_it_and_its_appends_begin_and_end(appends: list[list[bytes]]) -> None:
    lines = format.write_lines(appends)
    texts = [line[:-1] for line in lines]
    assert all(line.endswith(b"\n") and format.is_whole(text) for line, text in zip(lines, texts, strict=True))
    assert [text[format.PAYLOAD] for text in texts] == [payload for append in appends for payload in append]
    assert [format.begins_write(text) for text in texts] == [True] + [False] * (len(texts) - 1)
    ends = [number == len(append) for append in appends for number in range(1, len(append) + 1)]
    assert [format.ends_append(text) for text in texts] == ends
    assert [format.line_bytes(append) for append in appends] == [
        sum(len(line) for line in format.write_lines([append])) for append in appends
    ]


@given(PAYLOADS, st.integers(0), st.integers(1, 255))
def test_a_line_with_another_byte_in_it_is_not_whole(payload: bytes, place: int, difference: int) -> None:
    text = bytearray(format.line(payload)[:-1])
    text[place % len(text)] ^= difference
    assert not format.is_whole(bytes(text))


@pytest.mark.parametrize("text", [b"", b"00000000", b"00000000 ", b"0x000000 {}", b"        {}", bytes(40)])
def test_what_is_no_line_is_not_whole(text: bytes) -> None:
    assert not format.is_whole(text)


def test_a_checksum_is_written_in_one_way_only() -> None:
    text = format.line(b"b")[:-1]
    assert text == b"77e13629 b", "the checksum that other tools give for ' b'"
    assert format.is_whole(text) and not format.is_whole(text.upper())


@pytest.mark.parametrize("payload", [b"", b"{\n}", bytes(format.MAX_PAYLOAD_BYTES + 1)])
def test_what_cannot_be_a_line_is_refused(payload: bytes) -> None:
    with pytest.raises(JournalInvalid):
        format.check(payload)


def test_the_longest_payload_is_taken() -> None:
    format.check(b"x" * format.MAX_PAYLOAD_BYTES)


@given(PAYLOADS, PAYLOADS, st.sampled_from([b" ", b"("]))
def test_a_line_that_begins_a_write_is_found_behind_a_lost_line_feed(one: bytes, two: bytes, mark: bytes) -> None:
    glued = format.line(one)[:-1] + b"x" + format.line(two, mark)[:-1]
    assert format.hides_beginning(glued)
    assert not format.hides_beginning(glued[:-1])


@given(PAYLOADS, st.sampled_from([b"+", b","]))
def test_a_line_of_the_same_write_is_no_beginning(payload: bytes, mark: bytes) -> None:
    assert not format.hides_beginning(bytes(512) + format.line(payload, mark)[:-1])


def test_text_full_of_would_be_lines_is_looked_through_to_a_bound_only() -> None:
    places = b"00000000 " * 2000
    assert format.hides_beginning(places[: 9 * 900] + format.line(b"{}")[:-1])
    assert not format.hides_beginning(places + format.line(b"{}")[:-1])
