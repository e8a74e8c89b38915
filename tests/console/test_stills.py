"""Stills on a thin link: what is fetched next, and how long the sound has the link to itself then."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page

from tests.console.test_logic import run

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest.mark.parametrize(
    ("done", "least", "most"),
    [
        # 10 kB on 60 kb/s are 1.5 s of the link: with three times that from one to the next it has a third.
        ({"bytes": 10_000, "transferMs": 1500, "bps": 60_000}, 2900, 3100),
        ({"bytes": 10_000, "transferMs": 10, "bps": 2_000_000}, 120, 200),
        # Nothing is known of the link: then the transfer itself tells what it was.
        ({"bytes": 10_000, "transferMs": 1500, "bps": None}, 3000, 3000),
        ({"bytes": 60_000, "transferMs": 60_000, "bps": 8_000}, 10_000, 10_000),
    ],
)
async def test_stills_take_a_third_of_the_link(blank: Page, done: dict[str, Any], least: float, most: float) -> None:
    assert least <= await run(blank, "stills", "m.pauseMs(a)", done) <= most


async def test_what_matters_most_is_fetched_first_and_then_who_waits_longest(blank: Page) -> None:
    waiting = [
        {"rank": 0, "dueMs": 100, "id": "a"},
        {"rank": 2, "dueMs": 900, "id": "b"},
        {"rank": 0, "dueMs": 50, "id": "c"},
    ]
    chosen = "[40, 60, 200, 1000].map((now) => m.nextOf(a, now)?.id ?? null)"
    assert await run(blank, "stills", chosen, waiting) == [None, "c", "c", "b"]
