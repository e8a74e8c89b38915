"""Draw the demonstration's glyph atlas once: ``python -m huishang.demo.draw_glyphs``.

Neither Pillow nor a font is a dependency, so the glyphs that the demonstration draws into its pictures are committed as
``glyphs.npz``. Run this again after a new character enters ``units.py``. Needs Chromium and Noto Sans CJK installed.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from huishang.demo.glyphs import CLOCK_PIXELS, TEXT_PIXELS
from huishang.demo.units import UNITS

_BROWSER: Final = ("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom")
_COMMON: Final = (
    "省市县区乡镇街道村组社政府人民应急指挥中心会商室议大厅队消防救援公安交通水利气象林业卫健无人机号布控球单兵"
    "卫星电话对讲机车移动平台现场一二三四五六七八九十东南西北前后方（）()·—"
)

_PAGE: Final = """<!doctype html><meta charset="utf-8"><body><script>
const draw = (chars, px) => {
  const height = Math.ceil(px * 1.25), width = Math.ceil(px * 1.1);
  const canvas = document.createElement("canvas");
  canvas.width = width; canvas.height = height;
  const pen = canvas.getContext("2d", {willReadFrequently: true});
  return chars.map((char) => {
    pen.fillStyle = "#000"; pen.fillRect(0, 0, width, height);
    pen.fillStyle = "#fff"; pen.font = `700 ${px}px "Noto Sans CJK SC"`; pen.textBaseline = "alphabetic";
    pen.fillText(char, 0, Math.round(px * 0.98));
    const advance = Math.min(width, Math.round(pen.measureText(char).width));
    const rgba = pen.getImageData(0, 0, width, height).data;
    let alpha = "";
    for (let i = 0; i < rgba.length; i += 4) alpha += String.fromCharCode(rgba[i] & 0xf0);
    return [advance, height, width, btoa(alpha)];
  });
};
document.body.textContent = "DRAWN" + JSON.stringify(ORDERS.map(([chars, px]) => draw(chars, px))) + "DRAWN";
</script>"""


def _characters() -> list[str]:
    wanted = {chr(code) for code in range(0x20, 0x7F)} | set(_COMMON)
    for unit in UNITS:
        wanted |= set(unit.name)
    return sorted(wanted)


def _draw(orders: list[tuple[list[str], int]]) -> list[list[tuple[int, int, int, str]]]:
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "glyphs.html"
        page.write_text(_PAGE.replace("ORDERS", json.dumps(orders)), encoding="utf-8")
        shown = subprocess.run([*_BROWSER, page.as_uri()], check=True, capture_output=True, text=True).stdout
    found = re.search(r"DRAWN(.*)DRAWN", shown)
    if found is None:
        raise SystemExit("the browser drew nothing")
    drawn: list[list[tuple[int, int, int, str]]] = json.loads(found[1])
    return drawn


def _arrays(chars: list[str], pixels: int, drawn: list[tuple[int, int, int, str]]) -> dict[str, NDArray[Any]]:
    bitmaps = [
        np.frombuffer(base64.b64decode(data), dtype=np.uint8).reshape(height, width)
        for _advance, height, width, data in drawn
    ]
    return {
        f"codepoints_{pixels}": np.array([ord(char) for char in chars], dtype=np.uint32),
        f"advances_{pixels}": np.array([row[0] for row in drawn], dtype=np.uint8),
        f"alpha_{pixels}": np.stack(bitmaps),
    }


def main() -> None:
    """Write ``glyphs.npz`` beside this module."""
    orders = [(_characters(), TEXT_PIXELS), (sorted("0123456789:.- "), CLOCK_PIXELS)]
    arrays: dict[str, NDArray[Any]] = {}
    for (chars, pixels), drawn in zip(orders, _draw(orders), strict=True):
        arrays |= _arrays(chars, pixels, drawn)
    target = Path(__file__).with_name("glyphs.npz")
    np.savez_compressed(target, allow_pickle=False, **arrays)
    print(f"{target}: {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
