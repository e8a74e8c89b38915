"""A unit's picture as a core: scene, name, running clock to the millisecond, own colour. No I/O, no clock, no codec."""

from __future__ import annotations

from math import cos, sin
from typing import Final

import numpy as np
from numpy.typing import NDArray

from huishang.demo import glyphs, scenes
from huishang.demo.units import Scene

BAND_HEIGHT: Final = 56
"""Caption band at the foot of the picture, in the unit's own colour; pixels."""

_LOCAL_OFFSET_S: Final = 8 * 3600
_MARGIN: Final = 12
_INK: Final = 235
_LAND_FACTOR: Final = 2
_ORBIT_RAD_PER_S: Final = 0.06


def clock_text(utc_us: int) -> str:
    """Return the UTC+8 time of day of `utc_us` (microseconds since 1970) as ``HH:MM:SS.mmm``."""
    milliseconds = (utc_us // 1_000 + _LOCAL_OFFSET_S * 1_000) % 86_400_000
    seconds, milliseconds = divmod(milliseconds, 1_000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{milliseconds:03}"


class Picture:
    """Composes frames of one unit. The frame that `compose` returns is reused by the next call."""

    def __init__(self, scene: Scene, name: str, colour: scenes.Colour, width: int = 640, height: int = 360) -> None:
        if width % 2 or height % 2 or width < 480 or height < 180:
            raise ValueError(f"picture of {width}x{height}: even sizes of at least 480x180 are needed")
        self._width, self._height = width, height
        self._scene_height = height - BAND_HEIGHT
        self._scene = scene
        self._ground = scenes.to_yuv(colour)[0]
        self._scenery = self._draw_scenery(colour)
        self._frame = np.empty((height * 3 // 2, width), dtype=np.uint8)
        flat = self._frame.reshape(-1)
        luma, chroma = width * height, width * height // 4
        self._planes = scenes.Planes(
            flat[:luma].reshape(height, width),
            flat[luma : luma + chroma].reshape(height // 2, width // 2),
            flat[luma + chroma :].reshape(height // 2, width // 2),
        )
        self._planes.box(0, 0, width, height, colour)
        self._show_scene(0, 0)
        self._write(glyphs.draw(name), _MARGIN)

    def compose(self, utc_us: int) -> NDArray[np.uint8]:
        """Return the frame for `utc_us` (microseconds since 1970): I420, shape (height * 3 / 2, width)."""
        seconds = utc_us / 1e6
        if self._scene is Scene.GROUND:
            self._fly(seconds)
        elif self._scene is Scene.RIDGE:
            self._drive(seconds)
        clock = glyphs.draw(clock_text(utc_us), glyphs.CLOCK_PIXELS)
        self._write(clock, self._width - clock.shape[1] - _MARGIN)
        self._sweep(utc_us % 1_000_000)
        return self._frame

    def _draw_scenery(self, colour: scenes.Colour) -> scenes.Planes:
        if self._scene is Scene.ROOM:
            return scenes.room(self._width, self._scene_height, colour)
        if self._scene is Scene.RIDGE:
            return scenes.ridge(self._width, self._scene_height, colour)
        return scenes.ground(self._width * _LAND_FACTOR, self._scene_height * _LAND_FACTOR, colour)

    def _show_scene(self, left: int, top: int) -> None:
        width, height = self._width, self._scene_height
        planes, scenery = self._planes, self._scenery
        planes.y[:height] = scenery.y[top : top + height, left : left + width]
        half = np.s_[top // 2 : (top + height) // 2, left // 2 : (left + width) // 2]
        planes.u[: height // 2] = scenery.u[half]
        planes.v[: height // 2] = scenery.v[half]

    def _fly(self, seconds: float) -> None:
        # Slow and in whole chroma pixels: real drones drift, and sub-pixel motion would only cost bits.
        reach_x = self._width * (_LAND_FACTOR - 1) / 2
        reach_y = self._scene_height * (_LAND_FACTOR - 1) / 2
        angle = seconds * _ORBIT_RAD_PER_S
        left = int(reach_x * (1 + cos(angle))) // 2 * 2
        top = int(reach_y * (1 + sin(1.3 * angle))) // 2 * 2
        self._show_scene(left, top)
        self._cross(self._width // 2, self._scene_height // 2)

    def _cross(self, x: int, y: int) -> None:
        self._planes.y[y, x - 18 : x + 18] = _INK
        self._planes.y[y - 18 : y + 18, x] = _INK

    def _drive(self, seconds: float) -> None:
        # One vehicle on the road: its strip is restored, then the vehicle drawn where it is now.
        top = int(self._scene_height * 0.80) // 2 * 2 - 12
        strip, half = np.s_[top : top + 24], np.s_[top // 2 : top // 2 + 12]
        self._planes.y[strip] = self._scenery.y[strip]
        self._planes.u[half] = self._scenery.u[half]
        self._planes.v[half] = self._scenery.v[half]
        left = int(seconds * 40) % (self._width - 48) // 2 * 2
        self._planes.box(left, top + 4, 44, 16, (200, 40, 36))

    def _write(self, coverage: NDArray[np.uint8], left: int) -> None:
        """Blend text of light ink over the caption band, vertically centred."""
        height, width = coverage.shape
        top = self._scene_height + (BAND_HEIGHT - height) // 2
        width = min(width, self._width - left)
        ink = coverage[:, :width].astype(np.uint16) * (_INK - self._ground) // 240 + self._ground
        self._planes.y[top : top + height, left : left + width] = ink.clip(16, _INK)

    def _sweep(self, microsecond: int) -> None:
        """Draw the second as a bar that grows along the foot, so that a stall is seen before the digits are read."""
        foot = self._height - 4
        self._planes.y[foot:] = self._ground
        self._planes.y[foot:, : self._width * microsecond // 1_000_000] = _INK
