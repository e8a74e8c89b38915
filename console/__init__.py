"""The operators' web page: plain ES modules and style sheets, no build step. Only says where the files are."""

from pathlib import Path
from typing import Final

STATIC: Final[Path] = Path(__file__).parent
"""Folder whose ``index.html``, ``icons.svg``, ``style/`` and ``js/`` are to be served. Relative addresses only, so any
prefix will do; the page expects ``/api``, ``/whip`` and ``/whep`` at the root of the same origin."""
