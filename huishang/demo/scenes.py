"""What the units look at, drawn once into I420 planes and then only shifted or touched a little. No I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]
Colour = tuple[int, int, int]


def to_yuv(colour: Colour) -> tuple[int, int, int]:
    """Convert red, green, blue (0-255) to limited-range BT.601 Y, Cb, Cr, as a WebRTC receiver assumes."""
    r, g, b = colour
    y = 16 + (65.481 * r + 128.553 * g + 24.966 * b) / 255
    cb = 128 + (-37.797 * r - 74.203 * g + 112.0 * b) / 255
    cr = 128 + (112.0 * r - 93.786 * g - 18.214 * b) / 255
    return round(y), round(cb), round(cr)


@dataclass(frozen=True, slots=True)
class Planes:
    """A picture as I420: `y` (height, width), `u` and `v` (height/2, width/2), uint8."""

    y: Plane
    u: Plane
    v: Plane

    @staticmethod
    def blank(width: int, height: int, colour: Colour) -> Planes:
        """Return planes of one colour; sizes are even."""
        y, u, v = to_yuv(colour)
        return Planes(
            np.full((height, width), y, dtype=np.uint8),
            np.full((height // 2, width // 2), u, dtype=np.uint8),
            np.full((height // 2, width // 2), v, dtype=np.uint8),
        )

    def paint(self, mask: NDArray[np.bool_], colour: Colour) -> None:
        """Paint `mask` (shape of `y`) in one colour."""
        y, u, v = to_yuv(colour)
        self.y[mask] = y
        half = mask[::2, ::2]
        self.u[half] = u
        self.v[half] = v

    def box(self, left: int, top: int, width: int, height: int, colour: Colour) -> None:
        """Paint a rectangle; everything in even pixels."""
        y, u, v = to_yuv(colour)
        self.y[top : top + height, left : left + width] = y
        self.u[top // 2 : (top + height) // 2, left // 2 : (left + width) // 2] = u
        self.v[top // 2 : (top + height) // 2, left // 2 : (left + width) // 2] = v


def _grid(width: int, height: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    rows, columns = np.mgrid[0:height, 0:width]
    return columns, rows


def _shade(colour: Colour, factor: float) -> Colour:
    r, g, b = (max(0, min(255, round(part * factor))) for part in colour)
    return r, g, b


def room(width: int, height: int, colour: Colour) -> Planes:
    """Draw a meeting room: wall, screen, table and people, in shades of the unit's colour."""
    planes = Planes.blank(width, height, (206, 204, 198))
    x, y = _grid(width, height)
    planes.paint(y > height * 0.62, (120, 112, 104))
    planes.box(width // 4 // 2 * 2, 24, width // 2, 104, _shade(colour, 0.75))
    planes.box(width // 4 // 2 * 2 + 8, 32, width // 2 - 16, 88, _shade(colour, 1.25))
    for place in range(5):
        centre = int(width * (0.14 + 0.18 * place))
        skin = (214, 170, 140) if place % 2 else (196, 150, 118)
        shoulders = ((x - centre) / 44) ** 2 + ((y - height * 0.66) / 56) ** 2 < 1
        head = ((x - centre) / 19) ** 2 + ((y - height * 0.45) / 24) ** 2 < 1
        hair = ((x - centre) / 20) ** 2 + ((y - height * 0.425) / 18) ** 2 < 1
        planes.paint(shoulders, _shade(colour, 0.9) if place != 2 else (232, 232, 228))
        planes.paint(head, skin)
        planes.paint(hair & (y < height * 0.43), (38, 34, 32))
    table = (y > height * 0.66) & (abs(x - width / 2) < width * 0.40 + (y - height * 0.66) * 0.7)
    planes.paint(table, (96, 68, 46))
    planes.paint(table & (y < height * 0.68), (128, 94, 66))
    return planes


def ridge(width: int, height: int, colour: Colour) -> Planes:
    """Draw a mountain road as a camera on a mast sees it: sky, ridges, river, road."""
    planes = Planes.blank(width, height, (176, 196, 214))
    x, y = _grid(width, height)
    for depth, tint in enumerate(((136, 156, 170), (96, 122, 118), (64, 92, 72))):
        crest = height * (0.30 + 0.10 * depth) + 22 * np.sin(x / (62 - 9 * depth) + depth * 2.1)
        crest += 9 * np.sin(x / 17 + depth)
        planes.paint(y > crest, tint)
    river = abs(y - height * 0.68 - 10 * np.sin(x / 80)) < 14
    planes.paint(river, (150, 126, 92))
    road = abs(y - height * 0.80) < 16
    planes.paint(road, (92, 92, 94))
    planes.paint(road & (abs(y - height * 0.80) < 1.5) & (x % 36 < 18), (226, 220, 196))
    planes.box(width - 120, int(height * 0.56) // 2 * 2, 56, 34, _shade(colour, 1.2))
    return planes


def ground(width: int, height: int, colour: Colour) -> Planes:
    """Draw land from above, `width` x `height` being larger than a frame so that a frame can move over it."""
    planes = Planes.blank(width, height, (98, 118, 66))
    x, y = _grid(width, height)
    rng = np.random.default_rng(7)
    tints: Final = [(112, 132, 72), (138, 134, 78), (84, 110, 60), (150, 126, 82), (104, 124, 88), (72, 98, 58)]
    for row in range(0, height, 72):
        left = -int(rng.integers(0, 60)) // 2 * 2
        while left < width:
            span = int(rng.integers(40, 120)) // 2 * 2
            tint = tints[int(rng.integers(0, len(tints)))]
            planes.box(max(left, 0), row + 2, max(0, min(span - 4, width - max(left, 0))), 68, tint)
            left += span
    bank = height * 0.45 + 70 * np.sin(x / 150)
    planes.paint(abs(y - bank) < 40, (146, 122, 90))
    planes.paint(abs(y - bank) < 28, (118, 104, 82))
    planes.paint(abs(x - width * 0.42 - 60 * np.sin(y / 130)) < 9, (178, 176, 170))
    for _house in range(46):
        left, top = (int(value) // 2 * 2 for value in (rng.integers(0, width - 30), rng.integers(0, height - 30)))
        if abs(top - bank[0, left]) > 60:
            planes.box(left, top, 18, 14, (176, 84, 66) if rng.random() < 0.6 else (204, 200, 192))
    planes.paint((abs(x - width * 0.6) < 26) & (abs(y - height * 0.62) < 16), colour)
    return planes
