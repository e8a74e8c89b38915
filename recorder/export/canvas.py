"""A picture that is put together: YUV 4:2:0 in arrays. Core: arrays in, arrays out."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from recorder.export.grid import Box

Plane = NDArray[np.uint8]
Planes = tuple[Plane, Plane, Plane]
BLACK: Final = 16
_WHITE: Final = 235
_GREY: Final = 128
_SHADE: Final = 0.35
"""What is left of a picture's brightness behind text."""


class Canvas:
    """One picture; `planes` are of its size, the second and third of half of it."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.planes: Planes = (
            np.empty((height, width), np.uint8),
            np.empty((height // 2, width // 2), np.uint8),
            np.empty((height // 2, width // 2), np.uint8),
        )
        self.clear()

    def clear(self) -> None:
        """Make it black."""
        for plane, value in zip(self.planes, (BLACK, _GREY, _GREY), strict=True):
            plane[:] = value

    def put(self, planes: Planes, box: Box) -> None:
        """Put a picture of just the box's size into it."""
        for at, (ours, theirs) in enumerate(zip(self.planes, planes, strict=True)):
            x, y, width, height = box if at == 0 else (side // 2 for side in box)
            ours[y : y + height, x : x + width] = theirs

    def write(self, coverage: Plane, x: int, y: int) -> None:
        """Write text in white on a shade of what is behind it; what does not fit is cut off."""
        height, width = min(coverage.shape[0], self.height - y), min(coverage.shape[1], self.width - x)
        if height <= 0 or width <= 0:
            return
        luma, *chroma = self.planes
        behind = luma[y : y + height, x : x + width]
        alpha = coverage[:height, :width].astype(np.float32) / 255
        dark = BLACK + (behind.astype(np.float32) - BLACK) * _SHADE
        behind[:] = (dark + (_WHITE - dark) * alpha).astype(np.uint8)
        for plane in chroma:
            part = plane[y // 2 : (y + height) // 2, x // 2 : (x + width) // 2]
            part[:] = (_GREY + (part.astype(np.float32) - _GREY) * _SHADE).astype(np.uint8)
