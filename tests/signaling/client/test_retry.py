"""signaling.client.retry: what a server may ask for, and what it may not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.client.retry import MOST_RETRY_SECONDS, retry_seconds

NOW = datetime(2026, 11, 22, 3, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("0", 0.0),
        ("2", 2.0),
        (" 7 ", 7.0),
        ("30", 30.0),
        ("86400", MOST_RETRY_SECONDS),
        ("9" * 8000, MOST_RETRY_SECONDS),
        ("Sun, 22 Nov 2026 03:00:12 GMT", 12.0),
        ("Sunday, 22-Nov-26 03:00:12 GMT", 12.0),
        ("Sun Nov 22 03:00:12 2026", 12.0),
        ("Sun, 22 Nov 2026 04:00:12 GMT", MOST_RETRY_SECONDS),
        ("Sun, 22 Nov 2026 02:59:59 GMT", 0.0),
        ("Sun, 22 Nov 2026 03:00:12 -0000", 12.0),
    ],
)
def test_seconds_and_dates_are_kept_to_within_the_bound(status: int, asked: str, seconds: float) -> None:
    assert retry_seconds(status, asked, None, NOW) == seconds


def test_date_is_taken_by_the_servers_clock() -> None:
    ahead = "Sun, 22 Nov 2026 05:00:00 GMT"
    assert retry_seconds(503, "Sun, 22 Nov 2026 05:00:03 GMT", ahead, NOW) == 3.0
    assert retry_seconds(503, "Sun, 22 Nov 2026 03:00:03 GMT", "no date", NOW) == 3.0


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "soon",
        "-1",
        "1.5",
        "1e3",
        "\u0663",
        "\u00b2",
        "Sun, 99 Nov 2026 03:00:12 GMT",
        "1 Jan 1 1:1:99999999999999999999 GMT",
    ],
)
def test_nonsense_is_no_wish(asked: str) -> None:
    assert retry_seconds(503, asked, None, NOW) == 0.0


def test_other_answers_do_not_ask_for_it() -> None:
    assert retry_seconds(503, None, None, NOW) == 0.0
    assert retry_seconds(404, "5", None, NOW) == 0.0
    assert retry_seconds(301, "5", None, NOW) == 0.0


DATE_LIKE = st.lists(
    st.sampled_from(
        ["Sun,", "22", "Nov", "2026", "99999999999999999999", "03:00:12", "1:2", ":", "GMT", "+9999", "-0000", "-", ""]
    )
).map(" ".join)


@given(st.one_of(st.text(), DATE_LIKE), st.one_of(st.none(), st.text(), DATE_LIKE))
def test_any_text_gives_a_wait_within_the_bound(asked: str, date: str | None) -> None:
    assert 0.0 <= retry_seconds(503, asked, date, NOW) <= MOST_RETRY_SECONDS
