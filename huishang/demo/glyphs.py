"""Text as alpha bitmaps from the committed atlas ``glyphs.npz``; a core that reads one file of its own package."""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files
from typing import Final

import numpy as np
from numpy.typing import NDArray

TEXT_PIXELS: Final = 24
"""Font size of names."""
CLOCK_PIXELS: Final = 40
"""Font size of the clock; this size has only digits, ``:``, ``.``, ``-`` and space."""


class MissingGlyph(ValueError):
    """A character is not in the atlas; draw it with ``python -m huishang.demo.draw_glyphs``."""


@cache
def _atlas(pixels: int) -> dict[str, NDArray[np.uint8]]:
    with as_file(files("huishang.demo").joinpath("glyphs.npz")) as path, np.load(path, allow_pickle=False) as npz:
        codepoints = npz[f"codepoints_{pixels}"]
        advances = npz[f"advances_{pixels}"]
        alpha = npz[f"alpha_{pixels}"]
    return {
        chr(int(code)): np.ascontiguousarray(bitmap[:, : int(advance)])
        for code, advance, bitmap in zip(codepoints, advances, alpha, strict=True)
    }


def draw(text: str, pixels: int = TEXT_PIXELS) -> NDArray[np.uint8]:
    """Return `text` as coverage 0-255, shape (height, width), uint8.

    Raises:
        MissingGlyph: a character is not in the atlas of this size.
    """
    atlas = _atlas(pixels)
    try:
        return np.concatenate([atlas[char] for char in text], axis=1)
    except KeyError as error:
        raise MissingGlyph(f"no glyph for {error.args[0]!r} at {pixels} px") from None
