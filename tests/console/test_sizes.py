"""What the page tells of the sizes in which it shows things: what differs, of this connection."""

from typing import Any

import pytest
from playwright.async_api import Page

from tests.console.test_logic import run

pytestmark = pytest.mark.asyncio(loop_scope="package")

NEWS = """(() => {
  const sizes = new m.Sizes();
  return a.map(([connection, lines]) => sizes.news(connection, lines.map(
    ([mid, handle, width, height, rank]) => ({ mid, handle, shown: { width, height, rank, slow: false } }),
  )).map(({ mid, width, height, rank }) => [mid, width, height, rank]));
})()"""


async def test_only_what_differs_is_told_and_all_of_a_new_connection(blank: Page) -> None:
    steps: list[Any] = [
        [1, [["0", "a", 640, 360, 0], ["1", "b", 0, 0, 0]]],
        [1, [["0", "a", 640, 360, 0], ["1", "b", 0, 0, 0]]],
        [1, [["0", "a", 640, 360, 1], ["1", "b", 320, 180, 0]]],
        # Another thing on the same line is news even where it is as large.
        [1, [["0", "c", 640, 360, 1]]],
        [1, [["0", "c", 640, 360, 1], ["1", "b", 320, 180, 0]]],
        [2, [["0", "c", 640, 360, 1]]],
    ]
    assert await run(blank, "sizes", NEWS, steps) == [
        [["0", 640, 360, 0], ["1", 0, 0, 0]],
        [],
        [["0", 640, 360, 1], ["1", 320, 180, 0]],
        [["0", 640, 360, 1]],
        [["1", 320, 180, 0]],
        [["0", 640, 360, 1]],
    ]
