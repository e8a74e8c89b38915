"""When a server that refuses for now wants to be asked again (RFC 9110 section 10.2.3).  Core."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

#: No longer than this, whatever is asked: a mistake there must not keep a unit away in an emergency.
MOST_RETRY_SECONDS: Final = 30.0
#: Only here does the header mean "not now"; elsewhere it tells of redirects and maintenance.
_NOT_NOW: Final = frozenset({429, 503})


def retry_seconds(status: int, retry_after: str | None, date: str | None, now: datetime) -> float:
    """Return the seconds to wait before asking again; 0 where nothing, or nothing sensible, is said.

    `retry_after` and `date` are the answer's headers.  A date to come back at is taken by the server's clock where
    it tells the time: those of field units are often wrong.  `now` (UTC) stands in for it.
    """
    if status not in _NOT_NOW or retry_after is None:
        return 0.0
    asked = retry_after.strip()
    if asked.isascii() and asked.isdigit():
        # As text of any length: `int` refuses thousands of digits.
        return min(float(asked), MOST_RETRY_SECONDS)
    until = _moment(asked)
    if until is None:
        return 0.0
    return min(max(0.0, (until - (_moment(date) or now)).total_seconds()), MOST_RETRY_SECONDS)


def _moment(date: str | None) -> datetime | None:
    """Read an HTTP date; None for what is none."""
    if date is None:
        return None
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, TypeError, IndexError, OverflowError):  # documented, and what strange numbers meet inside
        return None
    # RFC 5322's "-0000" gives a moment without a zone; HTTP knows no other zone than this.
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
