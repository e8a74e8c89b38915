"""Where pictures stand in a composition. Core. All numbers are pixels of the canvas, and even, as YUV 4:2:0 wants."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

MARGIN: Final = 2
"""Around each picture."""


class Box(NamedTuple):
    """A rectangle."""

    x: int
    y: int
    width: int
    height: int


def cells(count: int, room: Box) -> list[Box]:
    """Share a room out among so many pictures: rows as equal as can be, a last row that is not full in the middle."""
    if not count:
        return []
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    width, height = room.width // columns & ~1, room.height // rows & ~1
    boxes = []
    for number in range(count):
        row, column = divmod(number, columns)
        in_row = min(columns, count - row * columns)
        left = (room.width - in_row * width) // 2 & ~1
        x, y = room.x + left + column * width, room.y + row * height
        boxes.append(Box(x + MARGIN, y + MARGIN, width - 2 * MARGIN, height - 2 * MARGIN))
    return boxes


def fitted(width: int, height: int, box: Box) -> Box:
    """Give where a picture of this size stands in a box, whole and not distorted."""
    scale = min(box.width / width, box.height / height)
    wide = max(2, min(box.width, round(width * scale)) & ~1)
    high = max(2, min(box.height, round(height * scale)) & ~1)
    return Box(box.x + ((box.width - wide) // 2 & ~1), box.y + ((box.height - high) // 2 & ~1), wide, high)
