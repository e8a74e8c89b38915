"""Text in pictures: names in any script that a font of this machine has, and never an error for want of one.

Shell: it reads a font. Where no font with Chinese is found, Chinese is written in pinyin and what else is missing as
`?`; Debian's `fonts-wqy-microhei` (5 MB) or `fonts-noto-cjk` brings one.
"""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

#: Files of fonts with Chinese, and which of a collection's fonts is that of the mainland.
CHINESE: Final = (
    ("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", 2),
    ("/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc", 2),
    ("/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc", 2),
    ("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc", 0),
    ("/usr/share/fonts/wqy-microhei/wqy-microhei.ttc", 0),
    ("/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc", 0),
    ("/usr/share/fonts/wqy-zenhei/wqy-zenhei.ttc", 0),
    ("/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf", 0),
    ("/usr/share/fonts/truetype/arphic/uming.ttc", 0),
)
MAX_CHARACTERS: Final = 64


@lru_cache(maxsize=1024)
def draw(text: str, pixels: int, fonts: tuple[tuple[str, int], ...] = CHINESE) -> NDArray[np.uint8]:
    """Give a line of text as coverage 0-255, shape (height, width); a font of so many pixels."""
    font, is_chinese = _font(pixels, fonts)
    shown = _shown(text, is_chinese)
    left, _, right, _ = font.getbbox(shown or " ")
    ascent, descent = _metrics(font, pixels)
    size = max(2, int(right - left) + 2 & ~1), ascent + descent + 1 & ~1
    image = Image.new("L", size, 0)
    ImageDraw.Draw(image).text((-left, 0), shown, fill=255, font=font)
    return np.array(image, np.uint8)


def _shown(text: str, is_chinese: bool) -> str:
    text = "".join(each if each.isprintable() else " " for each in text)[:MAX_CHARACTERS]
    if is_chinese or text.isascii():
        return text
    from pypinyin import lazy_pinyin  # takes a while, and is seldom needed

    spelled = " ".join(lazy_pinyin(text, errors=lambda other: other))
    return spelled.encode("ascii", "replace").decode()[: 2 * MAX_CHARACTERS]


@cache
def _font(pixels: int, fonts: tuple[tuple[str, int], ...]) -> tuple[Any, bool]:
    for path, index in fonts:
        if Path(path).is_file():
            try:
                return ImageFont.truetype(path, pixels, index=index), True
            except OSError:
                continue
    return ImageFont.load_default(pixels), False


def _metrics(font: Any, pixels: int) -> tuple[int, int]:
    return font.getmetrics() if isinstance(font, ImageFont.FreeTypeFont) else (pixels, pixels // 3)
