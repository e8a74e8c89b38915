"""A stream's numbers and what it keeps for who comes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.ws import stream as streams
from signaling.ws.stream import MAX_KEPT, MAX_KEPT_BYTES, Stream
from tests.signaling.ws.client import Pages, payload


@given(st.lists(st.integers(0, 5), max_size=30), st.integers(0, 35))
def test_who_left_at_any_number_comes_to_the_same_state(values: list[int], left_after: int) -> None:
    stream = Stream("t", "", 3, {}, 0.0)
    pages, away = Pages(), Pages()
    for page in (pages, away):
        for frame in stream.snapshot():
            page.receive(payload(frame))
    for number, value in enumerate(values):
        key = ("record", str(value))
        put = {key: b'{"id":"%d","n":%d}' % (value, number)}
        frame = stream.advance({}, [key]) if key in stream.records else stream.advance(put, [])
        pages.receive(payload(frame))
        if number < left_after:
            away.receive(payload(frame))
    missed = stream.since(away.held["t"].seq)
    assert missed is not None
    for frame in missed:
        away.receive(payload(frame))
    assert away.held["t"] == pages.held["t"]


@pytest.mark.parametrize(("count", "frames"), [(0, 1), (1, 1), (3, 1), (4, 2), (6, 2), (7, 3)])
def test_long_snapshot_comes_in_portions(monkeypatch: pytest.MonkeyPatch, count: int, frames: int) -> None:
    monkeypatch.setattr(streams, "PORTION", 3)
    records = {("record", str(n)): b'{"id":"%d"}' % n for n in range(count)}
    stream, pages = Stream("t", "", 1, records, 0.0), Pages()
    for frame in stream.snapshot():
        pages.receive(payload(frame))
    assert [message.get("more", False) for message in pages.received] == [True] * (frames - 1) + [False]
    assert pages.ids("t", "record") == {str(n) for n in range(count)} and not pages.held["t"].fills
    pages.receive(payload(stream.advance({("record", "x"): b'{"id":"x"}'}, [])))
    assert stream.since(pages.held["t"].seq) == []


def test_numbers_that_are_not_its_own_mean_nothing() -> None:
    one, other = Stream("t", "a", 1, {}, 0.0), Stream("t", "b", 2, {}, 0.0)
    assert one.since(other.seq) is None and other.since(one.seq) is None
    assert one.since(one.seq) == [] and one.since(one.seq + 1) is None and one.since(0) is None


def test_what_is_kept_is_bounded_by_count_and_by_size() -> None:
    stream = Stream("t", "", 1, {}, 0.0)
    first = stream.seq
    for number in range(MAX_KEPT + 1):
        stream.advance({("record", "a"): b'{"id":"a","n":%d}' % number}, [])
    assert stream.since(first) is None and len(stream.since(first + 1) or ()) == MAX_KEPT
    stream.advance({("record", "a"): b'{"id":"a","n":"%b"}' % (b"x" * MAX_KEPT_BYTES)}, [])
    assert stream.since(stream.seq - 1) is None and stream.since(stream.seq) == []
