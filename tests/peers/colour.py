"""Solid colours that stay apart through any video codec, and how to tell which one a picture is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from av import VideoFrame

Rgb = tuple[int, int, int]

COLOURS: Final[dict[str, Rgb]] = {
    "red": (220, 30, 30),
    "green": (30, 180, 30),
    "blue": (30, 30, 220),
    "yellow": (220, 200, 30),
}
#: Of the sum of channel differences: matrix (BT.601 or 709) and quantiser together stay below it.
TOLERANCE: Final = 110


def name_of(rgb: Sequence[float]) -> str | None:
    """Return which of `COLOURS` this is, None for none of them."""

    def distance(name: str) -> float:
        return sum(abs(have - want) for have, want in zip(rgb, COLOURS[name], strict=True))

    nearest = min(COLOURS, key=distance)
    return nearest if distance(nearest) <= TOLERANCE else None


def solid(name: str, width: int, height: int) -> VideoFrame:
    """Return a picture of one colour, without times."""
    picture = np.full((height, width, 3), COLOURS[name], dtype=np.uint8)
    return VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")


def of_frame(frame: VideoFrame) -> str | None:
    """Return which colour the middle of a picture has."""
    picture = frame.to_ndarray(format="rgb24")
    height, width = picture.shape[:2]
    middle = picture[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3]
    return name_of([float(value) for value in middle.reshape(-1, 3).mean(axis=0)])
